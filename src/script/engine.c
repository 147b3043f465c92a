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
    FIRST_GC_BYTES = 8 * 1024 * 1024, /* until the first job has ended (job.c) */
};

/* --- sending --- */

void engine_send(const struct frame *frame)
{
    uint8_t header[FRAME_HEADER_BYTES];
    frame_write_header(header, frame);
    struct iovec parts[2] = {{header, sizeof header}, {(void *)frame->data, frame->size}};
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

struct source *engine_source(struct engine *engine, const char *hash)
{
    for (size_t i = 0; i < engine->source_count; i++)
        if (strncmp(engine->sources[i].hash, hash, FRAME_HASH_BYTES) == 0)
            return &engine->sources[i];
    return NULL;
}

JSValue engine_load_source(struct engine *engine, JSContext *ctx, const char *hash)
{
    struct source *source = engine_source(engine, hash);
    if (source == NULL)
        return JS_ThrowReferenceError(ctx, "there is no such source");
    if (source->code.data == NULL && !compile_source(ctx, source))
        return JS_EXCEPTION;
    return evaluate(ctx, source->code.data, source->code.size);
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
    source->mentions = 0;
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

struct engine *engine_create(const struct frame_setup *setup)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->job_bytes = setup->job_bytes;
    engine->rt = JS_NewRuntime2(&engine_heap, engine);
    if (engine->rt == NULL)
        return NULL;
    JS_SetRuntimeOpaque(engine->rt, engine);
    JS_SetMaxStackSize(engine->rt, STACK_BYTES);
    JS_SetGCThreshold(engine->rt, FIRST_GC_BYTES);
    JS_SetHostPromiseRejectionTracker(engine->rt, job_note_rejection, engine);
    engine->base = JS_NewContext(engine->rt);
    if (engine->base == NULL)
        return NULL;
    engine->store = JS_NewObjectProto(engine->base, JS_NULL);
    JS_RunGC(engine->rt);
    engine->baseline = engine->settled = engine->heap->malloc_size;
    JS_SetMemoryLimit(engine->rt, engine->baseline + setup->worker_bytes);
    return engine;
}
