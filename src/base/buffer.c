#include "base/buffer.h"

#include <stdarg.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

struct buffer buffer_create(struct arena *arena, size_t maximum)
{
    return (struct buffer){.arena = arena, .maximum = maximum};
}

static void reserve(struct buffer *buffer, size_t wanted)
{
    if (wanted < buffer->capacity)
        return;
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    while (capacity <= wanted)
        capacity *= 2;
    char *data = arena_alloc(buffer->arena, capacity);
    if (buffer->size > 0)
        memcpy(data, buffer->data, buffer->size);
    buffer->data = data;
    buffer->capacity = capacity;
}

void buffer_add_bytes(struct buffer *buffer, const void *data, size_t size)
{
    if (buffer->overflowed || size > buffer->maximum - buffer->size) {
        buffer->overflowed = true;
        return;
    }
    if (size == 0)
        return;
    reserve(buffer, buffer->size + size);
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void buffer_add(struct buffer *buffer, const char *text)
{
    buffer_add_bytes(buffer, text, strlen(text));
}

void buffer_add_char(struct buffer *buffer, char c)
{
    buffer_add_bytes(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_add(buffer, arena_vprintf(buffer->arena, format, args));
    va_end(args);
}

const char *buffer_text(struct buffer *buffer)
{
    reserve(buffer, buffer->size + 1);
    buffer->data[buffer->size] = '\0';
    return buffer->data;
}
