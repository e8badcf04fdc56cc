/* A client of the lgncc link protocol, version 2, written from docs/reference/link-protocol.md.
 *
 *     cc -O2 -o client client.c
 *     ./client /dev/ttyUSB1 BUILD_ID IN_BYTES OUT_BYTES < vectors > answers
 *
 * One request at a time, at 1 Mbaud: simple rather than fast. BUILD_ID is that of design.json. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

enum { END = 0xC0, ESC = 0xDB, ESC_END = 0xDC, ESC_ESC = 0xDD };
enum { INFER = 0x01, IDENT = 0x02, RESULT = 0x81, IDENT_REPLY = 0x82 };
enum { HEADER = 4, CRC = 4, LONGEST = HEADER + 65535 + CRC, TIMEOUT_MS = 500, TRIES = 20 };

static int port;

static void fail(const char *what) { fprintf(stderr, "error: %s\n", what); exit(1); }

/* zlib's crc32: `crc` is that of what came before, 0 if nothing did. */
static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size) {
    crc = ~crc;
    while (size--) {
        crc ^= *data++;
        for (int i = 0; i < 8; i++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

/* Send a frame; its CRC, which that of the answer goes on from. */
static uint32_t send_frame(int type, int seq, const uint8_t *payload, size_t size, uint32_t start) {
    static uint8_t plain[LONGEST], wire[2 * LONGEST + 2];
    size_t count = 0, n = HEADER + size;
    uint8_t header[HEADER] = {type, seq, size & 255, size >> 8};
    memcpy(plain, header, HEADER);
    memcpy(plain + HEADER, payload, size);
    uint32_t crc = crc32(start, plain, n);
    for (int i = 0; i < CRC; i++) plain[n++] = crc >> 8 * i;
    wire[count++] = END;
    for (size_t i = 0; i < n; i++) {
        int escaped = plain[i] == END || plain[i] == ESC;
        if (escaped) wire[count++] = ESC;
        wire[count++] = !escaped ? plain[i] : plain[i] == END ? ESC_END : ESC_ESC;
    }
    wire[count++] = END;
    for (size_t done = 0; done < count;) {
        ssize_t now = write(port, wire + done, count - done);
        if (now < 0) fail("the port is gone");
        done += now;
    }
    return crc;
}

/* The payload of the frame of this type, seq, size and start; 0 where none comes in time. */
static const uint8_t *receive(int type, int seq, size_t size, uint32_t start) {
    static uint8_t frame[LONGEST + 1];
    size_t n = 0;
    int escaped = 0, bad = 0;
    struct pollfd wanted = {port, POLLIN, 0};
    while (poll(&wanted, 1, TIMEOUT_MS) > 0) {
        uint8_t byte;
        if (read(port, &byte, 1) != 1) fail("the port is gone");
        if (byte == END) {
            uint32_t crc = 0;
            int fits = !bad && !escaped && n == HEADER + size + CRC && frame[0] == type &&
                       frame[1] == seq && (frame[2] | frame[3] << 8) == (int)size;
            for (int i = 0; fits && i < CRC; i++) crc |= (uint32_t)frame[HEADER + size + i] << 8 * i;
            if (fits && crc == crc32(start, frame, HEADER + size)) return frame + HEADER;
            n = escaped = bad = 0; /* noise, an ERROR or a stale answer: wait for the next */
        } else if (byte == ESC && !escaped) {
            escaped = 1;
        } else {
            if (escaped && byte != ESC_END && byte != ESC_ESC) bad = 1;
            if (n > LONGEST - 1) bad = 1; /* no END for long: keep nothing more */
            else frame[n++] = !escaped ? byte : byte == ESC_END ? END : ESC;
            escaped = 0;
        }
    }
    return 0;
}

static const uint8_t *ask(int type, int seq, const uint8_t *payload, size_t size, uint32_t start,
                          size_t answer_size) {
    for (int i = 0; i < TRIES; i++) {
        uint32_t crc = send_frame(type, seq, payload, size, start);
        const uint8_t *answer = receive(type | 0x80, seq, answer_size, crc);
        if (answer) return answer;
    }
    fail(type == IDENT ? "no lgncc board answers" : "the board does not answer any more");
    return 0;
}

int main(int count, char **words) {
    if (count != 5) fail("give PORT BUILD_ID IN_BYTES OUT_BYTES");
    uint8_t id[8];
    for (int i = 0; i < 8; i++)
        if (sscanf(words[2] + 2 * i, "%2hhx", &id[i]) != 1) fail("BUILD_ID: 16 hexadecimal digits");
    size_t in = strtoul(words[3], 0, 10), out = strtoul(words[4], 0, 10);
    struct termios settings;
    port = open(words[1], O_RDWR | O_NOCTTY);
    if (port < 0 || tcgetattr(port, &settings)) fail("the port cannot be opened");
    if (flock(port, LOCK_EX | LOCK_NB)) fail("the port is in use");
    cfmakeraw(&settings);
    cfsetspeed(&settings, B1000000);
    tcsetattr(port, TCSAFLUSH, &settings);
    const uint8_t *who = ask(IDENT, 0, 0, 0, 0, 14);
    if (who[0] != 2 || who[13] != 0) fail("the board speaks another protocol");
    if (memcmp(who + 1, id, 8)) fail("the board runs another build");
    uint8_t *vector = malloc(in + 1);
    for (int seq = 1; fread(vector, 1, in, stdin) == in; seq = (seq + 1) % 256)
        fwrite(ask(INFER, seq, vector, in, crc32(0, id, 8), out), 1, out, stdout);
    return 0;
}
