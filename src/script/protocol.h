/*
 * The messages between the server and a script worker: frames of a fixed header and a payload over a stream socketpair.
 * What may come, how large and when, stands in one table; anything else ends the worker (it may be under a rule's
 * control, so its bytes are outside bytes).
 *
 *     size u32 | type u8 | three zeros | id u32 | payload      numbers little-endian
 *
 * Server to worker: SETUP first, then for each job SOURCE*, JOB, and a REPLY for each CALL that wants one.
 * Worker to server: READY after its sandbox is closed, then for each job (LOG | CALL)*, and one of RESULT, THREW, MEMORY.
 */
#ifndef COUNTERSIGN_SCRIPT_PROTOCOL_H
#define COUNTERSIGN_SCRIPT_PROTOCOL_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_type {
    FRAME_SETUP = 1,   /* payload: struct frame_setup */
    FRAME_SOURCE = 2,  /* payload: hash (64 bytes), name, NUL, text, NUL */
    FRAME_FORGET = 3,  /* no payload: drop all sources */
    FRAME_JOB = 4,     /* payload: program, NUL, JSON, NUL */
    FRAME_REPLY = 5,   /* id of the call; payload: '+' and JSON, or '-' and a sentence; NUL */
    FRAME_READY = 16,  /* payload: what the sandbox consists of, a text */
    FRAME_RESULT = 17, /* payload: JSON */
    FRAME_THREW = 18,  /* payload: JSON of the error */
    FRAME_MEMORY = 19, /* no payload: the job ran out of memory */
    FRAME_CALL = 20,   /* id: of the call; payload: name, NUL, JSON */
    FRAME_LOG = 21,    /* id: the stage; payload: level letter, text */
};

/* The flag of the last frame of a worker that ends itself after this job (its heap has grown). */
enum { FRAME_IS_LAST = 1 };

enum {
    FRAME_HEADER_BYTES = 12,
    FRAME_HASH_BYTES = 64,
    FRAME_INPUT_BYTES = 4 * 1024 * 1024, /* JOB, SOURCE, REPLY */
    FRAME_OUTPUT_BYTES = 1024 * 1024,    /* RESULT, CALL */
    FRAME_LOG_BYTES = 8 * 1024,          /* one console line */
};

struct frame_setup {
    uint64_t memory_bytes;
};

struct frame {
    enum frame_type type;
    bool is_last;
    uint32_t id;
    const char *data; /* valid until the next call on its reader; not NUL-ended */
    size_t size;
};

/* Whether a frame of that type and size may come, in that direction and state. */
enum frame_state { FRAME_TO_WORKER = 1, FRAME_FROM_STARTING = 2, FRAME_FROM_IDLE = 4, FRAME_FROM_BUSY = 8 };
bool frame_is_permitted(unsigned type, size_t size, enum frame_state state) NODISCARD;

/* Fills the header's FRAME_HEADER_BYTES. */
void frame_write_header(uint8_t header[], enum frame_type type, bool is_last, uint32_t id, size_t size);

/* Gathers bytes and gives out frames. Zeroed is empty; its memory is the reader's own (frame_reader_free). */
struct frame_reader {
    char *data;
    size_t start;
    size_t size;
    size_t capacity;
};

enum frame_fault {
    FRAME_FINE = 0,
    FRAME_MORE = 1,      /* the next frame is not whole yet */
    FRAME_FORBIDDEN = 2, /* not permitted in this state */
    FRAME_CLOSED = 3,    /* the other side is gone */
    FRAME_AGAIN = 4,     /* nothing to read now (non-blocking) */
};

/* One read from `fd`: FRAME_FINE where bytes came. */
enum frame_fault frame_reader_fill(struct frame_reader *reader, int fd) NODISCARD;
/* The next whole frame. */
enum frame_fault frame_reader_next(struct frame_reader *reader, enum frame_state state,
                                   struct frame *frame) NODISCARD;
/* Wipes what it holds and keeps a small buffer. */
void frame_reader_reset(struct frame_reader *reader);
void frame_reader_free(struct frame_reader *reader);

#endif
