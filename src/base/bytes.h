/*
 * Bytes with a length, for all that is not text: keys, hashes, bodies.
 * Text in this code base is a NUL-ended `const char *` in UTF-8; what arrives from outside with a NUL inside is refused at
 * the edge (forms, JSON, headers), so that no text is ever longer than strlen says.
 */
#ifndef COUNTERSIGN_BASE_BYTES_H
#define COUNTERSIGN_BASE_BYTES_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *data;
    size_t size;
};

/* The bytes of a text, without its NUL. */
struct bytes bytes_of_text(const char *text) NODISCARD;

/* Whether a and b are equal, in a time that depends on their sizes only. For every compare of a secret. */
bool bytes_equal_secret(struct bytes a, struct bytes b) NODISCARD;

/* The same for two texts; NULL equals nothing. */
bool text_equal_secret(const char *a, const char *b) NODISCARD;

#endif
