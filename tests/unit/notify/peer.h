/*
 * A peer on 127.0.0.1 that speaks a protocol line by line, for tests of what is sent to other machines. It serves one
 * connection after the other in a thread of its own, and keeps what it was told (free it after peer_end).
 */
#ifndef COUNTERSIGN_TESTS_NOTIFY_PEER_H
#define COUNTERSIGN_TESTS_NOTIFY_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
    int listener;
    unsigned port;
    pthread_t thread;
    void (*serve)(struct peer *peer, FILE *in, FILE *out);
    unsigned connections;
    char heard[256 * 1024]; /* whatever serve() keeps */
};

/* A line without its end; false at the end of the stream. */
static bool peer_line(FILE *in, char *line, size_t size)
{
    if (fgets(line, (int)size, in) == NULL)
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

static void peer_hear(struct peer *peer, const char *text)
{
    size_t used = strlen(peer->heard);
    snprintf(peer->heard + used, sizeof peer->heard - used, "%s\n", text);
}

static void *peer_run(void *argument)
{
    struct peer *peer = argument;
    for (;;) {
        int connection = accept(peer->listener, NULL, NULL);
        if (connection < 0)
            return NULL;
        peer->connections++;
        FILE *in = fdopen(connection, "r"), *out = fdopen(dup(connection), "w");
        peer->serve(peer, in, out);
        fclose(out);
        fclose(in);
    }
}

static struct peer *peer_start(void (*serve)(struct peer *peer, FILE *in, FILE *out))
{
    struct peer *peer = calloc(1, sizeof *peer);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    peer->serve = serve;
    if (bind(peer->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(peer->listener, 16) != 0 ||
        getsockname(peer->listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    peer->port = ntohs(address.sin_port);
    pthread_create(&peer->thread, NULL, peer_run, peer);
    return peer;
}

/* Ends the peer; what it heard may be read from now on. */
static void peer_end(struct peer *peer)
{
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->listener);
}

#endif
