/*
 * An arena: memory with one lifetime. Everything that lives as long as a request (or a job, or a start-up) is allocated
 * from its arena and never freed singly. Destroying the arena wipes all it handed out, so secrets need no care of
 * their own. Out of memory ends the process: no caller has to test for NULL.
 * An arena belongs to one thread at a time.
 */
#ifndef COUNTERSIGN_BASE_ARENA_H
#define COUNTERSIGN_BASE_ARENA_H

#include "base/compiler.h"

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* A new, empty arena; ends with arena_destroy. */
struct arena *arena_create(void) NODISCARD;

/* Wipes and frees all memory of *arena, runs its cleanups (last added first) and sets *arena to NULL. NULL is allowed. */
void arena_destroy(struct arena **arena);

/* Zeroed memory of `size` bytes, aligned for any type, valid until the arena is destroyed. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size) NODISCARD;

/* Zeroed memory for `count` items of `size` bytes; an overflowing product ends the process. */
void *arena_calloc(struct arena *arena, size_t count, size_t size) NODISCARD;

/* A copy of `size` bytes. */
void *arena_copy(struct arena *arena, const void *data, size_t size) NODISCARD;

/* A copy of a NUL-ended text; NULL gives NULL. */
char *arena_strdup(struct arena *arena, const char *text) NODISCARD;

/* A NUL-ended copy of the first `length` bytes of `text`. */
char *arena_strndup(struct arena *arena, const char *text, size_t length) NODISCARD;

/* A formatted text. */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3) NODISCARD;
char *arena_vprintf(struct arena *arena, const char *format, va_list args) PRINTF_LIKE(2, 0) NODISCARD;

/* Calls `cleanup(object)` when the arena is destroyed: for foreign objects (a libcurl handle, an OpenSSL key). */
void arena_on_destroy(struct arena *arena, void (*cleanup)(void *object), void *object);

/* The bytes handed out so far. */
size_t arena_used(const struct arena *arena) NODISCARD;

#endif
