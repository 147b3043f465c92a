/* The operator's modules in a worker: compiled once, kept for its life. */
#include "script/host_values.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_MOST = 64 };

static struct kept {
    char *key;
    uint8_t *code; /* of malloc: it is no job's, and is never freed, as functions of jobs point into it */
    size_t size;
} kept[KEPT_MOST];
static size_t kept_count;

static JSValue evaluate(JSContext *ctx, const uint8_t *code, size_t size, bool stays)
{
    JSValue function =
        JS_ReadObject(ctx, code, size, JS_READ_OBJ_BYTECODE | (stays ? JS_READ_OBJ_ROM_DATA : 0));
    return JS_IsException(function) ? function : JS_EvalFunction(ctx, function);
}

static bool keep(const char *key, const uint8_t *code, size_t size)
{
    if (kept_count == KEPT_MOST)
        return false;
    struct kept *place = &kept[kept_count];
    place->key = strdup(key);
    place->code = malloc(size);
    if (place->key == NULL || place->code == NULL) {
        free(place->key);
        free(place->code);
        return false;
    }
    memcpy(place->code, code, size);
    place->size = size;
    kept_count++;
    return true;
}

static JSValue compile(JSContext *ctx, const char *key, const char *text, size_t length)
{
    JSRuntime *rt = JS_GetRuntime(ctx);
    JS_SetStripInfo(rt, JS_STRIP_DEBUG);
    JSValue function = JS_Eval(ctx, text, length, key, JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
    JS_SetStripInfo(rt, 0);
    if (JS_IsException(function))
        return function;
    size_t size = 0;
    uint8_t *code = JS_WriteObject(ctx, &size, function, JS_WRITE_OBJ_BYTECODE);
    JS_FreeValue(ctx, function);
    if (code == NULL)
        return JS_EXCEPTION;
    JSValue value = keep(key, code, size)
                        ? evaluate(ctx, kept[kept_count - 1].code, kept[kept_count - 1].size, true)
                        : evaluate(ctx, code, size, false);
    js_free(ctx, code);
    return value;
}

JSValue host_module(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    const char *key = JS_ToCString(ctx, argv[0]);
    if (key == NULL)
        return JS_EXCEPTION;
    JSValue value = JS_UNDEFINED;
    size_t at = 0;
    while (at < kept_count && strcmp(kept[at].key, key) != 0)
        at++;
    if (at < kept_count) {
        value = evaluate(ctx, kept[at].code, kept[at].size, true);
    } else if (!JS_IsUndefined(argv[1])) {
        size_t length = 0;
        const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
        value = text != NULL ? compile(ctx, key, text, length) : JS_EXCEPTION;
        JS_FreeCString(ctx, text);
    }
    JS_FreeCString(ctx, key);
    return value;
}
