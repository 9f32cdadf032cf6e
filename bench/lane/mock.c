/* An upstream that answers the OpenAI API with canned text: what the gateways are measured against.
 *
 * One thread, epoll, HTTP/1.1 with keep-alive, content-length bodies only. Any POST gets a JSON answer
 * of about 700 bytes with `usage`; where the body says "stream":true, an event stream of 64 events of
 * about 235 bytes, each written by its own send(), then a usage chunk where the body says
 * "include_usage":true, then [DONE]. Where the body contains `mock-paced`, 5 ms lie between the events.
 * GET answers the counters, which lets a caller see how many streams were cut and which connections
 * are still open.
 *
 * usage: mock        prints "port N" once it listens on 127.0.0.1 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 64, PIECES = EVENTS + 3, PACE_NS = 5000000, LARGEST = 1 << 20, BATCH = 256 };

struct piece {
    char bytes[1024];
    size_t length;
};

struct connection {
    int fd;
    char *input;
    size_t held, room;
    bool streams, wants_usage, paced, awaits_room, gone;
    int next;         /* the piece that is written next */
    size_t written;   /* bytes of it that are out */
    uint64_t due;     /* when the next event of a paced stream is due */
    struct connection *later, *sooner;
};

/* The head of the stream, its events, the usage chunk and the end; and the JSON answer. */
static struct piece pieces[PIECES], json;
/* Every paced stream waits equally long, so a queue keeps them in the order of their times. */
static struct connection *first_due, *last_due;
/* Closed in this round; freed after it, for an event of the round may still point there. */
static struct connection *ended;
static unsigned long answered, cut, open_connections;
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

/* ---- what is answered -------------------------------------------------------------------------- */

#define USAGE "\"usage\":{\"prompt_tokens\":23,\"completion_tokens\":64,\"total_tokens\":87}"

static void chunk(struct piece *piece, const char *data) {
    piece->length = (size_t)snprintf(piece->bytes, sizeof piece->bytes, "%zx\r\n%s\r\n", strlen(data), data);
}

static void write_pieces(void) {
    char data[900];
    pieces[0].length = (size_t)snprintf(pieces[0].bytes, sizeof pieces[0].bytes,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
        "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n");
    const char *head = "data: {\"id\":\"chatcmpl-5f2c1e90b7d84a6f9c3e2d10\",\"object\":\"chat.completion.chunk\","
                       "\"created\":1790000000,\"model\":\"mock\",\"system_fingerprint\":\"fp_44709d6fcb\",";
    for (int i = 1; i <= EVENTS; i++) {
        snprintf(data, sizeof data, "%s\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word%02d\"},"
                 "\"finish_reason\":%s}]}\n\n", head, i, i == EVENTS ? "\"stop\"" : "null");
        chunk(&pieces[i], data);
    }
    snprintf(data, sizeof data, "%s\"choices\":[]," USAGE "}\n\n", head);
    chunk(&pieces[EVENTS + 1], data);
    pieces[EVENTS + 2].length = (size_t)snprintf(pieces[EVENTS + 2].bytes,
        sizeof pieces[EVENTS + 2].bytes, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    snprintf(data, sizeof data,
        "{\"id\":\"chatcmpl-5f2c1e90b7d84a6f9c3e2d10\",\"object\":\"chat.completion\",\"created\":1790000000,"
        "\"model\":\"mock\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":0,\"message\":"
        "{\"role\":\"assistant\",\"content\":\"A signal box is the place from which the points and signals of "
        "a railway station are set, so that every train finds its own way and no two of them ever meet on the "
        "same track. The signaller sees the whole station, and every train that passes is written down in a "
        "book, with its time and its number.\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
        USAGE "}");
    json.length = (size_t)snprintf(json.bytes, sizeof json.bytes,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", strlen(data), data);
    if (json.length >= sizeof json.bytes) die("the JSON answer is too long");
}

/* ---- connections ------------------------------------------------------------------------------- */

static void watch(struct connection *c, bool for_room) {
    if (c->awaits_room == for_room) return;
    struct epoll_event event = {.events = EPOLLIN | (for_room ? EPOLLOUT : 0u), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
    c->awaits_room = for_room;
}

static void leave_queue(struct connection *c) {
    if (!c->due) return;
    *(c->sooner ? &c->sooner->later : &first_due) = c->later;
    *(c->later ? &c->later->sooner : &last_due) = c->sooner;
    c->sooner = c->later = NULL;
    c->due = 0;
}

static void join_queue(struct connection *c) {
    c->due = now_ns() + PACE_NS;
    c->sooner = last_due;
    *(last_due ? &last_due->later : &first_due) = c;
    last_due = c;
}

static void hang_up(struct connection *c) {
    if (c->gone) return;
    leave_queue(c);
    cut += c->streams;
    open_connections--;
    close(c->fd);
    c->gone = true;
    c->later = ended;
    ended = c;
}

static void free_ended(void) {
    while (ended) {
        struct connection *c = ended;
        ended = c->later;
        free(c->input);
        free(c);
    }
}

/* Sends all of `piece` that is not out yet; false: there is no room, or the other side is gone. */
static bool send_piece(struct connection *c, const struct piece *piece) {
    while (c->written < piece->length) {
        ssize_t n = send(c->fd, piece->bytes + c->written, piece->length - c->written, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            watch(c, true);
            return false;
        }
        if (n < 0) {
            hang_up(c);
            return false;
        }
        c->written += (size_t)n;
    }
    c->written = 0;
    return true;
}

static void stream_on(struct connection *c) {
    while (c->streams) {
        if (c->next == EVENTS + 1 && !c->wants_usage) c->next++;
        if (!send_piece(c, &pieces[c->next])) return;
        c->next++;
        watch(c, false);
        if (c->next == PIECES) {
            c->streams = false;
            answered++;
        } else if (c->paced && c->next > 1 && c->next <= EVENTS) {
            join_queue(c);
            return;
        }
    }
}

/* Nobody asks again before the last answer is read, so one short answer always finds room. */
static void send_whole(struct connection *c, const struct piece *piece) {
    if (!send_piece(c, piece) && !c->gone) die("a client does not read its answers");
}

static void answer_counters(struct connection *c) {
    struct piece piece;
    char data[200];
    snprintf(data, sizeof data, "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\"}],"
             "\"answered\":%lu,\"cut\":%lu,\"open\":%lu}", answered, cut, open_connections);
    piece.length = (size_t)snprintf(piece.bytes, sizeof piece.bytes,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", strlen(data), data);
    send_whole(c, &piece);
}

static bool says(const char *body, size_t length, const char *word) {
    return memmem(body, length, word, strlen(word)) != NULL;
}

static void answer(struct connection *c, const char *body, size_t length) {
    if (says(body, length, "\"stream\":true") || says(body, length, "\"stream\": true")) {
        c->streams = true;
        c->next = 0;
        c->paced = says(body, length, "mock-paced");
        c->wants_usage = says(body, length, "\"include_usage\":true") || says(body, length, "\"include_usage\": true");
        stream_on(c);
    } else {
        send_whole(c, &json);
        answered++;
    }
}

/* The value of content-length in a head that ends with an empty line; 0 where there is none. */
static size_t body_length(const char *head, const char *end) {
    static const char name[] = "\r\ncontent-length:";
    for (const char *at = head; at + sizeof name < end; at++)
        if (*at == '\r' && !strncasecmp(at, name, sizeof name - 1)) return strtoul(at + sizeof name - 1, NULL, 10);
    return 0;
}

/* Answers every request that has come in whole. */
static void answer_requests(struct connection *c) {
    while (!c->gone && !c->streams && c->held) {
        char *end = memmem(c->input, c->held, "\r\n\r\n", 4);
        if (!end) return;
        size_t head = (size_t)(end - c->input) + 4, body = body_length(c->input, end + 4);
        if (c->held < head + body) return;
        if (c->input[0] == 'G') answer_counters(c);
        else answer(c, c->input + head, body);
        c->held -= head + body;
        memmove(c->input, c->input + head + body, c->held);
    }
}

static void read_more(struct connection *c) {
    if (c->room - c->held < 4096) {
        c->room = c->room ? c->room * 2 : 8192;
        if (c->room > LARGEST || !(c->input = realloc(c->input, c->room))) die("a request is too large");
    }
    ssize_t n = recv(c->fd, c->input + c->held, c->room - c->held, 0);
    if (n > 0) {
        c->held += (size_t)n;
        answer_requests(c);
    } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
        hang_up(c);
    }
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = calloc(1, sizeof *c);
        if (!c) die("calloc");
        c->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        open_connections++;
    }
}

/* ---- the loop ---------------------------------------------------------------------------------- */

static void write_what_is_due(void) {
    uint64_t now = now_ns();
    while (first_due && first_due->due <= now) {
        struct connection *c = first_due;
        leave_queue(c);
        stream_on(c);
    }
}

static void one_round(int listener) {
    struct epoll_event events[BATCH];
    struct timespec wait, *limit = NULL;
    if (first_due) {
        uint64_t now = now_ns(), left = first_due->due > now ? first_due->due - now : 0;
        wait = (struct timespec){.tv_sec = 0, .tv_nsec = (long)left};
        limit = &wait;
    }
    int count = epoll_pwait2(poller, events, BATCH, limit, NULL);
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if (!c) {
            accept_all(listener);
            continue;
        }
        if (!c->gone && events[i].events & EPOLLOUT) {
            stream_on(c);
            if (!c->gone && !c->streams) answer_requests(c);
        }
        if (!c->gone && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_more(c);
    }
    write_what_is_due();
    free_ended();
}

static int listen_anywhere(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 4096)) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    write_pieces();
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_anywhere();
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) one_round(listener);
}
