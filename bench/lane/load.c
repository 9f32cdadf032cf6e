/* A load generator for the gateways: closed loop on N connections, or a fixed rate; one thread, epoll.
 *
 * Sends one fixed POST again and again and checks every answer: the status, the framing (content-length
 * or chunked, to the last byte), that a JSON answer holds `usage`, and that an event stream has exactly
 * the expected number of `data:` lines and ends with `data: [DONE]`. Whatever is not so is an error;
 * the first one is told on standard error. Prints one line of JSON:
 *   requests, seconds, events (data lines seen), errors, reconnects, late (fixed rate: requests that
 *   found no free connection), p50_us and p99_us (whole answer), first_p50_us (first byte of the body)
 *
 * usage: load --port P --body FILE [--path /v1/chat/completions] [--key K] [--connections N]
 *             [--seconds S | --count N] [--rate R] [--lines N] [--cut N] [--spread S]
 *   --lines N    the answer is a stream of N `data:` lines, [DONE] among them
 *   --cut N      hang up after N lines
 *   --spread S   the connections start evenly over S seconds, so that paced streams are not in step */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, KEPT = 2048, HEAD = 4096, PATIENCE_S = 60 };
enum part { IN_HEAD, IN_BODY, IN_SIZE, IN_CHUNK, AFTER_CHUNK, IN_TRAILER, COMPLETE };

struct connection {
    int fd;               /* -1: none */
    bool busy, awaits_room;
    size_t sent;
    uint64_t began, first;
    enum part part;
    size_t head_length, kept_length;
    size_t left;          /* bytes of the body or chunk that are to come */
    size_t line;          /* bytes of the present trailer line or chunk size, or of the body's line */
    bool closes;
    int status;
    char prefix[16];      /* how the present line of the body begins */
    size_t column;
    long lines;
    bool done;            /* the last data line was [DONE] */
    char head[HEAD], kept[KEPT]; /* the answer's head; the beginning of its body */
};

static struct {
    int port, connections;
    const char *path, *key, *body;
    double seconds, rate, spread;
    long count, lines, cut;
} options = {.connections = 32, .path = "/v1/chat/completions", .key = "none", .seconds = 2};

static struct { float *at; size_t length, room; } whole, first_byte;
static long requests, events, errors, reconnects, late, started;
static char *request;
static size_t request_length;
static int poller;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

#define RECORD(times, ns) do {                                                                   \
        if ((times).length == (times).room) {                                                    \
            (times).room = (times).room ? (times).room * 2 : 65536;                              \
            if (!((times).at = realloc((times).at, (times).room * sizeof(float)))) die("realloc"); \
        }                                                                                        \
        (times).at[(times).length++] = (float)(ns) / 1000.0f;                                    \
    } while (0)

/* ---- connections ------------------------------------------------------------------------------- */

static void hang_up(struct connection *c) {
    close(c->fd);
    c->fd = -1;
    c->busy = c->awaits_room = false;
}

static void fail(struct connection *c, const char *why) {
    if (!errors++)
        fprintf(stderr, "%s (status %d): %.*s\n", why, c->status, (int)(c->kept_length < 300 ? c->kept_length : 300), c->kept);
    hang_up(c);
}

static void watch(struct connection *c, int how, bool for_room) {
    struct epoll_event event = {.events = EPOLLIN | (for_room ? EPOLLOUT : 0u), .data.ptr = c};
    if (epoll_ctl(poller, how, c->fd, &event)) die("epoll_ctl");
    c->awaits_room = for_room;
}

static void dial(struct connection *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(c, EPOLL_CTL_ADD, false);
}

static void send_on(struct connection *c) {
    while (c->sent < request_length) {
        ssize_t n = send(c->fd, request + c->sent, request_length - c->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!c->awaits_room) watch(c, EPOLL_CTL_MOD, true);
            return;
        }
        if (n < 0) {
            fail(c, "the connection broke while the request was sent");
            return;
        }
        c->sent += (size_t)n;
    }
    if (c->awaits_room) watch(c, EPOLL_CTL_MOD, false);
}

/* `began` is when the request was due, so that a wait for a free connection counts. */
static void ask(struct connection *c, uint64_t began) {
    int fd = c->fd;
    memset(c, 0, offsetof(struct connection, head));
    c->fd = fd;
    if (c->fd < 0) dial(c);
    c->busy = true;
    c->began = began;
    started++;
    send_on(c);
}

/* ---- answers ----------------------------------------------------------------------------------- */

static const char *header(struct connection *c, const char *name) {
    size_t length = strlen(name);
    for (char *at = c->head; (at = strstr(at, "\r\n")); at += 2)
        if (!strncasecmp(at + 2, name, length)) return at + 2 + length;
    return NULL;
}

static void read_head(struct connection *c) {
    const char *value;
    c->head[c->head_length] = 0;
    c->status = atoi(c->head + 9);
    c->closes = (value = header(c, "connection:")) && strcasestr(value, "close") == value + 1;
    if ((value = header(c, "transfer-encoding:")) && strcasestr(value, "chunked")) c->part = IN_SIZE;
    else if ((value = header(c, "content-length:"))) {
        c->left = strtoul(value, NULL, 10);
        c->part = c->left ? IN_BODY : COMPLETE;
    } else c->part = COMPLETE;
}

static void end_line(struct connection *c) {
    if (c->column >= 5 && !memcmp(c->prefix, "data:", 5)) {
        c->lines++;
        events++;
        c->done = c->column >= 12 && !memcmp(c->prefix, "data: [DONE]", 12);
    }
    c->column = 0;
}

static void read_lines(struct connection *c, const char *data, size_t length) {
    while (length) {
        const char *end = memchr(data, '\n', length);
        size_t n = end ? (size_t)(end - data) : length;
        for (size_t i = 0; i < n && c->column + i < sizeof c->prefix; i++) c->prefix[c->column + i] = data[i];
        c->column += n;
        if (!end) return;
        end_line(c);
        data += n + 1;
        length -= n + 1;
    }
}

static void read_body(struct connection *c, const char *data, size_t length) {
    if (!c->first) c->first = now_ns();
    size_t room = KEPT - c->kept_length, n = length < room ? length : room;
    memcpy(c->kept + c->kept_length, data, n);
    c->kept_length += n;
    if (options.lines) read_lines(c, data, length);
}

static int hexadecimal(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Takes one byte of what stands between the bodies of chunks; false: it cannot stand there. */
static bool read_framing(struct connection *c, char byte) {
    if (c->part == AFTER_CHUNK) {
        if (byte == '\n') c->part = IN_SIZE, c->line = 0, c->left = 0;
        return byte == '\n' || byte == '\r';
    }
    if (c->part == IN_TRAILER) {
        if (byte == '\n' && !c->line) c->part = COMPLETE;
        else if (byte == '\n') c->line = 0;
        else c->line += byte != '\r';
        return true;
    }
    if (byte == '\n') {
        c->part = c->left ? IN_CHUNK : IN_TRAILER;
        bool sized = c->line > 0;
        c->line = 0;
        return sized;
    }
    if (byte == '\r') return true;
    int digit = hexadecimal(byte);
    c->left = c->left * 16 + (size_t)digit;
    return digit >= 0 && ++c->line < 9;
}

static const char *what_is_wrong(struct connection *c) {
    if (c->status != 200) return "wrong status";
    if (options.lines && c->lines != options.lines) return "wrong number of data lines";
    if (options.lines && !c->done) return "the stream does not end with [DONE]";
    if (!options.lines && !memmem(c->kept, c->kept_length, "\"usage\"", 7)) return "the answer has no usage";
    return NULL;
}

static void finish(struct connection *c) {
    const char *wrong = what_is_wrong(c);
    if (wrong) {
        fail(c, wrong);
        return;
    }
    requests++;
    RECORD(whole, now_ns() - c->began);
    RECORD(first_byte, c->first - c->began);
    c->busy = false;
    if (c->closes) {
        reconnects++;
        hang_up(c);
    }
}

static void take(struct connection *c, const char *data, size_t length) {
    while (length && c->part != COMPLETE) {
        size_t n = 1;
        if (c->part == IN_HEAD) {
            if (c->head_length + 1 >= HEAD) return fail(c, "the head is too long");
            c->head[c->head_length++] = *data;
            if (*data == '\n' && c->head_length >= 4 && !memcmp(c->head + c->head_length - 4, "\r\n\r\n", 4))
                read_head(c);
        } else if (c->part == IN_BODY || c->part == IN_CHUNK) {
            n = length < c->left ? length : c->left;
            read_body(c, data, n);
            c->left -= n;
            if (!c->left) c->part = c->part == IN_BODY ? COMPLETE : AFTER_CHUNK;
        } else if (!read_framing(c, *data)) return fail(c, "broken chunk");
        data += n;
        length -= n;
    }
    if (length) fail(c, "bytes after the end of the answer");
    else if (c->part == COMPLETE) finish(c);
}

static void read_answer(struct connection *c) {
    static char data[65536];
    ssize_t n = recv(c->fd, data, sizeof data, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n <= 0 && !c->busy) {
        reconnects++;
        hang_up(c);
    } else if (n <= 0) fail(c, "the connection was cut");
    else if (!c->busy) fail(c, "bytes that nobody asked for");
    else take(c, data, (size_t)n);
    if (options.cut && c->fd >= 0 && c->busy && c->lines >= options.cut) {
        requests++;
        hang_up(c);
    }
}

/* ---- the loop ---------------------------------------------------------------------------------- */

static uint64_t began_at, ends_at;

static bool over(uint64_t now) {
    return options.count ? started >= options.count : now >= ends_at;
}

/* Gives every free connection its next request; the time of the next that has to wait, or 0. */
static uint64_t ask_again(struct connection *all, uint64_t now) {
    uint64_t next = 0;
    for (int i = 0; i < options.connections; i++) {
        uint64_t turn = began_at + (uint64_t)(options.spread * 1e9 * i / options.connections);
        if (all[i].busy || over(now)) continue;
        if (turn <= now) ask(&all[i], now);
        else if (!next || turn < next) next = turn;
    }
    return next;
}

/* The same at a fixed rate: request number n is due n / rate seconds after the start. */
static uint64_t ask_in_time(struct connection *all, uint64_t now) {
    static long number;
    for (;;) {
        uint64_t due = began_at + (uint64_t)(number * 1e9 / options.rate);
        if (over(now)) return 0;
        if (due > now) return due;
        int i = 0;
        while (i < options.connections && all[i].busy) i++;
        if (i < options.connections) ask(&all[i], due);
        else late++;
        number++;
    }
}

static int busy(struct connection *all) {
    int count = 0;
    for (int i = 0; i < options.connections; i++) count += all[i].busy;
    return count;
}

static void one_round(struct connection *all) {
    struct epoll_event ready[BATCH];
    uint64_t now = now_ns(), next = options.rate > 0 ? ask_in_time(all, now) : ask_again(all, now);
    uint64_t left = next > now ? next - now : 0;
    struct timespec wait = {.tv_sec = next ? 0 : 1, .tv_nsec = next ? (long)(left % 1000000000u) : 0};
    int count = epoll_pwait2(poller, ready, BATCH, &wait, NULL);
    for (int i = 0; i < count; i++) {
        struct connection *c = ready[i].data.ptr;
        if (c->fd >= 0 && ready[i].events & EPOLLOUT) send_on(c);
        if (c->fd >= 0 && ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_answer(c);
    }
}

static void run(struct connection *all) {
    began_at = now_ns();
    ends_at = began_at + (uint64_t)(options.seconds * 1e9);
    do one_round(all);
    while (!over(now_ns()));
    uint64_t patience = now_ns() + PATIENCE_S * 1000000000ull;
    while (busy(all) && now_ns() < patience) one_round(all);
    errors += busy(all);
    if (busy(all)) fprintf(stderr, "%d answers did not end\n", busy(all));
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void report(void) {
    double seconds = (double)(now_ns() - began_at) / 1e9;
    size_t n = whole.length;
    if (n) {
        qsort(whole.at, n, sizeof(float), by_size);
        qsort(first_byte.at, n, sizeof(float), by_size);
    }
    printf("{\"requests\":%ld,\"seconds\":%.4f,\"events\":%ld,\"errors\":%ld,\"reconnects\":%ld,\"late\":%ld,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f,\"first_p50_us\":%.1f}\n",
           requests, seconds, events, errors, reconnects, late, n ? whole.at[n / 2] : 0,
           n ? whole.at[n * 99 / 100] : 0, n ? first_byte.at[n / 2] : 0);
}

static void write_request(void) {
    FILE *file = fopen(options.body, "rb");
    if (!file) die(options.body);
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    rewind(file);
    request = malloc(length + 4096);
    if (!request) die("malloc");
    request_length = (size_t)snprintf(request, 4096,
        "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nuser-agent: load\r\naccept: */*\r\n"
        "authorization: Bearer %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n",
        options.path, options.port, options.key, length);
    if (request_length >= 4096 || fread(request + request_length, 1, length, file) != length) die("body");
    request_length += length;
    fclose(file);
}

static void read_options(int argc, char **argv) {
    static const struct option known[] = {
        {"port", 1, 0, 'p'}, {"body", 1, 0, 'b'}, {"path", 1, 0, 'u'}, {"key", 1, 0, 'k'},
        {"connections", 1, 0, 'n'}, {"seconds", 1, 0, 's'}, {"count", 1, 0, 'c'}, {"rate", 1, 0, 'r'},
        {"lines", 1, 0, 'l'}, {"cut", 1, 0, 'x'}, {"spread", 1, 0, 'd'}, {0, 0, 0, 0}};
    for (int name; (name = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (name) {
        case 'p': options.port = atoi(optarg); break;
        case 'b': options.body = optarg; break;
        case 'u': options.path = optarg; break;
        case 'k': options.key = optarg; break;
        case 'n': options.connections = atoi(optarg); break;
        case 's': options.seconds = atof(optarg); break;
        case 'c': options.count = atol(optarg); break;
        case 'r': options.rate = atof(optarg); break;
        case 'l': options.lines = atol(optarg); break;
        case 'x': options.cut = atol(optarg); break;
        case 'd': options.spread = atof(optarg); break;
        default: exit(2);
    }
    if (!options.port || !options.body || options.connections < 1) {
        fprintf(stderr, "load: --port and --body are needed\n");
        exit(2);
    }
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    write_request();
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)options.connections, sizeof *all);
    if (!all) die("calloc");
    for (int i = 0; i < options.connections; i++) all[i].fd = -1;
    run(all);
    report();
    return errors ? 1 : 0;
}
