/*
 * The JavaScript engine of a worker: one QuickJS runtime for its life, a fresh context for each job, programs compiled
 * at build time, sources kept as bytecode that this process compiled itself. Shared by engine.c (jobs) and host.c (what programs may call).
 */
#ifndef COUNTERSIGN_SCRIPT_ENGINE_H
#define COUNTERSIGN_SCRIPT_ENGINE_H

#include "script/protocol.h"

#include <quickjs/quickjs.h>

struct bytecode {
    uint8_t *data; /* of js_malloc_rt */
    size_t size;
};

enum {
    SOURCES_MOST = 256, /* the server sends FORGET before it sends one more */
    TIMERS_MOST = 1000,
    CALLS_MOST = 1000, /* that wait for their reply */
    WORKER_FD = 3,
    PROGRESS_FD = 4,
};

struct source {
    char hash[FRAME_HASH_BYTES];
    char *name;
    char *text;
    struct bytecode code; /* empty until it was first used */
};

struct timer {
    uint32_t id;
    int64_t due_ns;
    int64_t interval_ns; /* 0: once */
    JSValue function;
};

struct pending_call {
    uint32_t id;
    JSValue function; /* called with (JSON, undefined) or (undefined, sentence) */
};

/* What lives as long as a job. */
struct job {
    JSContext *ctx;
    char *result; /* JSON, of malloc; NULL until the program finished */
    size_t result_size;
    bool finished;
    bool too_large;
    JSValue stalled; /* the program's function for a job that can not go on */
    JSValue rejected_promise;
    JSValue rejection;
    struct timer timers[TIMERS_MOST];
    size_t timer_count;
    struct pending_call calls[CALLS_MOST];
    size_t call_count;
    uint32_t next_id;
    size_t log_bytes;
};

struct engine {
    JSRuntime *rt;
    JSContext *base; /* owns `store` */
    JSValue store;   /* what scripts see as `global`: it outlives jobs */
    const JSMallocState *heap;
    size_t baseline;
    size_t peak;
    bool out_of_memory;
    struct source sources[SOURCES_MOST];
    size_t source_count;
    struct frame_reader reader;
    volatile uint32_t *stage; /* in memory shared with the server */
    struct job job;
};

/* A runtime of at most `memory_bytes`; NULL where that fails. */
struct engine *engine_create(size_t memory_bytes) NODISCARD;

/* Takes the frame of a source; false where it is malformed or one too many. */
bool engine_add_source(struct engine *engine, const struct frame *frame) NODISCARD;
void engine_forget_sources(struct engine *engine);

/* Runs the job of that frame and answers it; false where the worker shall end itself after it. */
bool engine_run(struct engine *engine, const struct frame *frame) NODISCARD;

/* The value of a compiled program, or of a source by its hash, in `ctx`; an exception where it fails. */
JSValue engine_load_program(JSContext *ctx, const char *name) NODISCARD;
JSValue engine_load_source(struct engine *engine, JSContext *ctx, const char *hash) NODISCARD;

/* Sends one frame to the server, whole; ends the process where the server is gone. */
void engine_send(enum frame_type type, bool is_last, uint32_t id, const void *data, size_t size);

/* What must be done before the sandbox closes; false where OpenSSL fails. */
bool host_prepare(void) NODISCARD;
/* The object that programs get as `host` (host.c). */
JSValue host_create(struct engine *engine, JSContext *ctx) NODISCARD;
/* Runs the timers that are due; false where one threw. *next_ns is when the next is due, INT64_MAX where there is none. */
bool host_run_timers(struct engine *engine, int64_t *next_ns) NODISCARD;
/* Hands a reply to the call that waits for it; false where its function threw. */
bool host_reply(struct engine *engine, const struct frame *frame) NODISCARD;

#endif
