#include "script/protocol.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT_BYTES = 64 * 1024 };

struct permission {
    enum frame_type type;
    unsigned states;
    size_t least;
    size_t most;
};

static const struct permission permissions[] = {
    {FRAME_SETUP, FRAME_TO_WORKER, sizeof(struct frame_setup), sizeof(struct frame_setup)},
    {FRAME_SOURCE, FRAME_TO_WORKER, FRAME_HASH_BYTES + 2, FRAME_INPUT_BYTES},
    {FRAME_FORGET, FRAME_TO_WORKER, 0, 0},
    {FRAME_JOB, FRAME_TO_WORKER, 2, FRAME_INPUT_BYTES},
    {FRAME_REPLY, FRAME_TO_WORKER, 2, FRAME_INPUT_BYTES},
    {FRAME_CANCEL, FRAME_TO_WORKER, 0, 0},
    {FRAME_READY, FRAME_FROM_STARTING, 0, 256},
    {FRAME_RESULT, FRAME_FROM_READY, 1, FRAME_OUTPUT_BYTES},
    {FRAME_THREW, FRAME_FROM_READY, 1, FRAME_OUTPUT_BYTES},
    {FRAME_MEMORY, FRAME_FROM_READY, 0, 0},
    {FRAME_CALL, FRAME_FROM_READY, 2, FRAME_OUTPUT_BYTES},
    {FRAME_LOG, FRAME_FROM_READY, 1, FRAME_LOG_BYTES},
};

bool frame_is_permitted(unsigned type, size_t size, enum frame_state state)
{
    for (size_t i = 0; i < ARRAY_LENGTH(permissions); i++) {
        const struct permission *permission = &permissions[i];
        if (permission->type == type)
            return (permission->states & state) != 0 && size >= permission->least && size <= permission->most;
    }
    return false;
}

static void put_u32(uint8_t *at, uint32_t number)
{
    at[0] = (uint8_t)number;
    at[1] = (uint8_t)(number >> 8);
    at[2] = (uint8_t)(number >> 16);
    at[3] = (uint8_t)(number >> 24);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void frame_write_header(uint8_t header[], const struct frame *frame)
{
    put_u32(header, (uint32_t)frame->size);
    header[4] = (uint8_t)frame->type;
    header[5] = (uint8_t)frame->flags;
    header[6] = 0;
    header[7] = 0;
    put_u32(header + 8, frame->job);
    put_u32(header + 12, frame->id);
}

static void reserve(struct frame_reader *reader, size_t capacity)
{
    if (reader->capacity >= capacity)
        return;
    char *larger = malloc(capacity);
    if (larger == NULL)
        abort();
    if (reader->size > 0)
        memcpy(larger, reader->data, reader->size);
    if (reader->data != NULL)
        explicit_bzero(reader->data, reader->size);
    free(reader->data);
    reader->data = larger;
    reader->capacity = capacity;
}

enum frame_fault frame_reader_fill(struct frame_reader *reader, int fd)
{
    if (reader->start > 0) {
        memmove(reader->data, reader->data + reader->start, reader->size - reader->start);
        reader->size -= reader->start;
        reader->start = 0;
    }
    size_t wanted = KEPT_BYTES;
    if (reader->size >= FRAME_HEADER_BYTES) {
        /* What is read ahead has not been judged yet: nobody gets more memory by announcing it. */
        size_t announced = get_u32((const uint8_t *)reader->data);
        if (announced > FRAME_INPUT_BYTES)
            return FRAME_CLOSED;
        wanted = FRAME_HEADER_BYTES + announced;
    }
    if (wanted <= reader->size)
        wanted = reader->size + KEPT_BYTES;
    reserve(reader, wanted < KEPT_BYTES ? KEPT_BYTES : wanted);
    for (;;) {
        ssize_t got = read(fd, reader->data + reader->size, reader->capacity - reader->size);
        if (got > 0) {
            reader->size += (size_t)got;
            return FRAME_FINE;
        }
        if (got == 0)
            return FRAME_CLOSED;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return FRAME_AGAIN;
        if (errno != EINTR)
            return FRAME_CLOSED;
    }
}

enum frame_fault frame_reader_next(struct frame_reader *reader, enum frame_state state, struct frame *frame)
{
    size_t held = reader->size - reader->start;
    if (held < FRAME_HEADER_BYTES)
        return FRAME_MORE;
    const uint8_t *header = (const uint8_t *)reader->data + reader->start;
    size_t size = get_u32(header);
    if (!frame_is_permitted(header[4], size, state) || (header[5] & ~(FRAME_IS_LAST | FRAME_CLOSES)) != 0 ||
        header[6] != 0 || header[7] != 0)
        return FRAME_FORBIDDEN;
    if (held < FRAME_HEADER_BYTES + size)
        return FRAME_MORE;
    frame->type = (enum frame_type)header[4];
    frame->flags = header[5];
    frame->job = get_u32(header + 8);
    frame->id = get_u32(header + 12);
    frame->data = (const char *)header + FRAME_HEADER_BYTES;
    frame->size = size;
    reader->start += FRAME_HEADER_BYTES + size;
    return FRAME_FINE;
}

void frame_reader_rest(struct frame_reader *reader)
{
    if (reader->start < reader->size)
        return;
    if (reader->data != NULL)
        explicit_bzero(reader->data, reader->size);
    reader->start = 0;
    reader->size = 0;
    if (reader->capacity > KEPT_BYTES) {
        free(reader->data);
        reader->data = NULL;
        reader->capacity = 0;
    }
}

void frame_reader_free(struct frame_reader *reader)
{
    if (reader->data != NULL)
        explicit_bzero(reader->data, reader->size);
    free(reader->data);
    *reader = (struct frame_reader){.data = NULL};
}
