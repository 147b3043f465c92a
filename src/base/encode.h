/* Encodings of bytes as text (RFC 4648) and of text in URLs (RFC 3986) and HTML. */
#ifndef COUNTERSIGN_BASE_ENCODE_H
#define COUNTERSIGN_BASE_ENCODE_H

#include "base/arena.h"
#include "base/bytes.h"

/* base64url without padding, as JOSE uses it (RFC 7515 section 2). */
char *base64url_encode(struct arena *arena, struct bytes bytes) NODISCARD;

/* Decodes base64url without padding, strictly: a foreign character, padding or stray bits give false. */
bool base64url_decode(struct arena *arena, const char *text, size_t length, struct bytes *out) NODISCARD;

/* Plain base64 with padding. Decoding is strict too. */
char *base64_encode(struct arena *arena, struct bytes bytes) NODISCARD;
bool base64_decode(struct arena *arena, const char *text, size_t length, struct bytes *out) NODISCARD;

/* Lower-case hexadecimal; decoding takes either case. */
char *hex_encode(struct arena *arena, struct bytes bytes) NODISCARD;
bool hex_decode(struct arena *arena, const char *text, size_t length, struct bytes *out) NODISCARD;

/* Base32 upper case without padding (RFC 4648 section 6). */
char *base32_encode(struct arena *arena, struct bytes bytes) NODISCARD;
bool base32_decode(struct arena *arena, const char *text, size_t length, struct bytes *out) NODISCARD;

/* Percent-encodes all but the unreserved characters of RFC 3986. */
char *percent_encode(struct arena *arena, const char *text) NODISCARD;

/* Decodes %XX, and + as a space where `plus` is set. A broken escape, or one that makes a NUL, gives NULL. */
char *percent_decode(struct arena *arena, const char *text, size_t length, bool plus) NODISCARD;

/* Escapes & < > " ' for HTML text and quoted attributes. */
char *html_escape(struct arena *arena, const char *text) NODISCARD;

/* Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) and hold no NUL. */
bool utf8_valid(const char *text, size_t length) NODISCARD;

#endif
