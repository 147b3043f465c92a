/*
 * The messages between the server and a script worker: frames of a fixed header and a payload over a stream socketpair.
 * What may come, how large and when, stands in one table; anything else ends the worker (it may be under a rule's
 * control, so its bytes are outside bytes).
 *
 *     size u32 | type u8 | flags u8 | two zeros | job u32 | id u32 | payload      numbers little-endian
 *
 * A worker has several jobs at once; the server numbers them. Server to worker: SETUP first, then for each job SOURCE*, JOB,
 * a REPLY for each CALL, and CANCEL where it is to be dropped. Worker to server: READY after its sandbox is closed, then for
 * each job (LOG | CALL)*, and one of RESULT, THREW, MEMORY.
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
    FRAME_FORGET = 3,  /* no payload: drop all sources; no job is under way */
    FRAME_JOB = 4,     /* payload: program, NUL, JSON, NUL */
    FRAME_REPLY = 5,   /* id of the call; payload: '+' and JSON, or '-' and a sentence; NUL */
    FRAME_CANCEL = 6,  /* no payload: drop the job, which answers no more */
    FRAME_READY = 16,  /* payload: what the sandbox consists of, a text */
    FRAME_RESULT = 17, /* payload: JSON */
    FRAME_THREW = 18,  /* payload: JSON of the error */
    FRAME_MEMORY = 19, /* no payload: the job ran out of memory */
    FRAME_CALL = 20,   /* id: of the call; payload: name, NUL, JSON */
    FRAME_LOG = 21,    /* id: the stage; payload: level letter, text */
};

/* Of the frame that ends a job. */
enum frame_flags {
    FRAME_IS_LAST =
        1, /* the worker ends itself now, whatever else it has under way: the job would not come to rest */
    FRAME_CLOSES = 2, /* it wants no new jobs: its heap has grown */
};

enum {
    FRAME_HEADER_BYTES = 16,
    FRAME_HASH_BYTES = 64,
    FRAME_INPUT_BYTES = 4 * 1024 * 1024, /* JOB, SOURCE, REPLY */
    FRAME_OUTPUT_BYTES = 1024 * 1024,    /* RESULT, CALL */
    FRAME_LOG_BYTES = 8 * 1024,          /* one console line */
};

struct frame_setup {
    uint64_t job_bytes;    /* of memory, for one job */
    uint64_t worker_bytes; /* for all of them */
};

struct frame {
    enum frame_type type;
    unsigned flags; /* of enum frame_flags */
    uint32_t job;
    uint32_t id;
    const char *data; /* valid until the next call on its reader; not NUL-ended */
    size_t size;
};

/* Whether a frame of that type and size may come, in that direction and state. */
enum frame_state { FRAME_TO_WORKER = 1, FRAME_FROM_STARTING = 2, FRAME_FROM_READY = 4 };
bool frame_is_permitted(unsigned type, size_t size, enum frame_state state) NODISCARD;

/* Fills the header's FRAME_HEADER_BYTES; of `frame` all but `data` counts. */
void frame_write_header(uint8_t header[], const struct frame *frame);

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
/* Where nothing is held: wipes what was, and keeps a small buffer. */
void frame_reader_rest(struct frame_reader *reader);
void frame_reader_free(struct frame_reader *reader);

#endif
