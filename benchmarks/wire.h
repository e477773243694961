/* What the upstream and the load generator share: a clock, header lookup and an HTTP/1.1 body decoder.
 *
 * All functions are pure but `now_ns`; nothing allocates. */
#ifndef WIRE_H
#define WIRE_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MARK "\"obfuscation\":\"" /* stands before sequence and send time in every stream chunk */
#define SEQUENCE_DIGITS 8
#define TIME_DIGITS 20

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The value of a header in a zero-terminated head, or NULL. `name` is written "\r\nContent-Length:". */
static inline const char *header(const char *head, const char *name) {
    const char *at = strcasestr(head, name);
    if (!at) return NULL;
    at += strlen(name);
    while (*at == ' ' || *at == '\t') at++;
    return at;
}

enum body_state { LENGTH, UNTIL_CLOSE, SIZE, SIZE_REST, DATA, DATA_END, TRAILER_START, TRAILER, DONE, BROKEN };

struct body {
    enum body_state state;
    uint64_t left; /* bytes of the body (LENGTH) or of this chunk (DATA) still to come */
};

typedef void sink(void *context, const char *bytes, size_t count);

/* How the body behind this head is framed; a message with neither header has none unless `to_close`. */
static inline struct body body_of(const char *head, bool to_close) {
    const char *coding = header(head, "\r\nTransfer-Encoding:");
    if (coding && strncasecmp(coding, "chunked", 7) == 0) return (struct body){SIZE, 0};
    const char *length = header(head, "\r\nContent-Length:");
    if (!length) return (struct body){to_close ? UNTIL_CLOSE : DONE, 0};
    uint64_t left = strtoull(length, NULL, 10);
    return (struct body){left ? LENGTH : DONE, left};
}

static inline enum body_state after_size(struct body *body) {
    return body->left ? DATA : TRAILER_START;
}

/* One byte of chunk framing. */
static inline void frame_byte(struct body *body, char byte) {
    switch (body->state) {
    case SIZE:
        if (isxdigit((unsigned char)byte)) {
            int digit = isdigit((unsigned char)byte) ? byte - '0' : (tolower(byte) - 'a' + 10);
            body->left = body->left * 16 + (uint64_t)digit;
        } else if (byte == '\n') body->state = after_size(body);
        else body->state = SIZE_REST;
        break;
    case SIZE_REST:
        if (byte == '\n') body->state = after_size(body);
        break;
    case DATA_END:
        if (byte == '\n') body->state = SIZE;
        else if (byte != '\r') body->state = BROKEN;
        break;
    case TRAILER_START:
        if (byte == '\n') body->state = DONE;
        else if (byte != '\r') body->state = TRAILER;
        break;
    case TRAILER:
        if (byte == '\n') body->state = TRAILER_START;
        break;
    default:
        body->state = BROKEN;
    }
}

/* Feeds bytes; hands payload to `to`; returns how many were used (all, unless the body ended). */
static inline size_t body_feed(struct body *body, const char *in, size_t count, sink *to, void *context) {
    size_t at = 0;
    while (at < count && body->state != DONE && body->state != BROKEN) {
        if (body->state != LENGTH && body->state != DATA && body->state != UNTIL_CLOSE) {
            frame_byte(body, in[at++]);
            continue;
        }
        size_t take = count - at;
        if (body->state != UNTIL_CLOSE && take > body->left) take = (size_t)body->left;
        to(context, in + at, take);
        at += take;
        if (body->state == UNTIL_CLOSE) continue;
        body->left -= take;
        if (body->left == 0) body->state = body->state == LENGTH ? DONE : DATA_END;
    }
    return at;
}

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}

#endif
