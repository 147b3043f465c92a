/* Compressing and expanding, for web/script/own/zlib.js. */
#include "script/host_values.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

enum { EXPANDED_BYTES_MOST = 16 * 1024 * 1024, STEP_BYTES = 64 * 1024 };

/* Which wrapping the data has, as zlib's window bits say it. */
static bool window_bits(JSContext *ctx, JSValueConst value, bool expands, int *bits)
{
    static const struct {
        const char *name;
        int bits;
    } forms[] = {{"zlib", 15}, {"gzip", 31}, {"raw", -15}, {"any", 47}};
    const char *name = JS_ToCString(ctx, value);
    if (name == NULL)
        return false;
    bool found = false;
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        if (strcmp(forms[i].name, name) == 0 && (expands || forms[i].bits != 47)) {
            *bits = forms[i].bits;
            found = true;
        }
    }
    JS_FreeCString(ctx, name);
    if (!found)
        JS_ThrowTypeError(ctx, "no such form");
    return found;
}

struct growing {
    uint8_t *data;
    size_t size;
    size_t room;
};

/* False, with an exception, where it has grown too large. */
static bool make_room(JSContext *ctx, struct growing *out)
{
    if (out->size > EXPANDED_BYTES_MOST) {
        JS_ThrowRangeError(ctx, "Cannot create a Buffer larger than %d bytes", EXPANDED_BYTES_MOST);
        return false;
    }
    if (out->room > out->size)
        return true;
    size_t room = out->room * 2 + STEP_BYTES;
    if (room > EXPANDED_BYTES_MOST + 1)
        room = EXPANDED_BYTES_MOST + 1;
    uint8_t *data = js_realloc(ctx, out->data, room);
    if (data == NULL)
        return false;
    out->data = data;
    out->room = room;
    return true;
}

/* host.compress(bytes, form, level): form is zlib, gzip or raw */
static JSValue host_compress(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    int bits = 0;
    int32_t level = 0;
    struct bytes in;
    if (!window_bits(ctx, argv[1], false, &bits) || JS_ToInt32(ctx, &level, argv[2]) != 0 ||
        !host_take_bytes(ctx, argv[0], &in))
        return JS_EXCEPTION;
    if (in.size > UINT_MAX || level < -1 || level > 9)
        return JS_ThrowRangeError(ctx, "out of range");
    z_stream stream = {.next_in = (Bytef *)in.data, .avail_in = (uInt)in.size};
    if (deflateInit2(&stream, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return JS_ThrowOutOfMemory(ctx);
    size_t most = deflateBound(&stream, (uLong)in.size);
    uint8_t *out = js_malloc(ctx, most + 1);
    JSValue result = JS_EXCEPTION;
    if (out != NULL) {
        stream.next_out = out;
        stream.avail_out = (uInt)most;
        result = deflate(&stream, Z_FINISH) == Z_STREAM_END
                     ? host_give_bytes(ctx, out, stream.total_out)
                     : JS_ThrowInternalError(ctx, "it can not be compressed");
    }
    js_free(ctx, out);
    deflateEnd(&stream);
    return result;
}

/* host.expand(bytes, form): form is zlib, gzip, raw, or any (zlib or gzip, as its head says) */
static JSValue host_expand(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    int bits = 0;
    struct bytes in;
    if (!window_bits(ctx, argv[1], true, &bits) || !host_take_bytes(ctx, argv[0], &in))
        return JS_EXCEPTION;
    z_stream stream = {.next_in = (Bytef *)in.data, .avail_in = (uInt)in.size};
    if (in.size > UINT_MAX || inflateInit2(&stream, bits) != Z_OK)
        return JS_ThrowOutOfMemory(ctx);
    struct growing out = {.data = NULL};
    int state = Z_OK;
    while (state == Z_OK && make_room(ctx, &out)) {
        stream.next_out = out.data + out.size;
        stream.avail_out = (uInt)(out.room - out.size);
        state = inflate(&stream, Z_NO_FLUSH);
        out.size = out.room - stream.avail_out;
        if (state == Z_OK && stream.avail_out > 0 && stream.avail_in == 0)
            state = Z_BUF_ERROR;
    }
    JSValue result = JS_EXCEPTION;
    if (state == Z_STREAM_END && make_room(ctx, &out))
        result = host_give_bytes(ctx, out.data, out.size);
    else if (state == Z_BUF_ERROR)
        JS_ThrowTypeError(ctx, "unexpected end of file");
    else if (state != Z_OK && state != Z_STREAM_END)
        JS_ThrowTypeError(ctx, "%s", stream.msg != NULL ? stream.msg : "incorrect header check");
    js_free(ctx, out.data);
    inflateEnd(&stream);
    return result;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("compress", 3, host_compress),
    JS_CFUNC_DEF("expand", 2, host_expand),
};

bool host_zlib_add(JSContext *ctx, JSValueConst host)
{
    JS_SetPropertyFunctionList(ctx, host, functions, ARRAY_LENGTH(functions));
    return true;
}
