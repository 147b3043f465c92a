#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 256 * 1024 };

struct block {
    struct block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) unsigned char data[];
};

struct cleanup {
    struct cleanup *next;
    void (*run)(void *object);
    void *object;
};

struct arena {
    struct block *blocks;
    struct cleanup *cleanups;
    size_t next_size;
    size_t used;
};

static NORETURN void out_of_memory(void)
{
    static const char message[] = "countersign: out of memory\n";
    fwrite(message, 1, sizeof message - 1, stderr);
    abort();
}

static struct block *block_create(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block))
        out_of_memory();
    struct block *block = calloc(1, sizeof *block + size);
    if (block == NULL)
        out_of_memory();
    block->size = size;
    return block;
}

struct arena *arena_create(void)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL)
        out_of_memory();
    arena->next_size = FIRST_BLOCK;
    return arena;
}

void arena_destroy(struct arena **arena)
{
    if (*arena == NULL)
        return;
    for (struct cleanup *cleanup = (*arena)->cleanups; cleanup != NULL; cleanup = cleanup->next)
        cleanup->run(cleanup->object);
    struct block *block = (*arena)->blocks;
    while (block != NULL) {
        struct block *next = block->next;
        explicit_bzero(block->data, block->used);
        free(block);
        block = next;
    }
    free(*arena);
    *arena = NULL;
}

static struct block *block_with_room(struct arena *arena, size_t size)
{
    struct block *block = arena->blocks;
    if (block != NULL && block->size - block->used >= size)
        return block;
    size_t block_size = arena->next_size;
    if (block_size < LARGEST_BLOCK)
        arena->next_size = block_size * 2;
    if (size > block_size / 2) {
        /* A large piece gets a block of its own behind the current one, so that the rest of that stays in use. */
        struct block *own = block_create(size);
        if (block == NULL) {
            arena->blocks = own;
        } else {
            own->next = block->next;
            block->next = own;
        }
        return own;
    }
    struct block *fresh = block_create(block_size);
    fresh->next = block;
    arena->blocks = fresh;
    return fresh;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t alignment = _Alignof(max_align_t);
    if (size > SIZE_MAX - alignment)
        out_of_memory();
    size_t rounded = (size + alignment - 1) / alignment * alignment;
    struct block *block = block_with_room(arena, rounded);
    void *memory = block->data + block->used;
    block->used += rounded;
    arena->used += rounded;
    return memory;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory();
    return arena_alloc(arena, total);
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    /* Most texts fit into what is left of the block, and are made there; only for others is it measured first. */
    struct block *block = arena->blocks;
    size_t room = block == NULL ? 0 : block->size - block->used;
    char *there = block == NULL ? NULL : (char *)block->data + block->used;
    va_list first;
    va_copy(first, args);
    int length = vsnprintf(there, room, format, first);
    va_end(first);
    if (length < 0)
        out_of_memory();
    /* Blocks and pieces are multiples of the alignment, so the piece given out now is the one just written. */
    if ((size_t)length < room)
        return arena_alloc(arena, (size_t)length + 1);
    if (room > 0)
        explicit_bzero(there, room);
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void arena_on_destroy(struct arena *arena, void (*cleanup)(void *object), void *object)
{
    struct cleanup *entry = arena_alloc(arena, sizeof *entry);
    entry->run = cleanup;
    entry->object = object;
    entry->next = arena->cleanups;
    arena->cleanups = entry;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
