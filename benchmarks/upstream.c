/* A model server that costs next to nothing: answers chat completions at once, or as a paced stream.
 *
 *     upstream            listens on 127.0.0.1, any free port, and prints the port
 *
 * The query chooses the answer: stream=1, chunks=N, interval_us=N (0 = as fast as the socket takes),
 * usage=0 (leave usage out), fixed=1 (send times are zero, so that two answers can be compared byte by
 * byte), check=1 (answer with the length and Adler-32 of the request's body). Every stream chunk carries
 * its number and its send time (CLOCK_MONOTONIC, ns). One thread, edge-triggered epoll, one kept timer.
 * Leaves when its parent does. */
#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MAX_FD 4096
#define HEAD_BYTES 16384
#define OUT_BYTES 32768
#define EVENT_ROOM 1024 /* no event is longer */

struct conn {
    int fd;
    bool in_body, answering, check;
    size_t head_length, out_from, out_to;
    struct body body;
    uint64_t body_bytes, due_ns, interval_ns;
    uint32_t sum_a, sum_b; /* Adler-32 */
    long chunks, next;     /* next: number of the next chunk; chunks + 1 events in all */
    bool usage, fixed;
    int place; /* in the heap; -1 = no timer */
    char head[HEAD_BYTES], out[OUT_BYTES];
};

static struct conn *conns[MAX_FD];
static struct conn *heap[MAX_FD];
static int waiting, poller, timer;
static char answer[2048], answer_bare[2048];

/* ---- the timer heap: streams by the time of their next chunk ---- */

static void put(int place, struct conn *c) {
    heap[place] = c;
    c->place = place;
}

static void settle(int place, struct conn *c) {
    while (place > 0 && heap[(place - 1) / 2]->due_ns > c->due_ns) {
        put(place, heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (int child; (child = 2 * place + 1) < waiting; place = child) {
        if (child + 1 < waiting && heap[child + 1]->due_ns < heap[child]->due_ns) child++;
        if (heap[child]->due_ns >= c->due_ns) break;
        put(place, heap[child]);
    }
    put(place, c);
}

static void schedule(struct conn *c) {
    if (c->place < 0) put(waiting++, c);
    settle(c->place, c);
}

static void unschedule(struct conn *c) {
    if (c->place < 0) return;
    int place = c->place;
    struct conn *last = heap[--waiting];
    c->place = -1;
    if (last != c) settle(place, last);
}

static void arm(void) {
    struct itimerspec when = {0};
    if (waiting) {
        when.it_value.tv_sec = (time_t)(heap[0]->due_ns / 1000000000ull);
        when.it_value.tv_nsec = (long)(heap[0]->due_ns % 1000000000ull);
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* ---- answers ---- */

static void leave(struct conn *c) {
    unschedule(c);
    conns[c->fd] = NULL;
    close(c->fd);
    free(c);
}

static void compose(char *to, size_t room, bool usage) {
    char filler[641];
    for (int i = 0; i < 640; i++) filler[i] = "the quick brown fox jumps over the lazy dog. "[i % 45];
    filler[640] = 0;
    snprintf(to, room,
             "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,"
             "\"model\":\"gpt-5-mini-2026-08-07\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
             "\"content\":\"%s\"},\"finish_reason\":\"stop\"}]%s}",
             filler,
             usage ? ",\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":140,\"total_tokens\":260,"
                     "\"prompt_tokens_details\":{\"cached_tokens\":64},"
                     "\"completion_tokens_details\":{\"reasoning_tokens\":0}}"
                   : "");
}

/* One server-sent event in one HTTP chunk. All content chunks have the same length. */
static size_t event(struct conn *c, char *to) {
    char text[EVENT_ROOM];
    int length;
    if (c->next == c->chunks) {
        length = snprintf(text, sizeof text,
                          "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                          "\"model\":\"gpt-5-mini-2026-08-07\",\"choices\":[]%s}\n\ndata: [DONE]\n\n",
                          c->usage ? ",\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":140,\"total_tokens\":260}" : "");
    } else {
        length = snprintf(text, sizeof text,
                          "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                          "\"model\":\"gpt-5-mini-2026-08-07\",\"system_fingerprint\":\"fp_0123456789\",\"service_tier\":\"default\","
                          "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}],"
                          "\"usage\":null," MARK "%0*ld-%0*llu\"}\n\n",
                          SEQUENCE_DIGITS, c->next, TIME_DIGITS, c->fixed ? 0ull : (unsigned long long)now_ns());
    }
    c->next++;
    bool last = c->next > c->chunks;
    return (size_t)sprintf(to, "%x\r\n%.*s\r\n%s", length, length, text, last ? "0\r\n\r\n" : "");
}

/* Sends what is queued and, for a stream, what is due. False when the connection is gone. */
static bool push(struct conn *c) {
    for (;;) {
        while (c->next <= c->chunks && c->out_to + 2 * EVENT_ROOM < OUT_BYTES) {
            if (c->interval_ns && c->due_ns > now_ns()) break;
            c->out_to += event(c, c->out + c->out_to);
            c->due_ns += c->interval_ns;
        }
        if (c->out_from == c->out_to) break;
        ssize_t sent = send(c->fd, c->out + c->out_from, c->out_to - c->out_from, MSG_NOSIGNAL);
        if (sent < 0) {
            unschedule(c); /* EPOLLOUT continues */
            if (errno == EAGAIN) return true;
            leave(c);
            return false;
        }
        c->out_from += (size_t)sent;
        if (c->out_from == c->out_to) c->out_from = c->out_to = 0;
    }
    if (c->next <= c->chunks) {
        schedule(c);
        return true;
    }
    unschedule(c);
    c->answering = c->in_body = false;
    c->head_length = 0;
    return true;
}

/* The number given for a name in the request's query. */
static long query(const struct conn *c, const char *name, long otherwise) {
    size_t length = strlen(name);
    const char *target = strchr(c->head, ' ');
    for (const char *at = target ? target + 1 : ""; (at = strpbrk(at, "?& ")) && *at != ' ';)
        if (strncmp(++at, name, length) == 0 && at[length] == '=') return atol(at + length + 1);
    return otherwise;
}

static bool respond(struct conn *c) {
    c->answering = true;
    c->usage = query(c, "usage", 1);
    c->fixed = query(c, "fixed", 0);
    c->interval_ns = (uint64_t)query(c, "interval_us", 0) * 1000;
    c->due_ns = now_ns();
    c->next = 0;
    if (query(c, "stream", 0)) {
        c->chunks = query(c, "chunks", 10);
        c->out_to += (size_t)sprintf(c->out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                                             "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    } else {
        char sum[80];
        snprintf(sum, sizeof sum, "{\"bytes\":%llu,\"adler32\":%u}", (unsigned long long)c->body_bytes,
                 c->sum_b << 16 | c->sum_a);
        const char *text = c->check ? sum : c->usage ? answer : answer_bare;
        c->chunks = -1;
        c->out_to += (size_t)sprintf(c->out,
                                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                     "Content-Length: %zu\r\n\r\n%s",
                                     strlen(text), text);
    }
    return push(c);
}

/* ---- requests ---- */

static void take_body(void *context, const char *bytes, size_t count) {
    struct conn *c = context;
    c->body_bytes += count;
    for (size_t i = 0; c->check && i < count; i++) {
        c->sum_a = (c->sum_a + (unsigned char)bytes[i]) % 65521;
        c->sum_b = (c->sum_b + c->sum_a) % 65521;
    }
}

/* Returns false when the connection cannot go on: a head too long, a broken chunk, bytes too many. */
static bool feed(struct conn *c, const char *bytes, size_t count) {
    if (!c->in_body) {
        size_t before = c->head_length, take = count < HEAD_BYTES - 1 - before ? count : HEAD_BYTES - 1 - before;
        memcpy(c->head + before, bytes, take);
        c->head[c->head_length = before + take] = 0;
        char *end = strstr(c->head + (before > 3 ? before - 3 : 0), "\r\n\r\n");
        if (!end) return take == count;
        end[4 - 2] = 0; /* keeps the last header's line end */
        size_t used = (size_t)(end + 4 - c->head) - before;
        bytes += used;
        count -= used;
        c->in_body = true;
        c->body_bytes = 0;
        c->sum_a = 1;
        c->sum_b = 0;
        c->check = query(c, "check", 0);
        c->body = body_of(c->head, false);
    }
    size_t used = body_feed(&c->body, bytes, count, take_body, c);
    return c->body.state != BROKEN && used == count;
}

static void on_bytes(struct conn *c) {
    static char buffer[262144];
    ssize_t got = sizeof buffer;
    while (!c->answering && got == sizeof buffer) { /* a short read has emptied the socket */
        got = recv(c->fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0 || !feed(c, buffer, (size_t)got)) {
            leave(c);
            return;
        }
        if (c->in_body && c->body.state == DONE && !respond(c)) return;
    }
}

static void go_on(struct conn *c) {
    if (push(c) && !c->answering) on_bytes(c);
}

static void welcome(int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (fd >= MAX_FD) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct conn *c = calloc(1, sizeof *c);
        if (!c) fail("calloc");
        c->fd = fd;
        c->place = -1;
        conns[fd] = c;
        struct epoll_event on = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &on);
    }
}

static int listen_anywhere(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (void *)&at, sizeof at) || listen(fd, 1024)) fail("listen");
    getsockname(fd, (void *)&at, &length);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int main(void) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    compose(answer, sizeof answer, true);
    compose(answer_bare, sizeof answer_bare, false);
    poller = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int listener = listen_anywhere();
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &(struct epoll_event){.events = EPOLLIN | EPOLLET, .data.fd = timer});
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) welcome(listener);
            else if (fd == timer || !conns[fd]) continue;
            else if (conns[fd]->answering && events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) leave(conns[fd]);
            else if (conns[fd]->answering) go_on(conns[fd]);
            else on_bytes(conns[fd]);
        }
        for (uint64_t now = now_ns(); waiting && heap[0]->due_ns <= now;) go_on(heap[0]);
        arm();
    }
}
