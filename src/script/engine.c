#include "script/engine.h"

#include "base/clock.h"
#include "script/programs.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    STACK_BYTES = 1024 * 1024,
    GC_BYTES = 2 * 1024 * 1024,      /* garbage of past jobs that may lie about */
    RETIRE_BYTES = 16 * 1024 * 1024, /* a worker whose heap once grew beyond this makes way for a fresh one */
    LEFT_OVER_JOBS = 10000,          /* promise jobs that may run on after the program has finished */
};

/* --- memory --- */

static struct engine *engine_of(JSMallocState *state)
{
    return state->opaque;
}

static void *allocate(JSMallocState *state, size_t size)
{
    struct engine *engine = engine_of(state);
    engine->heap = state;
    if (size > state->malloc_limit || state->malloc_size + size > state->malloc_limit) {
        engine->out_of_memory = true;
        return NULL;
    }
    void *memory = malloc(size);
    if (memory == NULL) {
        engine->out_of_memory = true;
        return NULL;
    }
    state->malloc_count++;
    state->malloc_size += malloc_usable_size(memory);
    if (state->malloc_size > engine->peak)
        engine->peak = state->malloc_size;
    return memory;
}

static void release(JSMallocState *state, void *memory)
{
    if (memory == NULL)
        return;
    state->malloc_count--;
    state->malloc_size -= malloc_usable_size(memory);
    free(memory);
}

static void *resize(JSMallocState *state, void *memory, size_t size)
{
    if (memory == NULL)
        return size == 0 ? NULL : allocate(state, size);
    if (size == 0) {
        release(state, memory);
        return NULL;
    }
    struct engine *engine = engine_of(state);
    size_t before = malloc_usable_size(memory);
    if (size > state->malloc_limit || state->malloc_size - before + size > state->malloc_limit) {
        engine->out_of_memory = true;
        return NULL;
    }
    void *moved = realloc(memory, size);
    if (moved == NULL) {
        engine->out_of_memory = true;
        return NULL;
    }
    state->malloc_size = state->malloc_size - before + malloc_usable_size(moved);
    if (state->malloc_size > engine->peak)
        engine->peak = state->malloc_size;
    return moved;
}

static size_t usable_size(const void *memory)
{
    return malloc_usable_size((void *)memory);
}

static const JSMallocFunctions heap_functions = {allocate, release, resize, usable_size};

/* --- sending --- */

void engine_send(enum frame_type type, bool is_last, uint32_t id, const void *data, size_t size)
{
    uint8_t header[FRAME_HEADER_BYTES];
    frame_write_header(header, type, is_last, id, size);
    struct iovec parts[2] = {{header, sizeof header}, {(void *)data, size}};
    size_t first = 0;
    while (first < ARRAY_LENGTH(parts)) {
        ssize_t sent = writev(WORKER_FD, parts + first, (int)(ARRAY_LENGTH(parts) - first));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            _exit(0);
        size_t left = (size_t)sent;
        while (first < ARRAY_LENGTH(parts) && left >= parts[first].iov_len) {
            left -= parts[first].iov_len;
            first++;
        }
        if (first < ARRAY_LENGTH(parts)) {
            parts[first].iov_base = (char *)parts[first].iov_base + left;
            parts[first].iov_len -= left;
        }
    }
}

/* --- programs and sources --- */

static bool compile(JSContext *ctx, const char *text, const char *name, struct bytecode *code)
{
    JSValue function =
        JS_Eval(ctx, text, strlen(text), name, JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(function))
        return false;
    code->data = JS_WriteObject(ctx, &code->size, function, JS_WRITE_OBJ_BYTECODE);
    JS_FreeValue(ctx, function);
    return code->data != NULL;
}

static JSValue evaluate(JSContext *ctx, const uint8_t *code, size_t size)
{
    JSValue function = JS_ReadObject(ctx, code, size, JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA);
    if (JS_IsException(function))
        return function;
    return JS_EvalFunction(ctx, function);
}

JSValue engine_load_program(JSContext *ctx, const char *name)
{
    for (size_t i = 0; i < script_program_count; i++)
        if (strcmp(script_programs[i].name, name) == 0)
            return evaluate(ctx, script_programs[i].code, script_programs[i].size);
    return JS_ThrowReferenceError(ctx, "there is no program %s", name);
}

/*
 * Compiles "(\nTEXT\n)": the line feeds keep an author's comment on the last line, and columns, as they are. A text that
 * ends in a semicolon does not parse so; as an operand of the comma operator it does.
 */
static bool compile_source(JSContext *ctx, struct source *source)
{
    size_t length = strlen(source->text);
    char *wrapped = js_malloc(ctx, length + 6);
    if (wrapped == NULL)
        return false;
    memcpy(wrapped, "(\n", 2);
    memcpy(wrapped + 2, source->text, length);
    memcpy(wrapped + 2 + length, "\n)", 3);
    bool fine = compile(ctx, wrapped, source->name, &source->code);
    if (!fine) {
        JSValue fault = JS_GetException(ctx);
        memmove(wrapped + 3, source->text, length + 1);
        memcpy(wrapped, "0,\n", 3);
        fine = compile(ctx, wrapped, source->name, &source->code);
        if (fine) {
            JS_FreeValue(ctx, fault);
        } else {
            JS_FreeValue(ctx, JS_GetException(ctx));
            JS_Throw(ctx, fault);
        }
    }
    js_free(ctx, wrapped);
    return fine;
}

JSValue engine_load_source(struct engine *engine, JSContext *ctx, const char *hash)
{
    for (size_t i = 0; i < engine->source_count; i++) {
        struct source *source = &engine->sources[i];
        if (strncmp(source->hash, hash, FRAME_HASH_BYTES) != 0)
            continue;
        if (source->code.data == NULL && !compile_source(ctx, source))
            return JS_EXCEPTION;
        return evaluate(ctx, source->code.data, source->code.size);
    }
    return JS_ThrowReferenceError(ctx, "there is no such source");
}

bool engine_add_source(struct engine *engine, const struct frame *frame)
{
    const char *name = frame->data + FRAME_HASH_BYTES;
    const char *end = frame->data + frame->size;
    const char *name_end = memchr(name, 0, (size_t)(end - name));
    if (engine->source_count == SOURCES_MOST || name_end == NULL || name_end + 1 >= end || end[-1] != '\0')
        return false;
    struct source *source = &engine->sources[engine->source_count];
    memcpy(source->hash, frame->data, FRAME_HASH_BYTES);
    source->name = strdup(name);
    source->text = strdup(name_end + 1);
    source->code = (struct bytecode){.data = NULL};
    engine->source_count++;
    return source->name != NULL && source->text != NULL;
}

void engine_forget_sources(struct engine *engine)
{
    for (size_t i = 0; i < engine->source_count; i++) {
        struct source *source = &engine->sources[i];
        free(source->name);
        free(source->text);
        js_free_rt(engine->rt, source->code.data);
    }
    engine->source_count = 0;
}

static void note_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL is_handled,
                           void *opaque)
{
    struct job *job = &((struct engine *)opaque)->job;
    if (ctx != job->ctx)
        return;
    if (is_handled) {
        if (!JS_IsUndefined(job->rejected_promise) && JS_StrictEq(ctx, promise, job->rejected_promise)) {
            JS_FreeValue(ctx, job->rejected_promise);
            JS_FreeValue(ctx, job->rejection);
            job->rejected_promise = JS_UNDEFINED;
            job->rejection = JS_UNDEFINED;
        }
        return;
    }
    if (JS_IsUndefined(job->rejected_promise)) {
        job->rejected_promise = JS_DupValue(ctx, promise);
        job->rejection = JS_DupValue(ctx, reason);
    }
}

struct engine *engine_create(size_t memory_bytes)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->rt = JS_NewRuntime2(&heap_functions, engine);
    if (engine->rt == NULL)
        return NULL;
    JS_SetRuntimeOpaque(engine->rt, engine);
    JS_SetMaxStackSize(engine->rt, STACK_BYTES);
    JS_SetGCThreshold(engine->rt, GC_BYTES);
    JS_SetHostPromiseRejectionTracker(engine->rt, note_rejection, engine);
    engine->base = JS_NewContext(engine->rt);
    if (engine->base == NULL)
        return NULL;
    engine->store = JS_NewObjectProto(engine->base, JS_NULL);
    JS_RunGC(engine->rt);
    engine->baseline = engine->heap->malloc_size;
    JS_SetMemoryLimit(engine->rt, engine->baseline + memory_bytes);
    return engine;
}

/* --- jobs --- */

static JSValue own_property(JSContext *ctx, JSValueConst object, const char *name)
{
    JSValue value = JS_GetPropertyStr(ctx, object, name);
    if (!JS_IsException(value))
        return value;
    JS_FreeValue(ctx, JS_GetException(ctx));
    return JS_UNDEFINED;
}

/* Answers the job with the pending exception. */
static void send_exception(struct engine *engine, bool is_last)
{
    JSContext *ctx = engine->job.ctx;
    JSValue fault = JS_GetException(ctx);
    JSValue report = JS_NewObject(ctx);
    static const char *const names[] = {"name", "message", "stack"};
    for (size_t i = 0; i < ARRAY_LENGTH(names) && !JS_IsException(report); i++)
        JS_SetPropertyStr(ctx, report, names[i],
                          JS_IsObject(fault) ? own_property(ctx, fault, names[i])
                                             : (i == 1 ? JS_ToString(ctx, fault) : JS_UNDEFINED));
    JSValue text = JS_JSONStringify(ctx, report, JS_UNDEFINED, JS_UNDEFINED);
    size_t size = 0;
    const char *json = JS_IsString(text) ? JS_ToCStringLen(ctx, &size, text) : NULL;
    if (engine->out_of_memory)
        engine_send(FRAME_MEMORY, is_last, 0, NULL, 0);
    else if (json != NULL && size <= FRAME_OUTPUT_BYTES)
        engine_send(FRAME_THREW, is_last, 0, json, size);
    else
        engine_send(FRAME_THREW, is_last, 0, "{}", 2);
    JS_FreeCString(ctx, json);
    JS_FreeValue(ctx, text);
    JS_FreeValue(ctx, report);
    JS_FreeValue(ctx, fault);
}

/* Runs promise jobs, at most `most` (0: all that come); false where some are left. */
static bool drain(struct engine *engine, size_t most)
{
    for (size_t done = 0; most == 0 || done < most; done++) {
        if (most == 0 && engine->job.finished)
            return true;
        JSContext *ctx = NULL;
        int ran = JS_ExecutePendingJob(engine->rt, &ctx);
        if (ran == 0)
            return true;
        if (ran < 0)
            JS_FreeValue(ctx, JS_GetException(ctx));
    }
    return !JS_IsJobPending(engine->rt);
}

/* Waits for a reply, at most until `next_ns`; false where the reply's function threw. */
static bool wait_for_reply(struct engine *engine, int64_t next_ns)
{
    struct frame frame;
    enum frame_fault fault = frame_reader_next(&engine->reader, FRAME_TO_WORKER, &frame);
    if (fault == FRAME_MORE) {
        int64_t left_ns = next_ns == INT64_MAX ? -1 : next_ns - clock_monotonic_ns();
        int timeout_ms = -1;
        if (next_ns != INT64_MAX)
            timeout_ms = left_ns <= 0 ? 0 : (int)((left_ns + 999999) / 1000000);
        struct pollfd poll_fd = {.fd = WORKER_FD, .events = POLLIN};
        if (poll(&poll_fd, 1, timeout_ms) <= 0)
            return true;
        if (frame_reader_fill(&engine->reader, WORKER_FD) != FRAME_FINE)
            _exit(0);
        return true;
    }
    if (fault != FRAME_FINE || frame.type != FRAME_REPLY)
        _exit(1);
    return host_reply(engine, &frame);
}

static bool tell_stalled(struct engine *engine)
{
    struct job *job = &engine->job;
    if (JS_IsUndefined(job->stalled)) {
        JS_ThrowInternalError(job->ctx, "the program ended without a result");
        return false;
    }
    JSValue function = job->stalled;
    job->stalled = JS_UNDEFINED;
    JSValue ignored = JS_Call(job->ctx, function, JS_UNDEFINED, 1, &job->rejection);
    JS_FreeValue(job->ctx, function);
    bool fine = !JS_IsException(ignored);
    JS_FreeValue(job->ctx, ignored);
    return fine;
}

static bool run_until_finished(struct engine *engine)
{
    struct job *job = &engine->job;
    for (;;) {
        if (!drain(engine, 0))
            return false;
        if (job->finished)
            return true;
        int64_t next_ns = INT64_MAX;
        if (!host_run_timers(engine, &next_ns))
            return false;
        if (job->finished)
            return true;
        if (JS_IsJobPending(engine->rt))
            continue;
        bool may_go_on = next_ns != INT64_MAX || job->call_count > 0;
        if (!(may_go_on ? wait_for_reply(engine, next_ns) : tell_stalled(engine)))
            return false;
    }
}

static bool start(struct engine *engine, const char *program, const char *input, size_t input_size)
{
    JSContext *ctx = engine->job.ctx;
    JSValue function = engine_load_program(ctx, program);
    if (JS_IsException(function))
        return false;
    JSValue arguments[2] = {host_create(engine, ctx), JS_ParseJSON(ctx, input, input_size, "<input>")};
    JSValue result = JS_EXCEPTION;
    if (!JS_IsException(arguments[0]) && !JS_IsException(arguments[1]))
        result = JS_Call(ctx, function, JS_UNDEFINED, 2, arguments);
    JS_FreeValue(ctx, arguments[0]);
    JS_FreeValue(ctx, arguments[1]);
    JS_FreeValue(ctx, function);
    bool fine = !JS_IsException(result);
    JS_FreeValue(ctx, result);
    return fine;
}

static void end_job(struct engine *engine)
{
    struct job *job = &engine->job;
    for (size_t i = 0; i < job->timer_count; i++)
        JS_FreeValue(job->ctx, job->timers[i].function);
    for (size_t i = 0; i < job->call_count; i++)
        JS_FreeValue(job->ctx, job->calls[i].function);
    JS_FreeValue(job->ctx, job->stalled);
    JS_FreeValue(job->ctx, job->rejected_promise);
    JS_FreeValue(job->ctx, job->rejection);
    JS_SetPrototype(engine->base, engine->store, JS_NULL);
    JS_FreeContext(job->ctx);
    job->ctx = NULL;
    if (job->result != NULL)
        explicit_bzero(job->result, job->result_size);
    free(job->result);
    job->result = NULL;
}

bool engine_run(struct engine *engine, const struct frame *frame)
{
    const char *program = frame->data;
    const char *program_end = memchr(program, 0, frame->size);
    if (program_end == NULL || program_end + 2 > program + frame->size || program[frame->size - 1] != '\0')
        _exit(1);
    const char *input = program_end + 1;
    size_t input_size = (size_t)(program + frame->size - 1 - input);

    struct job *job = &engine->job;
    engine->out_of_memory = false;
    engine->peak = engine->heap->malloc_size;
    *engine->stage = 0;
    job->ctx = JS_NewContext(engine->rt);
    if (job->ctx == NULL) {
        engine_send(FRAME_MEMORY, true, 0, NULL, 0);
        return false;
    }
    job->result = NULL;
    job->finished = job->too_large = false;
    job->stalled = job->rejected_promise = job->rejection = JS_UNDEFINED;
    job->timer_count = job->call_count = 0;
    job->next_id = 1;
    job->log_bytes = 0;

    bool fine = start(engine, program, input, input_size) && run_until_finished(engine);
    JSValue fault = fine ? JS_UNDEFINED : JS_GetException(job->ctx);
    /* Promise jobs of this context would run within the next job: they end here, or the worker does. */
    bool is_last = !drain(engine, LEFT_OVER_JOBS) || engine->peak > engine->baseline + RETIRE_BYTES;
    if (fine && !job->too_large) {
        engine_send(FRAME_RESULT, is_last, 0, job->result, job->result_size);
    } else {
        if (fine)
            JS_ThrowRangeError(job->ctx, "the result is larger than %d bytes", FRAME_OUTPUT_BYTES);
        else
            JS_Throw(job->ctx, fault);
        send_exception(engine, is_last);
    }
    if (!is_last)
        end_job(engine);
    return !is_last;
}
