#include "http/listener.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OWN_DESCRIPTORS = 256 /* the store, outgoing calls, workers */ };

/* "HOST:PORT" into its halves; an empty host or * is every address. */
static bool split(struct arena *arena, const char *listen, const char **host, const char **port)
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    size_t length = (size_t)(colon - listen);
    if (length >= 2 && listen[0] == '[' && listen[length - 1] == ']') {
        listen++;
        length -= 2;
    }
    *host = length == 0 || (length == 1 && listen[0] == '*') ? "::" : arena_strndup(arena, listen, length);
    *port = colon + 1;
    return true;
}

static unsigned port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address = {.six = {.sin6_family = AF_UNSPEC}};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.six.sin6_port : address.four.sin_port);
}

static int open_at(const struct addrinfo *place, int backlog)
{
    int yes = 1;
    int no = 0;
    int fd = socket(place->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    /* [::] serves IPv4 too. */
    if (place->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(fd, place->ai_addr, place->ai_addrlen) == 0 && listen(fd, backlog) == 0)
        return fd;
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

int listener_open(struct arena *arena, const char *listen, int backlog, unsigned *port, const char **error)
{
    struct addrinfo *places = NULL;
    const char *host;
    const char *port_text;

    if (!split(arena, listen, &host, &port_text)) {
        *error = arena_printf(arena, "\"%s\" is not HOST:PORT", listen);
        return -1;
    }
    int failed = getaddrinfo(host, port_text,
                             &(struct addrinfo){.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, &places);
    if (failed != 0) {
        *error = arena_printf(arena, "cannot listen on %s: %s", listen, gai_strerror(failed));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *place = places; place != NULL && fd < 0; place = place->ai_next)
        fd = open_at(place, backlog);
    if (fd < 0)
        *error = arena_printf(arena, "cannot listen on %s: %s", listen, strerror(errno));
    else
        *port = port_of(fd);
    freeaddrinfo(places);
    return fd;
}

unsigned listener_raise_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + OWN_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted)
        return connections;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted)
        return connections;
    unsigned possible = limit.rlim_cur > 2 * OWN_DESCRIPTORS ? (unsigned)limit.rlim_cur - OWN_DESCRIPTORS
                                                             : (unsigned)limit.rlim_cur / 2;
    LOG_WARN("http.few_descriptors", LOG_INT("connections", possible), LOG_INT("wanted", connections));
    return possible;
}
