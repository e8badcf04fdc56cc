/* The golden model's inner loop: one interpreter for every model, 512 samples a step.

   A node's value on 512 samples is one `vec`, kept in a slot. `lgncc/bitslice.py` is the
   only caller and `lgncc/schedule.py` makes the slots. No Python header is needed. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 8 /* words of 64 samples a step */
#define STEP (64 * WORDS)

typedef uint64_t vec __attribute__((vector_size(8 * WORDS)));
typedef int32_t ints __attribute__((vector_size(64))); /* of 16 samples */

#define INLINE static inline __attribute__((always_inline))

/* The widest vectors of the machine at hand are chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 12
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define CLONES
#endif

typedef struct {
    int64_t n_inputs, n_state, n_outputs, n_slots;
    const uint8_t *reset;       /* (n_state) */
    const int32_t *next_state;  /* (n_state) slots */
    const int32_t *outputs;     /* (n_outputs) slots */
    int64_t n_runs;             /* a run is a stretch of gates with one truth table */
    const int32_t *run_table;   /* (n_runs) */
    const int64_t *run_end;     /* (n_runs) one past its last gate */
    const int32_t *gates;       /* (n_gates, 3) slots: fanin 0, fanin 1, result */
    int64_t n_classes, n_planes;
    const int64_t *bias;        /* (n_classes) */
    int64_t n_groups;           /* a group is terms of one class and one power of two */
    const int32_t *group_class; /* (n_groups) ascending */
    const int32_t *group_shift; /* (n_groups) */
    const int64_t *group_end;   /* (n_groups) one past its last term */
    const int32_t *terms;       /* 2 * slot + complement */
    const int32_t *feature;     /* (n_inputs) */
    const int64_t *threshold;   /* (n_inputs) */
} program;

typedef struct {
    int64_t n, steps, columns;
    const uint8_t *bits;     /* (n, steps, n_inputs), or null and */
    const int64_t *integers; /* (n, steps, columns): features yet to be compared */
    uint8_t *out_bits;       /* (n, steps, n_outputs) or null */
    int64_t *out_scores;     /* (n, steps, n_classes) or null */
    int64_t *out_classes;    /* (n, steps), null where out_scores is */
} batch;

typedef struct {
    vec *value, *next, *plane;
    int64_t *column; /* (columns, 64) features of 64 samples */
    int64_t *score;  /* (n_classes, 64) */
    uint64_t *word;  /* (n_outputs) */
    uint8_t *zeros;  /* stands for the samples past the last one */
} scratch;

INLINE void fill(vec *at, uint64_t word)
{
    for (int w = 0; w < WORDS; w++)
        (*at)[w] = word;
}

/* 64 rows of bytes 0 and 1 to word w of the inputs' values, 64 inputs at a time. */
INLINE void pack(vec *inputs, int w, const uint8_t *const *row, int64_t n_inputs)
{
    for (int64_t from = 0; from < n_inputs; from += 64) {
        int64_t width = n_inputs - from < 64 ? n_inputs - from : 64;
        uint8_t octet[8][64] = {{0}};
        for (int o = 0; o < 8; o++)
            for (int s = 0; s < 8; s++) {
                const uint8_t *bits = row[8 * o + s] + from;
                if (width == 64)
                    for (int f = 0; f < 64; f++)
                        octet[o][f] |= (uint8_t)(bits[f] << s);
                else
                    for (int64_t f = 0; f < width; f++)
                        octet[o][f] |= (uint8_t)(bits[f] << s);
            }
        uint64_t word[64];
        for (int f = 0; f < 64; f++) {
            word[f] = 0;
            for (int o = 0; o < 8; o++)
                word[f] |= (uint64_t)octet[o][f] << 8 * o;
        }
        for (int64_t f = 0; f < width; f++)
            inputs[from + f][w] = word[f];
    }
}

/* 64 rows of integers to word w of the inputs' values: strictly above the threshold. */
INLINE void compare(const program *p, vec *inputs, int w, const int64_t *const *row,
                    int64_t columns, int64_t *column)
{
    for (int s = 0; s < 64; s++)
        for (int64_t f = 0; f < columns; f++)
            column[64 * f + s] = row[s][f];
    for (int64_t i = 0; i < p->n_inputs; i++) {
        const int64_t *x = column + 64 * p->feature[i], threshold = p->threshold[i];
        uint64_t word = 0;
        for (int s = 0; s < 64; s++)
            word |= (uint64_t)(x[s] > threshold) << s;
        inputs[i][w] = word;
    }
}

#define RUN(table, expression)                                                                    \
    case table:                                                                                   \
        for (; g < end; g += 3) {                                                                 \
            vec a = value[g[0]], b = value[g[1]];                                                 \
            (void)a;                                                                              \
            (void)b;                                                                              \
            value[g[2]] = expression;                                                             \
        }                                                                                         \
        break;

INLINE void evaluate(const program *p, vec *value)
{
    const int32_t *g = p->gates;
    for (int64_t r = 0; r < p->n_runs; r++) {
        const int32_t *end = p->gates + 3 * p->run_end[r];
        switch (p->run_table[r]) {
            RUN(0x0, a ^ a)
            RUN(0x1, ~(a | b))
            RUN(0x2, a & ~b)
            RUN(0x3, ~b)
            RUN(0x4, ~a & b)
            RUN(0x5, ~a)
            RUN(0x6, a ^ b)
            RUN(0x7, ~(a & b))
            RUN(0x8, a & b)
            RUN(0x9, ~(a ^ b))
            RUN(0xA, a)
            RUN(0xB, a | ~b)
            RUN(0xC, b)
            RUN(0xD, ~a | b)
            RUN(0xE, a | b)
            RUN(0xF, ~(a ^ a))
        }
    }
}

/* sum and carry of three bits of one weight */
#define ADD3(carry, sum, a, b)                                                                    \
    do {                                                                                          \
        vec x_ = (a), y_ = (b), t_ = (sum) ^ x_;                                                  \
        carry = ((sum) & x_) | (t_ & y_);                                                         \
        sum = t_ ^ y_;                                                                            \
    } while (0)

INLINE void ripple(vec *plane, int64_t from, int64_t to, const vec *bit)
{
    vec carry = *bit;
    for (int64_t i = from; i < to; i++) {
        vec next = plane[i] & carry;
        plane[i] ^= carry;
        carry = next;
    }
}

/* plane (n_classes, n_planes): for each class, how many of its terms hold, in binary. */
INLINE void count(const program *p, const vec *value, vec *plane)
{
    const int64_t planes = p->n_planes;
    memset(plane, 0, sizeof(vec) * (size_t)(p->n_classes * planes));
    const int32_t *t = p->terms;
    vec flip[2];
    fill(&flip[0], 0);
    fill(&flip[1], ~UINT64_C(0));
#define TERM(i) (value[t[i] >> 1] ^ flip[t[i] & 1])
    for (int64_t k = 0; k < p->n_groups; k++) {
        const int64_t shift = p->group_shift[k];
        vec *own = plane + planes * p->group_class[k];
        const int32_t *end = p->terms + p->group_end[k];
        if (end - t >= 8) { /* eight at a time: seven full adders and one ripple */
            vec ones = own[shift], twos = own[shift + 1], fours = own[shift + 2];
            for (; end - t >= 8; t += 8) {
                vec two_a, two_b, four_a, four_b, eight;
                ADD3(two_a, ones, TERM(0), TERM(1));
                ADD3(two_b, ones, TERM(2), TERM(3));
                ADD3(four_a, twos, two_a, two_b);
                ADD3(two_a, ones, TERM(4), TERM(5));
                ADD3(two_b, ones, TERM(6), TERM(7));
                ADD3(four_b, twos, two_a, two_b);
                ADD3(eight, fours, four_a, four_b);
                ripple(own, shift + 3, planes, &eight);
            }
            own[shift] = ones;
            own[shift + 1] = twos;
            own[shift + 2] = fours;
        }
        for (; t < end; t++) {
            vec bit = TERM(0);
            ripple(own, shift, planes, &bit);
        }
    }
#undef TERM
}

/* Counts of word w to scores and the class, the first of the highest. */
INLINE void decide(const program *p, const vec *plane, int w, int64_t *score, int64_t *best)
{
    int64_t high[64];
    ints own_bit;
    for (int s = 0; s < 16; s++)
        own_bit[s] = 1 << s;
    for (int64_t c = 0; c < p->n_classes; c++) {
        const vec *digits = plane + p->n_planes * c;
        int64_t *own = score + 64 * c;
        for (int s = 0; s < 64; s++)
            own[s] = p->bias[c];
        for (int64_t low = 0; low < p->n_planes; low += 31) {
            const int64_t width = p->n_planes - low < 31 ? p->n_planes - low : 31;
            for (int part = 0; part < 4; part++) {
                ints count = {0};
                for (int64_t i = 0; i < width; i++) {
                    const int32_t word = (int32_t)(digits[low + i][w] >> 16 * part & 0xFFFF);
                    count |= ((own_bit & word) == own_bit) & ((int32_t)1 << i);
                }
                for (int s = 0; s < 16; s++)
                    own[16 * part + s] += (int64_t)count[s] << low;
            }
        }
        for (int s = 0; s < 64; s++)
            if (!c || own[s] > high[s]) {
                high[s] = own[s];
                best[s] = c;
            }
    }
}

INLINE void run_block(const program *p, const batch *x, const scratch *m, int64_t at)
{
    vec *value = m->value, *inputs = value + 2, *state = inputs + p->n_inputs;
    const int64_t left = x->n - at < STEP ? x->n - at : STEP;
    fill(value, 0);
    fill(value + 1, ~UINT64_C(0));
    for (int64_t i = 0; i < p->n_state; i++)
        fill(state + i, p->reset[i] ? ~UINT64_C(0) : 0);
    for (int64_t step = 0; step < x->steps; step++) {
        for (int w = 0; w < WORDS; w++) {
            const void *row[64];
            const int64_t width = x->bits ? p->n_inputs : x->columns * 8;
            const uint8_t *from = x->bits ? x->bits : (const uint8_t *)x->integers;
            for (int s = 0; s < 64; s++) {
                int64_t sample = 64 * w + s;
                row[s] = sample < left ? from + ((at + sample) * x->steps + step) * width
                                       : m->zeros;
            }
            if (x->bits)
                pack(inputs, w, (const uint8_t *const *)row, p->n_inputs);
            else
                compare(p, inputs, w, (const int64_t *const *)row, x->columns, m->column);
        }
        evaluate(p, value);
        if (x->out_bits)
            for (int64_t s = 0; s < left; s++) {
                if (s % 64 == 0)
                    for (int64_t j = 0; j < p->n_outputs; j++)
                        m->word[j] = value[p->outputs[j]][s / 64];
                uint8_t *to = x->out_bits + ((at + s) * x->steps + step) * p->n_outputs;
                for (int64_t j = 0; j < p->n_outputs; j++)
                    to[j] = m->word[j] >> s % 64 & 1;
            }
        if (x->out_scores) {
            count(p, value, m->plane);
            for (int64_t from = 0; from < left; from += 64) {
                int64_t best[64];
                decide(p, m->plane, (int)(from / 64), m->score, best);
                for (int64_t s = 0; s < 64 && from + s < left; s++) {
                    int64_t sample = (at + from + s) * x->steps + step;
                    for (int64_t c = 0; c < p->n_classes; c++)
                        x->out_scores[sample * p->n_classes + c] = m->score[64 * c + s];
                    x->out_classes[sample] = best[s];
                }
            }
        }
        for (int64_t i = 0; i < p->n_state; i++) /* a state may be another's next state */
            m->next[i] = value[p->next_state[i]];
        memcpy(state, m->next, sizeof(vec) * (size_t)p->n_state);
    }
}

/* Answer a batch. Returns 0, or -1 without memory. */
CLONES int lgn_run(const program *p, const batch *x)
{
    const size_t planes = (size_t)(p->n_classes * p->n_planes);
    const size_t vectors = (size_t)p->n_slots + (size_t)p->n_state + planes;
    const size_t row = 8 * (size_t)(x->columns > p->n_inputs ? x->columns : p->n_inputs) + 8;
    scratch m;
    m.value = aligned_alloc(sizeof(vec), vectors * sizeof(vec));
    m.column = malloc(64 * row);
    m.score = malloc(64 * sizeof *m.score * (size_t)p->n_classes + 8);
    m.word = malloc(sizeof *m.word * (size_t)p->n_outputs + 8);
    m.zeros = calloc(row, 1);
    const int ready = m.value && m.column && m.score && m.word && m.zeros;
    if (ready) {
        m.next = m.value + p->n_slots;
        m.plane = m.next + p->n_state;
        for (int64_t at = 0; at < x->n; at += STEP)
            run_block(p, x, &m, at);
    }
    free(m.value);
    free(m.column);
    free(m.score);
    free(m.word);
    free(m.zeros);
    return ready ? 0 : -1;
}
