/* A client for tests that sends exactly the bytes it is given, however rude they are. */
#ifndef COUNTERSIGN_TESTS_RAW_CLIENT_H
#define COUNTERSIGN_TESTS_RAW_CLIENT_H

#include "base/buffer.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int raw_connect(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline bool raw_send(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static inline bool raw_send_text(int fd, const char *text)
{
    return raw_send(fd, text, strlen(text));
}

/* Everything until the server closes, or `milliseconds` have passed; *is_closed (may be NULL) tells which. */
static inline const char *raw_read_until(struct arena *arena, int fd, int milliseconds, bool *is_closed)
{
    struct buffer buffer = buffer_create(arena, 1 << 24);
    int64_t until = clock_monotonic_ns() + milliseconds * 1000000LL;
    for (;;) {
        char piece[4096];
        int left = (int)((until - clock_monotonic_ns()) / 1000000);
        if (left <= 0 || poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, left) <= 0)
            break;
        ssize_t got = recv(fd, piece, sizeof piece, 0);
        if (got <= 0) {
            if (is_closed != NULL)
                *is_closed = true;
            break;
        }
        buffer_add_bytes(&buffer, piece, (size_t)got);
    }
    return buffer_text(&buffer);
}

static inline const char *raw_read(struct arena *arena, int fd, int milliseconds)
{
    return raw_read_until(arena, fd, milliseconds, NULL);
}

/* Sends the bytes on a connection of its own and reads until the server closes it (at most ten seconds). */
static inline const char *raw_exchange(struct arena *arena, unsigned port, const char *data, size_t size)
{
    int fd = raw_connect(port);
    if (fd < 0)
        return "";
    raw_send(fd, data, size);
    const char *answer = raw_read(arena, fd, 10000);
    close(fd);
    return answer;
}

/* Whether the server closes the connection within the time. */
static inline bool raw_is_closed_within(int fd, int milliseconds)
{
    struct arena *arena = arena_create();
    bool is_closed = false;
    const char *rest = raw_read_until(arena, fd, milliseconds, &is_closed);
    (void)rest;
    arena_destroy(&arena);
    return is_closed;
}

#endif
