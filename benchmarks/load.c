/* A load generator on one thread: keeps connections busy and prints one line of JSON about what came back.
 *
 *     load port=N path=/v1/… [body=FILE] [mode=closed|open|streams|hold] …
 *
 * closed    connections=C seconds=S: each sends its next request when the last answer is complete
 * open      rate=R requests=N: one kept connection, a request every 1/R s (late ones at once, and counted)
 * streams   connections=C stagger_us=U: one stream each; one-way delay of every chunk
 * hold      connections=C: prints {"open":C} once every stream has begun, then keeps them until stopped
 *
 * warm=N leaves the first N answers out of the figures (open) or N ms (closed); fresh=1 opens a new
 * connection per request; expect_bytes=N and expect_chunks=N say what a right answer is;
 * limit_s=N ends everything. Times: CLOCK_MONOTONIC, the clock the upstream stamps chunks with. */
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

#define MAX_CONNS 2048
#define MAX_FAILURES 100
#define MAX_SAMPLES 8000000
#define MAX_BODY (64u << 20)
#define HEAD_BYTES 16384
#define LINE_BYTES 2048

struct samples {
    uint64_t *ns;
    size_t count, room;
};

struct conn {
    int fd; /* -1 = not connected */
    bool busy, in_body;
    size_t sent, head_length, line_length;
    struct body body;
    uint64_t due_ns, sent_ns, first_ns, read_ns, got_bytes;
    long got_chunks, got_events;
    char head[HEAD_BYTES], line[LINE_BYTES];
};

static struct {
    const char *mode, *path, *body;
    long port, connections, seconds, rate, requests, warm, stagger_us, fresh, expect_bytes, expect_chunks, limit_s;
} opt = {.mode = "closed", .path = "/", .connections = 1, .seconds = 5, .rate = 100, .requests = 100,
         .expect_bytes = -1, .expect_chunks = -1, .limit_s = 60};

static struct conn *conns;
static char *request;
static size_t request_length;
static int poller;
static uint64_t start_ns, end_ns, measure_ns;
static long answered, started, wrong, failed, late, chunks, lost, bytes, begun;
static struct samples first, total, delay;

/* ---- figures ---- */

static void keep(struct samples *s, uint64_t ns) {
    if (s->count == MAX_SAMPLES) return;
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 4096;
        s->ns = realloc(s->ns, s->room * sizeof *s->ns);
        if (!s->ns) fail("realloc");
    }
    s->ns[s->count++] = ns;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print_samples(const char *name, struct samples *s) {
    if (!s->count) return;
    qsort(s->ns, s->count, sizeof *s->ns, by_value);
    printf(",\"%s\":{\"p50\":%.6f,\"p99\":%.6f,\"max\":%.6f}", name, (double)s->ns[(s->count - 1) / 2] / 1e6,
           (double)s->ns[(s->count - 1) * 99 / 100] / 1e6, (double)s->ns[s->count - 1] / 1e6);
}

static void report(void) {
    double seconds = (double)(now_ns() - measure_ns) / 1e9;
    printf("{\"requests\":%ld,\"measured\":%zu,\"seconds\":%.6f,\"wrong\":%ld,\"failed\":%ld,\"late\":%ld,"
           "\"chunks\":%ld,\"lost\":%ld,\"bytes\":%ld",
           answered, total.count, seconds, wrong, failed, late, chunks, lost, bytes);
    print_samples("first_ms", &first);
    print_samples("total_ms", &total);
    print_samples("delay_ms", &delay);
    printf("}\n");
}

/* ---- one connection ---- */

static void drop(struct conn *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->busy = false;
}

static void count_lost(struct conn *c) {
    if (opt.expect_chunks > c->got_chunks) lost += opt.expect_chunks - c->got_chunks;
}

static void give_up(struct conn *c) {
    drop(c);
    count_lost(c);
    if (++failed >= MAX_FAILURES) end_ns = 0;
}

static bool dial(struct conn *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0) fail("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) return false;
    struct epoll_event on = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    return epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &on) == 0;
}

static void push(struct conn *c) {
    while (c->sent < request_length) {
        ssize_t sent = send(c->fd, request + c->sent, request_length - c->sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
        if (sent < 0) {
            give_up(c);
            return;
        }
        c->sent += (size_t)sent;
    }
}

static void begin(struct conn *c) {
    c->busy = true;
    c->in_body = false;
    c->sent = c->head_length = c->line_length = 0;
    c->got_bytes = c->first_ns = 0;
    c->got_chunks = c->got_events = 0;
    c->sent_ns = now_ns();
    started++;
    if (c->fd < 0 && !dial(c)) give_up(c);
    else push(c);
}

/* A complete line of a stream: its number must be the next one, its send time gives the delay. */
static void on_line(struct conn *c) {
    c->line[c->line_length] = 0;
    char *mark = memmem(c->line, c->line_length, MARK, sizeof MARK - 1);
    c->line_length = 0;
    if (!mark) return;
    mark += sizeof MARK - 1;
    long number = strtol(mark, NULL, 10);
    uint64_t sent = strtoull(mark + SEQUENCE_DIGITS + 1, NULL, 10);
    if (number < c->got_events) wrong++;
    c->got_events = number + 1;
    c->got_chunks++;
    chunks++;
    if (c->read_ns > sent) keep(&delay, c->read_ns - sent);
}

static void on_body(void *context, const char *in, size_t count) {
    struct conn *c = context;
    if (!c->first_ns) {
        c->first_ns = c->read_ns;
        begun++;
    }
    c->got_bytes += count;
    if (opt.expect_chunks < 0) return;
    while (count) {
        const char *end = memchr(in, '\n', count);
        size_t take = end ? (size_t)(end - in) : count, room = LINE_BYTES - 1 - c->line_length;
        memcpy(c->line + c->line_length, in, take < room ? take : room);
        c->line_length += take < room ? take : room;
        if (!end) return;
        on_line(c);
        in = end + 1;
        count -= take + 1;
    }
}

static void finish(struct conn *c) {
    c->busy = false;
    answered++;
    bytes += (long)c->got_bytes;
    if (strncmp(c->head + 8, " 200", 4) || (opt.expect_bytes >= 0 && (long)c->got_bytes != opt.expect_bytes)) wrong++;
    count_lost(c);
    bool cold = opt.mode[0] == 'c' ? c->sent_ns < measure_ns : answered <= opt.warm;
    if (!cold) {
        if (c->first_ns) keep(&first, c->first_ns - c->sent_ns);
        keep(&total, c->read_ns - c->sent_ns);
    }
    if (opt.fresh || strcasestr(c->head, "\r\nConnection: close")) drop(c);
}

/* Returns false when the answer cannot be right: a head too long, broken framing, bytes after the end. */
static bool feed(struct conn *c, const char *in, size_t count) {
    if (!c->in_body) {
        size_t before = c->head_length, room = HEAD_BYTES - 1 - before, take = count < room ? count : room;
        memcpy(c->head + before, in, take);
        c->head[c->head_length = before + take] = 0;
        char *end = strstr(c->head + (before > 3 ? before - 3 : 0), "\r\n\r\n");
        if (!end) return take == count;
        end[2] = 0; /* keeps the last header's line end */
        size_t used = (size_t)(end + 4 - c->head) - before;
        in += used;
        count -= used;
        c->in_body = true;
        c->body = body_of(c->head, true);
    }
    return body_feed(&c->body, in, count, on_body, c) == count && c->body.state != BROKEN;
}

static void on_bytes(struct conn *c) {
    static char buffer[262144];
    ssize_t got = sizeof buffer;
    while (c->fd >= 0 && got == sizeof buffer) { /* a short read has emptied the socket */
        got = recv(c->fd, buffer, sizeof buffer, 0);
        if (got < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
        c->read_ns = now_ns();
        if (got == 0 && c->busy && c->in_body && c->body.state == UNTIL_CLOSE) c->body.state = DONE;
        else if (got == 0 && !c->busy) drop(c); /* closed between requests: dialled again */
        else if (got <= 0 || !c->busy || !feed(c, buffer, (size_t)got)) give_up(c);
        if (c->busy && c->in_body && c->body.state == DONE) finish(c);
    }
}

static void on_event(struct conn *c, uint32_t events) {
    if (c->fd < 0) return;
    if (events & EPOLLOUT && c->busy) push(c);
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) && c->fd >= 0) on_bytes(c);
    if (events & (EPOLLRDHUP | EPOLLHUP) && c->fd >= 0 && !c->busy) drop(c);
}

/* ---- when to send what ---- */

/* Sends what is due on this connection; returns when it wants to be asked again (0 = after an event). */
static uint64_t next_due(struct conn *c, uint64_t now) {
    bool closed = opt.mode[0] == 'c', open = opt.mode[0] == 'o';
    if (c->busy || (!closed && started >= (open ? opt.requests : opt.connections))) return 0;
    if (!open && !closed && c->sent_ns) return 0; /* streams: one each */
    if (!closed && c->due_ns > now) return c->due_ns;
    if (open) {
        uint64_t gap = 1000000000ull / (uint64_t)opt.rate;
        if (now > c->due_ns + gap) late++;
        c->due_ns = now > c->due_ns + gap ? now + gap : c->due_ns + gap;
    }
    begin(c);
    return c->busy ? 0 : now + 1; /* refused at once: not an event */
}

static bool finished(void) {
    if (opt.mode[0] == 'o') return answered + failed >= opt.requests;
    if (opt.mode[0] == 's') return answered + failed >= opt.connections;
    return false;
}

static void loop(int timer) {
    for (bool told = false; now_ns() < end_ns && !finished();) {
        uint64_t soonest = end_ns, now = now_ns();
        bool all_begun = (opt.mode[0] == 's' || opt.mode[0] == 'h') && started >= opt.connections;
        for (long i = 0; !all_begun && i < opt.connections; i++) {
            uint64_t due = next_due(&conns[i], now);
            if (due && due < soonest) soonest = due;
        }
        struct itimerspec when = {.it_value = {(time_t)(soonest / 1000000000ull), (long)(soonest % 1000000000ull)}};
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, 1000);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr) on_event(events[i].data.ptr, events[i].events);
        if (opt.mode[0] == 'h' && !told && begun >= opt.connections) {
            told = true;
            printf("{\"open\":%ld}\n", begun);
            fflush(stdout);
        }
    }
}

/* ---- options ---- */

static void option(char *word) {
    static const struct {
        const char *name;
        long *to;
    } numbers[] = {{"port", &opt.port}, {"connections", &opt.connections}, {"seconds", &opt.seconds},
                   {"rate", &opt.rate}, {"requests", &opt.requests}, {"warm", &opt.warm},
                   {"stagger_us", &opt.stagger_us}, {"fresh", &opt.fresh}, {"expect_bytes", &opt.expect_bytes},
                   {"expect_chunks", &opt.expect_chunks}, {"limit_s", &opt.limit_s}};
    char *value = strchr(word, '=');
    if (value) *value++ = 0;
    if (value && !strcmp(word, "mode")) opt.mode = value;
    else if (value && !strcmp(word, "path")) opt.path = value;
    else if (value && !strcmp(word, "body")) opt.body = value;
    else {
        for (size_t i = 0; value && i < sizeof numbers / sizeof *numbers; i++)
            if (!strcmp(word, numbers[i].name)) {
                *numbers[i].to = atol(value);
                return;
            }
        fprintf(stderr, "load: unknown option %s\n", word);
        exit(2);
    }
}

static void compose(void) {
    static char none[] = "{\"model\":\"gpt-5-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    size_t length = sizeof none - 1;
    char *body = none;
    if (opt.body) {
        FILE *file = fopen(opt.body, "rb");
        body = malloc(MAX_BODY);
        if (!file || !body) fail(opt.body);
        length = fread(body, 1, MAX_BODY, file);
        fclose(file);
    }
    request = malloc(length + 1024 + strlen(opt.path));
    if (!request) fail("malloc");
    int head = sprintf(request,
                       "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\nUser-Agent: tabwatt-bench\r\nAccept: */*\r\n"
                       "Authorization: Bearer bench\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                       opt.path, opt.port, length);
    memcpy(request + head, body, length);
    request_length = (size_t)head + length;
}

int main(int argc, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (int i = 1; i < argc; i++) option(argv[i]);
    if (opt.mode[0] == 'o') opt.connections = 1;
    if (opt.port <= 0 || opt.connections < 1 || opt.connections > MAX_CONNS || opt.rate < 1) {
        fprintf(stderr, "load: port, connections (1-%d) and rate must make sense\n", MAX_CONNS);
        return 2;
    }
    compose();
    poller = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &(struct epoll_event){.events = EPOLLIN | EPOLLET});
    conns = calloc((size_t)opt.connections, sizeof *conns);
    if (!conns) fail("calloc");
    start_ns = measure_ns = now_ns();
    end_ns = start_ns + (uint64_t)opt.limit_s * 1000000000ull;
    if (opt.mode[0] == 'c') {
        measure_ns += (uint64_t)opt.warm * 1000000ull;
        end_ns = measure_ns + (uint64_t)opt.seconds * 1000000000ull;
    }
    for (long i = 0; i < opt.connections; i++) {
        conns[i].fd = -1;
        conns[i].due_ns = start_ns + (uint64_t)(i * opt.stagger_us) * 1000ull;
    }
    loop(timer);
    for (long i = 0; i < opt.connections; i++)
        if (conns[i].busy) count_lost(&conns[i]); /* cut off by the limit */
    report();
    return 0;
}
