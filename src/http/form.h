/*
 * The parsers of what a request carries as text: urlencoded pairs and cookies. All results live in the arena.
 */
#ifndef COUNTERSIGN_HTTP_FORM_H
#define COUNTERSIGN_HTTP_FORM_H

#include "http/exchange.h"

enum { HTTP_LARGEST_FORM = 1000 /* pairs */ };

/*
 * application/x-www-form-urlencoded (WHATWG URL, strictly): pairs parted by '&', '+' a space, empty pairs
 * left out. False where an escape is broken, a NUL or ill-formed UTF-8 comes out, or there are more than
 * HTTP_LARGEST_FORM pairs.
 */
bool form_parse(struct arena *arena, const char *text, size_t length, struct http_pairs *pairs) NODISCARD;

/*
 * The pairs of a Cookie header (RFC 6265 section 5.4), values as they stand but for surrounding quotes. What
 * is no pair is left out: a browser may carry cookies of other programs on the host.
 */
void cookies_parse(struct arena *arena, const char *text, struct http_pairs *pairs);

/* Whether a Content-Type is `type` ("application/json"), whatever its parameters; NULL is none. */
bool content_type_is(const char *content_type, const char *type) NODISCARD;

#endif
