/*
 * The JavaScript engine of a worker: one QuickJS runtime for its life, a fresh context for each job, programs compiled at
 * build time, sources kept as bytecode that this process compiled itself. Shared by engine.c (code), heap.c, job.c and
 * host.c (what programs may call).
 */
#ifndef COUNTERSIGN_SCRIPT_ENGINE_H
#define COUNTERSIGN_SCRIPT_ENGINE_H

#include "script/progress.h"
#include "script/protocol.h"

#include <quickjs/quickjs.h>

struct bytecode {
    uint8_t *data; /* of js_malloc_rt */
    size_t size;
};

enum {
    SOURCES_MOST = 256, /* the server sends FORGET before it sends one more */
    TIMERS_MOST = 1000,
    CALLS_MOST = 1000, /* of a job, that wait for their reply */
    WORKER_FD = 3,
    PROGRESS_FD = 4,
};

struct source {
    char hash[FRAME_HASH_BYTES];
    char *name;
    char *text;
    uint64_t mentions;    /* which of the names that host.mentions() is asked for; bit 63: it was */
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
    uint32_t id; /* the server's number for it */
    struct job *next;
    struct job **link; /* what points to it */
    JSContext *ctx;
    char *result; /* JSON, of malloc; NULL until the program finished */
    size_t result_size;
    bool finished;
    bool too_large;
    JSValue stalled; /* the program's function for a job that can not go on */
    JSValue rejected_promise;
    JSValue rejection;
    struct timer *timers;
    size_t timer_count;
    size_t timer_room;
    int64_t due_ns; /* when the first timer is due; INT64_MAX: none */
    struct pending_call *calls;
    size_t call_count;
    size_t call_room;
    uint32_t next_id;
    size_t log_bytes;
    int64_t slice_ns; /* the CPU clock when its slice began */
    size_t charge;    /* bytes that it asked for and that are not freed */
    size_t peak;
    bool out_of_memory;
};

/* A frame that came while a job waited for another one. */
struct deferred {
    struct deferred *next;
    struct frame frame;
    char data[];
};

struct engine {
    JSRuntime *rt;
    JSContext *base; /* owns `store` */
    JSValue store;   /* what scripts see as `global`: it outlives jobs */
    const JSMallocState *heap;
    size_t baseline;
    size_t settled;   /* bytes in use after the last collection */
    size_t charged;   /* bytes that jobs have, all together */
    size_t job_bytes; /* of memory that one job may have */
    bool wants_rest;  /* it shall get no new jobs */
    struct source sources[SOURCES_MOST];
    size_t source_count;
    struct frame_reader reader;
    struct deferred *deferred;
    struct deferred **last_deferred;
    struct progress *progress; /* shared with the server */
    struct job *first;         /* all jobs */
    struct job *jobs[PROGRESS_PLACES];
    struct job *current; /* whose slice runs */
};

extern const JSMallocFunctions engine_heap;

/* A runtime within the limits of `setup`; NULL where that fails. */
struct engine *engine_create(const struct frame_setup *setup) NODISCARD;

/* Takes the frame of a source; false where it is malformed or one too many. */
bool engine_add_source(struct engine *engine, const struct frame *frame) NODISCARD;
void engine_forget_sources(struct engine *engine);

/* Begins the job of that frame, and runs it until it waits or has answered; false where the frame is malformed. */
bool job_begin(struct engine *engine, const struct frame *frame) NODISCARD;
/* Hands a reply to its job, and runs that on. */
void job_reply(struct engine *engine, const struct frame *frame);
/* Drops a job, if there is one of that number. */
void job_cancel(struct engine *engine, uint32_t id);
/* Runs the timers that are due; when the next is due, 0 for at once, INT64_MAX where there is none. */
int64_t job_run_timers(struct engine *engine) NODISCARD;
/* QuickJS's tracker of rejections; `opaque` is the engine. */
void job_note_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL is_handled,
                        void *opaque);

/* The value of a compiled program, or of a source by its hash, in `ctx`; an exception where it fails. */
JSValue engine_load_program(JSContext *ctx, const char *name) NODISCARD;
/* The source of that hash, or NULL. */
struct source *engine_source(struct engine *engine, const char *hash) NODISCARD;
JSValue engine_load_source(struct engine *engine, JSContext *ctx, const char *hash) NODISCARD;

/* Sends one frame to the server, whole; ends the process where the server is gone. */
void engine_send(const struct frame *frame);

/* What must be done before the sandbox closes; false where OpenSSL fails. */
bool host_prepare(void) NODISCARD;
/* The object that programs get as `host` (host.c). */
JSValue host_create(struct engine *engine, JSContext *ctx) NODISCARD;
/*
 * host.mentions(hash): those of the names that rules may find in their world that the source's text has, as a list; undefined
 * where it has none. host.mentions(): all names.
 */
JSValue host_mentions(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv);
/* host.ask(name, json): waits for the answer's JSON, or throws. */
JSValue host_ask(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv);
/* Runs the job's timer that is due first; false where it threw. */
bool host_run_timer(struct job *job) NODISCARD;
/* Hands a reply to the call that waits for it; false where its function threw. */
bool host_reply(struct job *job, const struct frame *frame) NODISCARD;

#endif
