/* A text that grows, with a maximum set at its beginning. Lives in an arena. */
#ifndef COUNTERSIGN_BASE_BUFFER_H
#define COUNTERSIGN_BASE_BUFFER_H

#include "base/arena.h"
#include "base/bytes.h"

struct buffer {
    struct arena *arena;
    char *data;
    size_t size;
    size_t capacity;
    size_t maximum;
    bool overflowed;
};

/* An empty buffer that never holds more than `maximum` bytes; what would not fit sets `overflowed` and is dropped. */
struct buffer buffer_create(struct arena *arena, size_t maximum) NODISCARD;

void buffer_add(struct buffer *buffer, const char *text);
void buffer_add_bytes(struct buffer *buffer, const void *data, size_t size);
void buffer_add_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* What has been gathered, NUL-ended; valid until the next add. */
const char *buffer_text(struct buffer *buffer) NODISCARD;

#endif
