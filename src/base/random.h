/* Randomness fit for secrets, from the kernel. */
#ifndef COUNTERSIGN_BASE_RANDOM_H
#define COUNTERSIGN_BASE_RANDOM_H

#include "base/arena.h"

/* Fills `size` bytes. A kernel without randomness ends the process. */
void random_fill(void *data, size_t size);

#define RANDOM_ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define RANDOM_UPPER_ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define RANDOM_HEX "0123456789abcdef"
#define RANDOM_DIGITS "0123456789"

/* `length` characters, each drawn evenly from `alphabet` (2 to 256 characters). */
char *random_text(struct arena *arena, const char *alphabet, size_t length) NODISCARD;

/* An id as Auth0 makes them: `prefix` followed by `length` alphanumerics, such as "rul_" and 16. */
char *random_id(struct arena *arena, const char *prefix, size_t length) NODISCARD;

#endif
