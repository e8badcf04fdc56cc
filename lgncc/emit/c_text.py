"""What every exported C file has besides its network; NAME stands for the file's prefix."""

HEADER = """\
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef NAME_LANES
#if defined(__GNUC__) || defined(__clang__)
#define NAME_LANES 8
#else
#define NAME_LANES 1
#endif
#endif

#define NAME_BATCH (64 * NAME_LANES)
#define NAME_SCRATCH (NAME_LANES * (NAME_SLOTS + NAME_CLASSES * NAME_PLANES))

#if NAME_LANES > 1
typedef uint64_t NAME_word __attribute__((vector_size(8 * NAME_LANES), aligned(8), may_alias));
#else
typedef uint64_t NAME_word;
#endif
"""

RESET = """
static const uint8_t NAME_reset_value[NAME_STATE] = {NAME_RESET_VALUES};

void NAME_reset(uint64_t *state)
{
    int i, w;
    for (i = 0; i < NAME_STATE; i++)
        for (w = 0; w < NAME_LANES; w++)
            state[i * NAME_LANES + w] = NAME_reset_value[i] ? ~UINT64_C(0) : 0;
}
"""

NETWORK = """
/* The inputs are in slots 2 and up of v already. A run is gates of one function. */
static void NAME_network(NAME_word *v NAME_STATE_PARAMETER)
{
    const NAME_slot *g = NAME_gate;
    int r;
    memset(v, 0, sizeof *v);
    memset(v + 1, 0xFF, sizeof *v);
NAME_STATE_COPY_IN    for (r = 0; r < NAME_RUNS; r++) {
        const NAME_slot *end = NAME_gate + 3 * NAME_run_end[r];
        switch (NAME_run_table[r]) {
NAME_CASES        }
    }
NAME_STATE_COPY_OUT}
"""

STATE_COPY_IN = """\
    memcpy(v + 2 + NAME_INPUTS, state, sizeof *v * NAME_STATE);
"""

STATE_COPY_OUT = """\
    for (r = 0; r < NAME_STATE; r++)
        memcpy(state + r * NAME_LANES, v + NAME_next_state[r], sizeof *v);
"""

EVAL = """
void NAME_eval(const uint64_t *in, uint64_t *out NAME_STATE_PARAMETER, uint64_t *scratch)
{
    int i;
    NAME_word *v = (NAME_word *)scratch;
    NAME_INPUTS_COPY
    NAME_network(v NAME_STATE_ARGUMENT);
    for (i = 0; i < NAME_OUTPUTS; i++)
        memcpy(out + i * NAME_LANES, v + NAME_output[i], sizeof *v);
}
"""

ENCODE = """
/* Up to NAME_BATCH samples; the bits past the last one are 0. */
static void NAME_encode(const NAME_feature *features, size_t n, uint64_t *scratch)
{
    size_t s;
    int i;
    for (i = 0; i < NAME_INPUTS; i++) {
        const NAME_feature *x = features + NAME_input_feature[i];
        const int64_t threshold = NAME_threshold[i];
        uint64_t *word = scratch + (i + 2) * NAME_LANES;
        memset(word, 0, sizeof(NAME_word));
        for (s = 0; s < n; s++)
            word[s / 64] |= (uint64_t)(x[s * NAME_FEATURES] > threshold) << s % 64;
    }
}
"""

RUN_BITS = """
void NAME_run(const NAME_feature *features, size_t n, uint8_t *bits NAME_STATE_PARAMETER,
    uint64_t *scratch)
{
    size_t at, s;
    int i;
    for (at = 0; at < n; at += NAME_BATCH) {
        const size_t left = n - at < NAME_BATCH ? n - at : NAME_BATCH;
        NAME_encode(features + at * NAME_FEATURES, left, scratch);
        NAME_network((NAME_word *)scratch NAME_STATE_ARGUMENT);
        for (s = 0; s < left; s++)
            for (i = 0; i < NAME_OUTPUTS; i++) {
                const uint64_t *word = scratch + NAME_LANES * NAME_output[i];
                bits[(at + s) * NAME_OUTPUTS + i] = (uint8_t)(word[s / 64] >> s % 64 & 1);
            }
    }
}
"""

RUN_SCORES = """
static void NAME_ripple(NAME_word *plane, int shift, const NAME_word *bit)
{
    NAME_word carry = *bit;
    int i;
    for (i = shift; i < NAME_PLANES; i++) {
        const NAME_word next = plane[i] & carry;
        plane[i] ^= carry;
        carry = next;
    }
}

/* plane[c * NAME_PLANES + i]: digit i of how many terms of class c hold. */
static void NAME_count(const NAME_word *v, NAME_word *plane)
{
    size_t t = 0;
    int g;
    memset(plane, 0, sizeof *plane * NAME_CLASSES * NAME_PLANES);
    for (g = 0; g < NAME_GROUPS; g++) {
        NAME_word *own = plane + NAME_group_class[g] * NAME_PLANES;
        const int shift = NAME_group_shift[g];
        const size_t end = NAME_group_end[g];
        /* two at a time: a full adder, and its carry one digit up */
        for (; t + 1 < end; t += 2) {
            const NAME_word a = v[NAME_term[t] >> 1] ^ v[NAME_term[t] & 1];
            const NAME_word b = v[NAME_term[t + 1] >> 1] ^ v[NAME_term[t + 1] & 1];
            const NAME_word half = own[shift] ^ a, carry = (own[shift] & a) | (half & b);
            own[shift] = half ^ b;
            NAME_ripple(own, shift + 1, &carry);
        }
        for (; t < end; t++) {
            const NAME_word a = v[NAME_term[t] >> 1] ^ v[NAME_term[t] & 1];
            NAME_ripple(own, shift, &a);
        }
    }
}

void NAME_run(const NAME_feature *features, size_t n, int64_t *scores,
    int *classes NAME_STATE_PARAMETER, uint64_t *scratch)
{
    NAME_word *v = (NAME_word *)scratch;
    const uint64_t *plane = scratch + NAME_SLOTS * NAME_LANES;
    size_t at, s;
    int c, i;
    for (at = 0; at < n; at += NAME_BATCH) {
        const size_t left = n - at < NAME_BATCH ? n - at : NAME_BATCH;
        NAME_encode(features + at * NAME_FEATURES, left, scratch);
        NAME_network(v NAME_STATE_ARGUMENT);
        NAME_count(v, v + NAME_SLOTS);
        for (s = 0; s < left; s++) {
            int64_t best = 0;
            for (c = 0; c < NAME_CLASSES; c++) {
                const uint64_t *digit = plane + c * NAME_PLANES * NAME_LANES + s / 64;
                int64_t score = NAME_bias[c];
                for (i = 0; i < NAME_PLANES; i++)
                    score += (int64_t)((digit[i * NAME_LANES] >> s % 64 & 1) << i);
                if (scores)
                    scores[(at + s) * NAME_CLASSES + c] = score;
                if (c == 0 || score > best) { /* the first of the highest */
                    best = score;
                    if (classes)
                        classes[at + s] = c;
                }
            }
        }
    }
}

int NAME_classify(const NAME_feature *features NAME_STATE_PARAMETER, uint64_t *scratch)
{
    int found;
    NAME_run(features, 1, NULL, &found NAME_STATE_ARGUMENT, scratch);
    return found;
}
"""
