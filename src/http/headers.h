/* The headers of an answer, as exchange.c gathers and server.c sends them. */
#ifndef COUNTERSIGN_HTTP_HEADERS_H
#define COUNTERSIGN_HTTP_HEADERS_H

struct http_header_list {
    struct http_header_list *next; /* in the order of adding */
    const char *name;
    const char *value;
};

#endif
