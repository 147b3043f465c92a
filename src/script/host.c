/* What programs may call: the members of `host`. Names and arguments are those of the programs in web/script. */
#include "script/engine.h"

#include "base/clock.h"
#include "base/random.h"
#include "script/changes.h"
#include "script/host_values.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOG_BYTES_MOST = 256 * 1024, /* of console output in a job; the rest is dropped */
    RANDOM_BYTES_MOST = 65536,
};

bool host_prepare(void)
{
    return host_crypto_prepare();
}

static struct engine *engine_in(JSContext *ctx)
{
    return JS_GetRuntimeOpaque(JS_GetRuntime(ctx));
}

/*
 * Whoever calls these does so within the slice of one job, and it is that job's call, also where the function was left in
 * `global` by an earlier one.
 */
static struct job *current_job(JSContext *ctx)
{
    return engine_in(ctx)->current;
}

/* The same for what only a job's own program may do; NULL where another login got hold of it. */
static struct job *own_job(JSContext *ctx)
{
    struct job *job = current_job(ctx);
    return JS_GetContextOpaque(ctx) == job ? job : NULL;
}

/* host.log(level, stage, text) */
static JSValue host_log(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct job *job = current_job(ctx);
    uint32_t stage = 0;
    size_t size = 0;
    const char *level = JS_ToCString(ctx, argv[0]);
    const char *text = JS_ToCStringLen(ctx, &size, argv[2]);
    if (level == NULL || text == NULL || JS_ToUint32(ctx, &stage, argv[1]) != 0) {
        JS_FreeCString(ctx, level);
        JS_FreeCString(ctx, text);
        return JS_EXCEPTION;
    }
    char line[FRAME_LOG_BYTES];
    if (size > sizeof line - 1) {
        size = sizeof line - 1;
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80)
            size--;
    }
    line[0] = level[0];
    memcpy(line + 1, text, size);
    job->log_bytes += size + 1;
    if (job->log_bytes <= LOG_BYTES_MOST)
        engine_send(
            &(struct frame){.type = FRAME_LOG, .job = job->id, .id = stage, .data = line, .size = size + 1});
    JS_FreeCString(ctx, level);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

/* Makes room for one item more; false with an exception pending. */
static bool reserve(JSContext *ctx, void **items, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 4 : *room * 2;
    void *grown = js_realloc(ctx, *items, wanted * size);
    if (grown == NULL)
        return false;
    *items = grown;
    *room = wanted;
    return true;
}

static JSValue send_call(JSContext *ctx, JSValueConst *argv, uint32_t *id)
{
    struct job *job = current_job(ctx);
    if (job->call_count == CALLS_MOST)
        return JS_ThrowRangeError(ctx, "too many calls at once");
    size_t name_size = 0;
    size_t json_size = 0;
    const char *name = JS_ToCStringLen(ctx, &name_size, argv[0]);
    const char *json = JS_ToCStringLen(ctx, &json_size, argv[1]);
    size_t size = name_size + 1 + json_size;
    char *payload = name != NULL && json != NULL ? js_malloc(ctx, size) : NULL;
    JSValue outcome = JS_EXCEPTION;
    if (payload != NULL && size > FRAME_OUTPUT_BYTES) {
        outcome = JS_ThrowRangeError(ctx, "what %s sends is larger than %d bytes", name, FRAME_OUTPUT_BYTES);
    } else if (payload != NULL) {
        memcpy(payload, name, name_size + 1);
        memcpy(payload + name_size + 1, json, json_size);
        *id = job->next_id++;
        engine_send(
            &(struct frame){.type = FRAME_CALL, .job = job->id, .id = *id, .data = payload, .size = size});
        outcome = JS_UNDEFINED;
    }
    js_free(ctx, payload);
    JS_FreeCString(ctx, name);
    JS_FreeCString(ctx, json);
    return outcome;
}

/* host.call(name, json, function (json, fault)) */
static JSValue host_call(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct job *job = current_job(ctx);
    uint32_t id = 0;
    void *grown = job->calls;
    if (!reserve(ctx, &grown, &job->call_room, job->call_count, sizeof *job->calls))
        return JS_EXCEPTION;
    job->calls = grown;
    JSValue outcome = send_call(ctx, argv, &id);
    if (!JS_IsException(outcome))
        job->calls[job->call_count++] =
            (struct pending_call){.id = id, .function = JS_DupValue(ctx, argv[2])};
    return outcome;
}

bool host_reply(struct job *job, const struct frame *frame)
{
    JSContext *ctx = job->ctx;
    size_t i = 0;
    while (i < job->call_count && job->calls[i].id != frame->id)
        i++;
    if (i == job->call_count)
        return true;
    JSValue function = job->calls[i].function;
    job->calls[i] = job->calls[--job->call_count];
    JSValue text = JS_NewStringLen(ctx, frame->data + 1, frame->size - 2);
    bool is_fault = frame->data[0] == '-';
    JSValue arguments[2] = {is_fault ? JS_UNDEFINED : text, is_fault ? text : JS_UNDEFINED};
    JSValue ignored =
        JS_IsException(text) ? JS_EXCEPTION : JS_Call(ctx, function, JS_UNDEFINED, 2, arguments);
    JS_FreeValue(ctx, text);
    JS_FreeValue(ctx, function);
    bool fine = !JS_IsException(ignored);
    JS_FreeValue(ctx, ignored);
    return fine;
}

/* Keeps a frame that is for later. */
static void defer(struct engine *engine, const struct frame *frame)
{
    struct deferred *kept = malloc(sizeof *kept + frame->size);
    if (kept == NULL)
        _exit(1);
    kept->next = NULL;
    kept->frame = *frame;
    kept->frame.data = kept->data;
    if (frame->size > 0)
        memcpy(kept->data, frame->data, frame->size);
    if (engine->deferred == NULL)
        engine->last_deferred = &engine->deferred;
    *engine->last_deferred = kept;
    engine->last_deferred = &kept->next;
}

JSValue host_ask(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct engine *engine = engine_in(ctx);
    uint32_t id = 0;
    JSValue outcome = send_call(ctx, argv, &id);
    if (JS_IsException(outcome))
        return outcome;
    for (;;) {
        struct frame frame;
        enum frame_fault fault = frame_reader_next(&engine->reader, FRAME_TO_WORKER, &frame);
        if (fault == FRAME_MORE) {
            if (frame_reader_fill(&engine->reader, WORKER_FD) != FRAME_FINE)
                _exit(0);
            continue;
        }
        if (fault != FRAME_FINE)
            _exit(1);
        if (frame.type != FRAME_REPLY || frame.job != engine->current->id || frame.id != id) {
            defer(engine, &frame);
            continue;
        }
        JSValue text = JS_NewStringLen(ctx, frame.data + 1, frame.size - 2);
        return frame.data[0] == '-' && !JS_IsException(text) ? JS_Throw(ctx, text) : text;
    }
}

/* host.timer(ms, function, repeats): its id */
static JSValue host_timer(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct job *job = current_job(ctx);
    double ms = 0;
    if (JS_ToFloat64(ctx, &ms, argv[0]) != 0)
        return JS_EXCEPTION;
    if (job->timer_count == TIMERS_MOST)
        return JS_ThrowRangeError(ctx, "too many timers");
    void *grown = job->timers;
    if (!reserve(ctx, &grown, &job->timer_room, job->timer_count, sizeof *job->timers))
        return JS_EXCEPTION;
    job->timers = grown;
    /* As in Node: less than one millisecond is one; what does not fit 31 bits is one too. */
    int64_t interval_ns = (ms >= 1 && ms <= 2147483647.0 ? (int64_t)ms : 1) * 1000000;
    struct timer *timer = &job->timers[job->timer_count++];
    *timer = (struct timer){.id = job->next_id++,
                            .due_ns = clock_monotonic_ns() + interval_ns,
                            .interval_ns = JS_ToBool(ctx, argv[2]) == 1 ? interval_ns : 0,
                            .function = JS_DupValue(ctx, argv[1])};
    if (timer->due_ns < job->due_ns)
        job->due_ns = timer->due_ns;
    return JS_NewUint32(ctx, timer->id);
}

static size_t earliest_timer(const struct job *job)
{
    size_t earliest = 0;
    for (size_t i = 1; i < job->timer_count; i++) {
        const struct timer *timer = &job->timers[i];
        const struct timer *best = &job->timers[earliest];
        if (timer->due_ns < best->due_ns || (timer->due_ns == best->due_ns && timer->id < best->id))
            earliest = i;
    }
    return earliest;
}

static void note_due(struct job *job)
{
    job->due_ns = job->timer_count == 0 ? INT64_MAX : job->timers[earliest_timer(job)].due_ns;
}

static void drop_timer(struct job *job, size_t i)
{
    JSValue function = job->timers[i].function;
    job->timers[i] = job->timers[--job->timer_count];
    note_due(job);
    JS_FreeValue(job->ctx, function);
}

/* host.clear(id) */
static JSValue host_clear(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct job *job = current_job(ctx);
    uint32_t id = 0;
    if (JS_ToUint32(ctx, &id, argv[0]) != 0)
        return JS_EXCEPTION;
    for (size_t i = 0; i < job->timer_count; i++) {
        if (job->timers[i].id == id) {
            drop_timer(job, i);
            break;
        }
    }
    return JS_UNDEFINED;
}

bool host_run_timer(struct job *job)
{
    size_t i = earliest_timer(job);
    struct timer *timer = &job->timers[i];
    JSValue function = JS_DupValue(job->ctx, timer->function);
    if (timer->interval_ns > 0) {
        timer->due_ns = clock_monotonic_ns() + timer->interval_ns;
        note_due(job);
    } else {
        drop_timer(job, i);
    }
    JSValue ignored = JS_Call(job->ctx, function, JS_UNDEFINED, 0, NULL);
    JS_FreeValue(job->ctx, function);
    bool fine = !JS_IsException(ignored);
    JS_FreeValue(job->ctx, ignored);
    return fine;
}

/* host.source(hash), host.load(name): the value that the text has */
static JSValue host_source(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    size_t size = 0;
    const char *hash = JS_ToCStringLen(ctx, &size, argv[0]);
    if (hash == NULL)
        return JS_EXCEPTION;
    JSValue value = size == FRAME_HASH_BYTES ? engine_load_source(engine_in(ctx), ctx, hash)
                                             : JS_ThrowTypeError(ctx, "not a hash");
    JS_FreeCString(ctx, hash);
    return value;
}

static JSValue host_load(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(ctx, argv[0]);
    if (name == NULL)
        return JS_EXCEPTION;
    JSValue value = engine_load_program(ctx, name);
    JS_FreeCString(ctx, name);
    return value;
}

/* host.finish(json): the job's result; the first one counts */
static JSValue host_finish(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct job *job = own_job(ctx);
    if (job == NULL || job->finished)
        return JS_UNDEFINED;
    size_t size = 0;
    const char *text = JS_ToCStringLen(ctx, &size, argv[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    job->too_large = size == 0 || size > FRAME_OUTPUT_BYTES;
    job->result = job->too_large ? NULL : malloc(size);
    if (job->result != NULL)
        memcpy(job->result, text, size);
    else
        job->too_large = true;
    job->result_size = size;
    job->finished = true;
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

/* host.onStalled(function): called once where neither a timer nor a call nor a promise is left */
static JSValue host_on_stalled(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct job *job = own_job(ctx);
    if (job == NULL)
        return JS_UNDEFINED;
    JS_FreeValue(ctx, job->stalled);
    job->stalled = JS_DupValue(ctx, argv[0]);
    return JS_UNDEFINED;
}

/* host.stage(number): what the server sees of the job's progress */
static JSValue host_stage(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    uint32_t stage = 0;
    if (JS_ToUint32(ctx, &stage, argv[0]) != 0)
        return JS_EXCEPTION;
    const struct job *job = own_job(ctx);
    if (job != NULL)
        atomic_store_explicit(&engine_in(ctx)->progress->jobs[job->id % PROGRESS_PLACES].stage, stage,
                              memory_order_relaxed);
    return JS_UNDEFINED;
}

/* host.mine(): whether the login that runs now is the one this object was made for */
static JSValue host_mine(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, UNUSED JSValueConst *argv)
{
    return JS_NewBool(ctx, own_job(ctx) != NULL);
}

/* host.isFull(): whether this login met the end of its memory */
static JSValue host_is_full(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc,
                            UNUSED JSValueConst *argv)
{
    const struct job *job = own_job(ctx);
    return JS_NewBool(ctx, job != NULL && job->out_of_memory);
}

/* host.now(): milliseconds that never go back, with fractions */
static JSValue host_now(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, UNUSED JSValueConst *argv)
{
    return JS_NewFloat64(ctx, (double)clock_monotonic_ns() / 1e6);
}

/* host.random(count): an ArrayBuffer */
static JSValue host_random(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    uint32_t count = 0;
    if (JS_ToUint32(ctx, &count, argv[0]) != 0)
        return JS_EXCEPTION;
    if (count > RANDOM_BYTES_MOST)
        return JS_ThrowRangeError(ctx, "at most %d random bytes at once", RANDOM_BYTES_MOST);
    uint8_t bytes[RANDOM_BYTES_MOST];
    random_fill(bytes, count);
    return JS_NewArrayBufferCopy(ctx, bytes, count);
}

/* host.natives(): an object with what OpenSSL and zlib do; few rules need it */
static JSValue host_natives(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc,
                            UNUSED JSValueConst *argv)
{
    JSValue natives = JS_NewObject(ctx);
    if (!JS_IsException(natives) && host_crypto_add(ctx, natives) && host_keys_add(ctx, natives) &&
        host_zlib_add(ctx, natives))
        return natives;
    JS_FreeValue(ctx, natives);
    return JS_ThrowOutOfMemory(ctx);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("log", 3, host_log),
    JS_CFUNC_DEF("call", 3, host_call),
    JS_CFUNC_DEF("ask", 2, host_ask),
    JS_CFUNC_DEF("timer", 3, host_timer),
    JS_CFUNC_DEF("clear", 1, host_clear),
    JS_CFUNC_DEF("source", 1, host_source),
    JS_CFUNC_DEF("load", 1, host_load),
    JS_CFUNC_DEF("finish", 1, host_finish),
    JS_CFUNC_DEF("stage", 1, host_stage),
    JS_CFUNC_DEF("onStalled", 1, host_on_stalled),
    JS_CFUNC_DEF("now", 0, host_now),
    JS_CFUNC_DEF("random", 1, host_random),
    JS_CFUNC_DEF("fromText", 2, host_from_text),
    JS_CFUNC_DEF("toText", 4, host_to_text),
    JS_CFUNC_DEF("natives", 0, host_natives),
    JS_CFUNC_DEF("module", 1, host_module),
    JS_CFUNC_DEF("mentions", 1, host_mentions),
    JS_CFUNC_DEF("mine", 0, host_mine),
    JS_CFUNC_DEF("isFull", 0, host_is_full),
};

JSValue host_create(struct engine *engine, JSContext *ctx)
{
    JSValue host = JS_NewObject(ctx);
    if (JS_IsException(host))
        return host;
    JS_SetPropertyFunctionList(ctx, host, functions, (int)ARRAY_LENGTH(functions));
    JS_SetPropertyFunctionList(ctx, host, changes_functions, (int)ARRAY_LENGTH(changes_functions));
    JS_SetPropertyStr(ctx, host, "store", JS_DupValue(ctx, engine->store));
    return host;
}
