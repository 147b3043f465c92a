#include "script/changes.h"

#include "base/compiler.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    LEVELS =
        80, /* what was parsed from a request or the store has 64, and stands a few below the input's root */
    TOLD_LEVELS = 16,
    VISITS_MOST = 20000,
    CHANGES_MOST = 50,
    VALUE_BYTES = 1000,
    PATH_BYTES = 1000,
};

/* Two objects side by side, and how far the members of the second were gone through. */
struct level {
    JSValue left;
    JSValue right;
    JSPropertyEnum *names;
    uint32_t count;
    uint32_t at;
    bool in_array;
};

struct walk {
    JSContext *ctx;
    struct level levels[LEVELS];
    int depth;
    uint32_t visits;
    JSValue list; /* of changes */
    uint32_t told;
};

static bool names_of(JSContext *ctx, JSValueConst object, JSPropertyEnum **names, uint32_t *count)
{
    return JS_GetOwnPropertyNames(ctx, names, count, object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) == 0;
}

static void free_names(JSContext *ctx, JSPropertyEnum *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        JS_FreeAtom(ctx, names[i].atom);
    js_free(ctx, names);
}

/* Goes down to two objects, which it owns from now on, also where it fails. */
static bool descend(struct walk *walk, JSValue left, JSValue right)
{
    struct level *level = &walk->levels[walk->depth];
    if (walk->depth == LEVELS || !names_of(walk->ctx, right, &level->names, &level->count)) {
        JS_FreeValue(walk->ctx, left);
        JS_FreeValue(walk->ctx, right);
        return false;
    }
    level->left = left;
    level->right = right;
    level->at = 0;
    level->in_array = JS_IsArray(walk->ctx, right) > 0;
    walk->depth++;
    return true;
}

static void ascend(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->depth];
    free_names(walk->ctx, level->names, level->count);
    JS_FreeValue(walk->ctx, level->left);
    JS_FreeValue(walk->ctx, level->right);
}

/* --- copying --- */

static JSValue empty_like(JSContext *ctx, JSValueConst value)
{
    return JS_IsArray(ctx, value) > 0 ? JS_NewArray(ctx) : JS_NewObject(ctx);
}

static bool copy_member(struct walk *walk, struct level *level)
{
    JSContext *ctx = walk->ctx;
    JSAtom name = level->names[level->at++].atom;
    JSValue value = JS_GetProperty(ctx, level->right, name);
    JSValue copy = JS_IsObject(value) ? empty_like(ctx, value) : JS_DupValue(ctx, value);
    bool fine = !JS_IsException(value) && !JS_IsException(copy) &&
                JS_DefinePropertyValue(ctx, level->left, name, JS_DupValue(ctx, copy), JS_PROP_C_W_E) >= 0;
    if (fine && JS_IsObject(value))
        return descend(walk, copy, value);
    JS_FreeValue(ctx, copy);
    JS_FreeValue(ctx, value);
    return fine;
}

static JSValue host_copy(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    if (!JS_IsObject(argv[0]))
        return JS_DupValue(ctx, argv[0]);
    struct walk walk = {.ctx = ctx, .depth = 0};
    JSValue copy = empty_like(ctx, argv[0]);
    bool fine = descend(&walk, JS_DupValue(ctx, copy), JS_DupValue(ctx, argv[0]));
    while (fine && walk.depth > 0) {
        struct level *level = &walk.levels[walk.depth - 1];
        if (level->at == level->count)
            ascend(&walk);
        else
            fine = copy_member(&walk, level);
    }
    while (walk.depth > 0)
        ascend(&walk);
    if (fine)
        return copy;
    JS_FreeValue(ctx, copy);
    return JS_ThrowRangeError(ctx, "the value has too many levels");
}

/* --- telling --- */

static bool same_text(JSContext *ctx, JSValueConst a, JSValueConst b)
{
    size_t a_size = 0, b_size = 0;
    const char *a_text = JS_ToCStringLen(ctx, &a_size, a);
    const char *b_text = JS_ToCStringLen(ctx, &b_size, b);
    bool same = a_text != NULL && b_text != NULL && a_size == b_size && memcmp(a_text, b_text, a_size) == 0;
    JS_FreeCString(ctx, a_text);
    JS_FreeCString(ctx, b_text);
    return same;
}

/* Of two values that are not both objects. */
static bool same_value(JSContext *ctx, JSValueConst a, JSValueConst b)
{
    int tag = JS_VALUE_GET_NORM_TAG(a);
    if (tag == JS_TAG_STRING && JS_IsString(b))
        return (JS_VALUE_GET_NORM_TAG(b) == tag && JS_VALUE_GET_PTR(a) == JS_VALUE_GET_PTR(b)) ||
               same_text(ctx, a, b);
    if (tag != JS_VALUE_GET_NORM_TAG(b))
        return false;
    if (tag == JS_TAG_INT || tag == JS_TAG_BOOL)
        return JS_VALUE_GET_INT(a) == JS_VALUE_GET_INT(b);
    if (tag == JS_TAG_FLOAT64)
        return JS_VALUE_GET_FLOAT64(a) == JS_VALUE_GET_FLOAT64(b);
    return tag == JS_TAG_NULL || tag == JS_TAG_UNDEFINED;
}

static bool is_word(const char *name)
{
    if (isdigit((unsigned char)*name) || *name == '\0')
        return false;
    for (; *name != '\0'; name++)
        if (!isalnum((unsigned char)*name) && *name != '_' && *name != '$')
            return false;
    return true;
}

/* Adds a member's name to a path; `size` is the buffer's. */
static void add_name(JSContext *ctx, char *path, JSAtom atom, bool in_array, bool first)
{
    size_t used = strlen(path);
    const char *name = JS_AtomToCString(ctx, atom);
    if (name == NULL)
        return;
    if (in_array)
        snprintf(path + used, PATH_BYTES - used, "[%s]", name);
    else if (is_word(name))
        snprintf(path + used, PATH_BYTES - used, "%s%s", first ? "" : ".", name);
    else {
        JSValue value = JS_AtomToString(ctx, atom);
        JSValue quoted = JS_JSONStringify(ctx, value, JS_UNDEFINED, JS_UNDEFINED);
        const char *text = JS_ToCString(ctx, quoted);
        snprintf(path + used, PATH_BYTES - used, "[%s]", text != NULL ? text : "?");
        JS_FreeCString(ctx, text);
        JS_FreeValue(ctx, quoted);
        JS_FreeValue(ctx, value);
    }
    JS_FreeCString(ctx, name);
}

/* The path of the member `name` of the innermost level. */
static JSValue path_of(const struct walk *walk, JSAtom name)
{
    char path[PATH_BYTES] = "";
    for (int i = 0; i + 1 < walk->depth; i++) {
        const struct level *level = &walk->levels[i];
        add_name(walk->ctx, path, level->names[level->at - 1].atom, level->in_array, i == 0);
    }
    add_name(walk->ctx, path, name, walk->levels[walk->depth - 1].in_array, walk->depth == 1);
    size_t size = strlen(path);
    /* What was too long may be cut within a letter: its last one goes whole. */
    if (size == PATH_BYTES - 1) {
        while (size > 0 && ((unsigned char)path[size - 1] & 0xC0) == 0x80)
            size--;
        size -= size > 0;
    }
    return JS_NewStringLen(walk->ctx, path, size);
}

/* JSON of a value that a script made; the words of what stands against it where it has none. */
static JSValue json_of(JSContext *ctx, JSValueConst value)
{
    JSValue text = JS_JSONStringify(ctx, value, JS_UNDEFINED, JS_UNDEFINED);
    if (!JS_IsException(text))
        return text;
    JS_FreeValue(ctx, JS_GetException(ctx));
    return JS_NewString(ctx, "\"[can not be written as JSON]\"");
}

static JSValue parsed(JSContext *ctx, JSValueConst json)
{
    size_t size = 0;
    const char *text = JS_ToCStringLen(ctx, &size, json);
    JSValue value = text == NULL ? JS_EXCEPTION : JS_ParseJSON(ctx, text, size, "<value>");
    JS_FreeCString(ctx, text);
    return value;
}

/* What is told of a value: itself, or the beginning of its JSON. */
static JSValue shown(JSContext *ctx, JSValueConst json)
{
    size_t size = 0;
    const char *text = JS_ToCStringLen(ctx, &size, json);
    if (text == NULL)
        return JS_EXCEPTION;
    JSValue value;
    if (size <= VALUE_BYTES) {
        value = JS_ParseJSON(ctx, text, size, "<value>");
    } else {
        char cut[VALUE_BYTES + sizeof "…"];
        size_t length = VALUE_BYTES;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
        memcpy(cut, text, length);
        memcpy(cut + length, "…", sizeof "…");
        value = JS_NewString(ctx, cut);
    }
    JS_FreeCString(ctx, text);
    return value;
}

static void note(struct walk *walk, JSAtom name, JSValueConst was, JSValueConst json)
{
    JSContext *ctx = walk->ctx;
    if (walk->told >= CHANGES_MOST)
        return;
    JSValue change = JS_NewObject(ctx);
    JS_DefinePropertyValueStr(ctx, change, "path", path_of(walk, name), JS_PROP_C_W_E);
    if (!JS_IsUndefined(was)) {
        JSValue before = json_of(ctx, was);
        JS_DefinePropertyValueStr(ctx, change, "from", shown(ctx, before), JS_PROP_C_W_E);
        JS_FreeValue(ctx, before);
    }
    if (!JS_IsUndefined(json))
        JS_DefinePropertyValueStr(ctx, change, "to", shown(ctx, json), JS_PROP_C_W_E);
    JS_DefinePropertyValueUint32(ctx, walk->list, walk->told++, change, JS_PROP_C_W_E);
}

static uint32_t length_of(JSContext *ctx, JSValueConst array)
{
    uint32_t length = 0;
    JSValue value = JS_GetPropertyStr(ctx, array, "length");
    if (JS_ToUint32(ctx, &length, value) != 0)
        JS_FreeValue(ctx, JS_GetException(ctx));
    JS_FreeValue(ctx, value);
    return length;
}

/* Whether the members of the two tell more than the two as a whole. */
static bool is_open(struct walk *walk, JSValueConst was, JSValueConst now)
{
    JSContext *ctx = walk->ctx;
    if (!JS_IsObject(was) || !JS_IsObject(now) || walk->depth >= TOLD_LEVELS ||
        JS_IsArray(ctx, was) != JS_IsArray(ctx, now))
        return false;
    if (JS_IsArray(ctx, now) > 0)
        return length_of(ctx, was) == length_of(ctx, now);
    JSValue to_json = JS_GetPropertyStr(ctx, now, "toJSON");
    bool plain = JS_IsUndefined(to_json);
    JS_FreeValue(ctx, to_json);
    return plain;
}

/* Notes what became of one member and keeps it in `known`, unless JSON makes the same of both. */
static bool follow_value(struct walk *walk, struct level *level, JSAtom name, JSValueConst was,
                         JSValueConst now)
{
    JSContext *ctx = walk->ctx;
    JSValue json = json_of(ctx, now);
    JSValue before = JS_IsUndefined(was) ? JS_UNDEFINED : json_of(ctx, was);
    bool fine = true;
    if (JS_IsUndefined(json) && !JS_IsUndefined(was)) {
        note(walk, name, was, JS_UNDEFINED);
        fine = JS_DeleteProperty(ctx, level->left, name, 0) >= 0;
    } else if (!JS_IsUndefined(json) && (JS_IsUndefined(before) || !same_text(ctx, before, json))) {
        note(walk, name, was, json);
        JSValue kept = parsed(ctx, json);
        fine =
            !JS_IsException(kept) && JS_DefinePropertyValue(ctx, level->left, name, kept, JS_PROP_C_W_E) >= 0;
    }
    JS_FreeValue(ctx, json);
    JS_FreeValue(ctx, before);
    return fine;
}

static bool follow_member(struct walk *walk, struct level *level)
{
    JSContext *ctx = walk->ctx;
    JSAtom name = level->names[level->at++].atom;
    JSValue was = JS_GetProperty(ctx, level->left, name);
    JSValue now = JS_GetProperty(ctx, level->right, name);
    bool fine = !JS_IsException(was) && !JS_IsException(now);
    if (fine && is_open(walk, was, now))
        return descend(walk, was, now);
    if (fine && !same_value(ctx, was, now))
        fine = follow_value(walk, level, name, was, now);
    JS_FreeValue(ctx, was);
    JS_FreeValue(ctx, now);
    return fine;
}

/* Notes the members of the innermost level that went. */
static bool follow_gone(struct walk *walk)
{
    JSContext *ctx = walk->ctx;
    struct level *level = &walk->levels[walk->depth - 1];
    JSPropertyEnum *names = NULL;
    uint32_t count = 0;
    if (!names_of(ctx, level->left, &names, &count))
        return false;
    for (uint32_t i = 0; count != level->count && i < count; i++) {
        JSValue now = JS_GetProperty(ctx, level->right, names[i].atom);
        if (JS_IsUndefined(now)) {
            JSValue was = JS_GetProperty(ctx, level->left, names[i].atom);
            note(walk, names[i].atom, was, JS_UNDEFINED);
            JS_FreeValue(ctx, was);
            JS_DeleteProperty(ctx, level->left, names[i].atom, 0);
        }
        JS_FreeValue(ctx, now);
    }
    free_names(ctx, names, count);
    return true;
}

static JSValue host_changes(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    if (!JS_IsObject(argv[0]) || !JS_IsObject(argv[1]))
        return JS_UNDEFINED;
    struct walk walk = {.ctx = ctx, .depth = 0, .list = JS_NewArray(ctx)};
    bool fine =
        !JS_IsException(walk.list) && descend(&walk, JS_DupValue(ctx, argv[0]), JS_DupValue(ctx, argv[1]));
    while (fine && walk.depth > 0) {
        struct level *level = &walk.levels[walk.depth - 1];
        fine = walk.visits++ < VISITS_MOST;
        if (fine && level->at < level->count) {
            fine = follow_member(&walk, level);
        } else if (fine) {
            fine = follow_gone(&walk);
            ascend(&walk);
        }
    }
    while (walk.depth > 0)
        ascend(&walk);
    /* A getter of the script's may have thrown, or there is no end to it: what was found until then is told. */
    if (!fine)
        JS_FreeValue(ctx, JS_GetException(ctx));
    if (walk.told > 0)
        return walk.list;
    JS_FreeValue(ctx, walk.list);
    return JS_UNDEFINED;
}

const JSCFunctionListEntry changes_functions[2] = {
    JS_CFUNC_DEF("copy", 1, host_copy),
    JS_CFUNC_DEF("changes", 2, host_changes),
};
