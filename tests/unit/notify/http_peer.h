/* A push service on 127.0.0.1 (peer.h) that keeps the last requests and answers as a test says. */
#ifndef COUNTERSIGN_TESTS_NOTIFY_HTTP_PEER_H
#define COUNTERSIGN_TESTS_NOTIFY_HTTP_PEER_H

#include "peer.h"

#include <stdatomic.h>
#include <strings.h>

enum { HTTP_PEER_REQUESTS = 16 };

struct http_peer_request {
    char line[512];
    char headers[16 * 1024]; /* a line each */
    unsigned char body[16 * 1024];
    size_t size;
};

static struct http_peer_request http_peer_requests[HTTP_PEER_REQUESTS];
static atomic_uint http_peer_count;
/* The head and body of the answer to that request, the first being 0. */
static const char *(*http_peer_answer)(unsigned number, const struct http_peer_request *request);

/* The value of a header; NULL where it is not there. In static memory. */
static const char *http_peer_header(const struct http_peer_request *request, const char *name)
{
    static char value[4096];
    size_t length = strlen(name);
    for (const char *line = request->headers; *line != '\0'; line = strchr(line, '\n') + 1)
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            snprintf(value, sizeof value, "%.*s", (int)(strcspn(line, "\n") - length - 2), line + length + 2);
            return value;
        }
    return NULL;
}

static void http_peer_serve(struct peer *peer, FILE *in, FILE *out)
{
    unsigned number = atomic_load(&http_peer_count);
    struct http_peer_request *request = &http_peer_requests[number % HTTP_PEER_REQUESTS];
    char line[8192];
    *request = (struct http_peer_request){.size = 0};
    if (!peer_line(in, request->line, sizeof request->line))
        return;
    while (peer_line(in, line, sizeof line) && line[0] != '\0') {
        size_t used = strlen(request->headers);
        snprintf(request->headers + used, sizeof request->headers - used, "%s\n", line);
    }
    const char *length = http_peer_header(request, "content-length");
    size_t size = length != NULL ? (size_t)atoi(length) : 0;
    if (size > sizeof request->body - 1)
        return;
    request->size = fread(request->body, 1, size, in);
    peer_hear(peer, request->line);
    const char *answer = http_peer_answer(number, request);
    atomic_fetch_add(&http_peer_count, 1);
    fprintf(out, "HTTP/1.1 %s", answer);
    fflush(out);
}

static const char *http_peer_created(unsigned number, const struct http_peer_request *request)
{
    (void)number;
    (void)request;
    return "201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

static struct peer *http_peer_start(void)
{
    atomic_store(&http_peer_count, 0);
    http_peer_answer = http_peer_created;
    return peer_start(http_peer_serve);
}

#endif
