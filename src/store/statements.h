/*
 * The prepared statements of one connection, by the address of their text. The text is compared too, so that a text made
 * at run time, whose address may come again with another content, never runs the wrong statement. For src/store alone.
 */
#ifndef COUNTERSIGN_STORE_STATEMENTS_H
#define COUNTERSIGN_STORE_STATEMENTS_H

#include "base/compiler.h"

#include <stddef.h>

struct statement {
    const char *address;
    char *sql;
    void *prepared;
};

struct statements {
    struct statement *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/*
 * The entry of that text; a new one, with `prepared` NULL, where there was none. NULL where the cache is full: run such a
 * statement without it. The entry is valid until the next call.
 */
struct statement *statements_entry(struct statements *statements, const char *sql) NODISCARD;

/* Empties the cache; `drop` (may be NULL) frees what was prepared. */
void statements_clear(struct statements *statements, void (*drop)(void *prepared));

#endif
