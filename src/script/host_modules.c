/* The operator's modules in a worker: compiled once, kept for its life. */
#include "script/engine.h"
#include "script/host_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MOST = 64, KEY_BYTES_MOST = 400 };

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

/*
 * The text of the module's file. It comes from the server, never from the program, and no JavaScript runs on the way: what
 * is kept is kept for other logins.
 */
static JSValue ask_for_text(JSContext *ctx, const char *key)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~@+:";
    char question[KEY_BYTES_MOST + 16];
    if (strlen(key) > KEY_BYTES_MOST || key[strspn(key, letters)] != '\0')
        return JS_ThrowTypeError(ctx, "no key of a module");
    snprintf(question, sizeof question, "{\"key\":\"%s\"}", key);
    JSValue arguments[2] = {JS_NewString(ctx, "module.text"), JS_NewString(ctx, question)};
    JSValue answer = host_ask(ctx, JS_UNDEFINED, 2, arguments);
    JS_FreeValue(ctx, arguments[0]);
    JS_FreeValue(ctx, arguments[1]);
    size_t size = 0;
    const char *json = JS_IsException(answer) ? NULL : JS_ToCStringLen(ctx, &size, answer);
    JSValue text = json != NULL ? JS_ParseJSON(ctx, json, size, "module") : JS_EXCEPTION;
    JS_FreeCString(ctx, json);
    JS_FreeValue(ctx, answer);
    return text;
}

JSValue host_module(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    const char *key = JS_ToCString(ctx, argv[0]);
    if (key == NULL)
        return JS_EXCEPTION;
    JSValue value = JS_EXCEPTION;
    size_t at = 0;
    while (at < kept_count && strcmp(kept[at].key, key) != 0)
        at++;
    if (at < kept_count) {
        value = evaluate(ctx, kept[at].code, kept[at].size, true);
    } else {
        JSValue answer = ask_for_text(ctx, key);
        size_t length = 0;
        const char *text = JS_IsException(answer) ? NULL : JS_ToCStringLen(ctx, &length, answer);
        if (text != NULL)
            value = compile(ctx, key, text, length);
        JS_FreeCString(ctx, text);
        JS_FreeValue(ctx, answer);
    }
    JS_FreeCString(ctx, key);
    return value;
}
