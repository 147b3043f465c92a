/*
 * Jobs of a worker. Each has a context of its own in the one runtime; while it waits for a timer or a reply the others run.
 * What runs without a break is a slice, and belongs to one job: promises are drained within it.
 */
#include "script/engine.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    RETIRE_BYTES = 16 * 1024 * 1024, /* a worker whose heap once grew beyond this makes way for a fresh one */
    LEFT_OVER_JOBS = 10000,          /* promise jobs that may run on after the program has finished */
    GC_BYTES = 4 * 1024 * 1024,      /* garbage of past jobs that may lie about */
};

/* --- slices --- */

static int64_t cpu_now_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void begin_slice(struct engine *engine, struct job *job)
{
    struct progress *progress = engine->progress;
    engine->current = job;
    job->slice_ns = cpu_now_ns();
    atomic_store_explicit(&progress->running, job->id, memory_order_relaxed);
    atomic_store_explicit(&progress->since_ns, job->slice_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&progress->slice, 1, memory_order_release);
}

static void end_slice(struct engine *engine)
{
    struct progress *progress = engine->progress;
    struct job *job = engine->current;
    struct progress_job *told = &progress->jobs[job->id % PROGRESS_PLACES];
    int64_t used_ns = cpu_now_ns() - job->slice_ns;
    atomic_fetch_add_explicit(&progress->slice, 1, memory_order_release);
    atomic_fetch_add_explicit(&told->cpu_ns, used_ns, memory_order_release);
    engine->current = NULL;
}

/* --- the end of a job --- */

static void drop(struct engine *engine, struct job *job)
{
    for (size_t i = 0; i < job->timer_count; i++)
        JS_FreeValue(job->ctx, job->timers[i].function);
    for (size_t i = 0; i < job->call_count; i++)
        JS_FreeValue(job->ctx, job->calls[i].function);
    js_free(job->ctx, job->timers);
    js_free(job->ctx, job->calls);
    JS_FreeValue(job->ctx, job->stalled);
    JS_FreeValue(job->ctx, job->rejected_promise);
    JS_FreeValue(job->ctx, job->rejection);
    JS_SetContextOpaque(job->ctx, NULL);
    JS_FreeContext(job->ctx);
    if (job->result != NULL)
        explicit_bzero(job->result, job->result_size);
    free(job->result);
    *job->link = job->next;
    if (job->next != NULL)
        job->next->link = job->link;
    engine->jobs[job->id % PROGRESS_PLACES] = NULL;
    engine->charged -= job->charge;
    free(job);
}

/* Whether what no job owns any more (`global`, garbage that nobody collected yet) has grown large. */
static bool has_grown(struct engine *engine)
{
    size_t owned = engine->baseline + engine->charged;
    if (engine->heap->malloc_size < owned + RETIRE_BYTES)
        return false;
    JS_RunGC(engine->rt);
    return engine->heap->malloc_size >= owned + RETIRE_BYTES;
}

/*
 * Contexts of past jobs are garbage that only a collection finds. It is done when much has come together, after an answer,
 * when nobody waits for it; the engine's own, in the middle of a job, is for jobs that make much garbage themselves.
 */
static void collect(struct engine *engine)
{
    size_t slack = engine->settled / 2 > GC_BYTES ? engine->settled / 2 : GC_BYTES;
    if (engine->heap->malloc_size > engine->settled + slack) {
        JS_RunGC(engine->rt);
        engine->settled = engine->heap->malloc_size;
    }
    JS_SetGCThreshold(engine->rt, engine->settled + 2 * slack);
}

static JSValue own_property(JSContext *ctx, JSValueConst object, const char *name)
{
    JSValue value = JS_GetPropertyStr(ctx, object, name);
    if (!JS_IsException(value))
        return value;
    JS_FreeValue(ctx, JS_GetException(ctx));
    return JS_UNDEFINED;
}

static void send_end(const struct job *job, enum frame_type type, unsigned flags, const char *data,
                     size_t size)
{
    engine_send(&(struct frame){.type = type, .flags = flags, .job = job->id, .data = data, .size = size});
}

/* The pending exception as JSON, or NULL; `text` keeps it. */
static const char *describe_exception(JSContext *ctx, JSValue *text, size_t *size)
{
    JSValue fault = JS_GetException(ctx);
    JSValue report = JS_NewObject(ctx);
    static const char *const names[] = {"name", "message", "stack"};
    for (size_t i = 0; i < ARRAY_LENGTH(names) && !JS_IsException(report); i++)
        JS_SetPropertyStr(ctx, report, names[i],
                          JS_IsObject(fault) ? own_property(ctx, fault, names[i])
                                             : (i == 1 ? JS_ToString(ctx, fault) : JS_UNDEFINED));
    *text = JS_JSONStringify(ctx, report, JS_UNDEFINED, JS_UNDEFINED);
    JS_FreeValue(ctx, report);
    JS_FreeValue(ctx, fault);
    return JS_IsString(*text) ? JS_ToCStringLen(ctx, size, *text) : NULL;
}

/* Answers the job with the pending exception. */
static void send_exception(struct engine *engine, const struct job *job, unsigned flags)
{
    size_t size = 0;
    JSValue text;
    const char *json = describe_exception(job->ctx, &text, &size);
    end_slice(engine);
    if (job->out_of_memory)
        send_end(job, FRAME_MEMORY, flags, NULL, 0);
    else if (json != NULL && size <= FRAME_OUTPUT_BYTES)
        send_end(job, FRAME_THREW, flags, json, size);
    else
        send_end(job, FRAME_THREW, flags, "{}", 2);
    JS_FreeCString(job->ctx, json);
    JS_FreeValue(job->ctx, text);
}

/* Runs promise jobs, at most `most` (0: until the job has finished); false where some are left. */
static bool drain(struct engine *engine, size_t most)
{
    for (size_t done = 0; most == 0 || done < most; done++) {
        if (most == 0 && engine->current->finished)
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

/* Sends how the job ended, and lets go of it. Ends its slice. */
static void conclude(struct engine *engine, struct job *job, bool fine)
{
    JSValue fault = fine ? JS_UNDEFINED : JS_GetException(job->ctx);
    /* Promise jobs that are left would run within another job's slice: they end here, or the worker does. */
    bool is_last = !drain(engine, LEFT_OVER_JOBS);
    unsigned flags = is_last ? FRAME_IS_LAST : 0;
    if (engine->wants_rest || job->peak > RETIRE_BYTES)
        flags |= FRAME_CLOSES;
    if (fine && !job->too_large) {
        end_slice(engine);
        send_end(job, FRAME_RESULT, flags, job->result, job->result_size);
    } else {
        if (fine)
            JS_ThrowRangeError(job->ctx, "the result is larger than %d bytes", FRAME_OUTPUT_BYTES);
        else
            JS_Throw(job->ctx, fault);
        send_exception(engine, job, flags);
    }
    if (is_last)
        _exit(0);
    drop(engine, job);
    collect(engine);
    engine->wants_rest = engine->wants_rest || has_grown(engine);
}

/* --- going on --- */

static bool tell_stalled(struct job *job)
{
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

/* What follows when something was called in the job; `fine` is false where that threw. Ends the slice. */
static void advance(struct engine *engine, struct job *job, bool fine)
{
    while (fine && !job->finished) {
        fine = drain(engine, 0);
        if (!fine || job->finished)
            break;
        if (job->timer_count + job->call_count > 0) {
            end_slice(engine);
            return;
        }
        fine = tell_stalled(job);
    }
    conclude(engine, job, fine);
}

void job_note_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL is_handled,
                        void *opaque)
{
    struct job *job = ((struct engine *)opaque)->current;
    if (job == NULL || ctx != job->ctx)
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

/*
 * Without WeakRef and FinalizationRegistry: when garbage is found is no job's own affair, and a callback of one would run
 * within another's slice.
 */
static JSContext *create_context(JSRuntime *rt)
{
    JSContext *ctx = JS_NewContextRaw(rt);
    if (ctx == NULL)
        return NULL;
    JS_AddIntrinsicBaseObjects(ctx);
    JS_AddIntrinsicDate(ctx);
    JS_AddIntrinsicEval(ctx);
    JS_AddIntrinsicStringNormalize(ctx);
    JS_AddIntrinsicRegExp(ctx);
    JS_AddIntrinsicJSON(ctx);
    JS_AddIntrinsicProxy(ctx);
    JS_AddIntrinsicMapSet(ctx);
    JS_AddIntrinsicTypedArrays(ctx);
    JS_AddIntrinsicPromise(ctx);
    return ctx;
}

static bool start(struct engine *engine, struct job *job, const char *program, const char *input,
                  size_t input_size)
{
    JSContext *ctx = job->ctx;
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

static struct job *add_job(struct engine *engine, uint32_t id)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        _exit(1);
    struct progress_job *told = &engine->progress->jobs[id % PROGRESS_PLACES];
    atomic_store_explicit(&told->stage, 0, memory_order_relaxed);
    atomic_store_explicit(&told->cpu_ns, 0, memory_order_relaxed);
    job->id = id;
    job->due_ns = INT64_MAX;
    job->next_id = 1;
    job->stalled = job->rejected_promise = job->rejection = JS_UNDEFINED;
    job->next = engine->first;
    job->link = &engine->first;
    if (job->next != NULL)
        job->next->link = &job->next;
    engine->first = job;
    engine->jobs[id % PROGRESS_PLACES] = job;
    return job;
}

bool job_begin(struct engine *engine, const struct frame *frame)
{
    const char *program = frame->data;
    const char *program_end = memchr(program, 0, frame->size);
    if (program_end == NULL || program_end + 2 > program + frame->size || program[frame->size - 1] != '\0' ||
        frame->job == 0 || engine->jobs[frame->job % PROGRESS_PLACES] != NULL)
        return false;
    const char *input = program_end + 1;
    size_t input_size = (size_t)(program + frame->size - 1 - input);
    struct job *job = add_job(engine, frame->job);
    begin_slice(engine, job);
    job->ctx = create_context(engine->rt);
    if (job->ctx == NULL) {
        end_slice(engine);
        send_end(job, FRAME_MEMORY, FRAME_IS_LAST, NULL, 0);
        return false;
    }
    JS_SetContextOpaque(job->ctx, job);
    bool fine = start(engine, job, program, input, input_size);
    advance(engine, job, fine);
    return true;
}

static struct job *find(const struct engine *engine, uint32_t id)
{
    struct job *job = engine->jobs[id % PROGRESS_PLACES];
    return job != NULL && job->id == id ? job : NULL;
}

void job_reply(struct engine *engine, const struct frame *frame)
{
    struct job *job = find(engine, frame->job);
    if (job == NULL)
        return;
    begin_slice(engine, job);
    bool fine = host_reply(job, frame);
    advance(engine, job, fine);
}

void job_cancel(struct engine *engine, uint32_t id)
{
    struct job *job = find(engine, id);
    if (job != NULL)
        drop(engine, job);
}

int64_t job_run_timers(struct engine *engine)
{
    int64_t now_ns = clock_monotonic_ns();
    int64_t next_ns = INT64_MAX;
    struct job *job = engine->first;
    while (job != NULL) {
        struct job *next = job->next;
        if (job->due_ns <= now_ns) {
            begin_slice(engine, job);
            bool fine = host_run_timer(job);
            advance(engine, job, fine);
            /* What became due, and the jobs that began meanwhile, are looked at anew. */
            next_ns = 0;
        } else if (job->due_ns < next_ns) {
            next_ns = job->due_ns;
        }
        job = next;
    }
    return next_ns;
}
