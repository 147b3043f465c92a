#include "script/host_values.h"

#include <openssl/err.h>

/* About what a key takes, with what OpenSSL computes ahead for it. */
enum { NATIVE_BYTES = 8192 };

bool host_take_bytes(JSContext *ctx, JSValueConst value, struct bytes *bytes)
{
    static const uint8_t none[1];
    *bytes = (struct bytes){.data = none, .size = 0};
    if (JS_IsUndefined(value) || JS_IsNull(value))
        return true;
    size_t size = 0;
    size_t offset = 0;
    const uint8_t *data = JS_GetArrayBuffer(ctx, &size, value);
    if (data == NULL && JS_HasException(ctx)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, &size, NULL);
        if (JS_IsException(buffer))
            return false;
        size_t whole = 0;
        data = JS_GetArrayBuffer(ctx, &whole, buffer);
        /* The view holds its buffer. */
        JS_FreeValue(ctx, buffer);
        if (data == NULL && JS_HasException(ctx))
            return false;
        if (offset > whole || size > whole - offset) {
            JS_ThrowRangeError(ctx, "beyond the buffer");
            return false;
        }
    }
    if (data != NULL && size > 0)
        *bytes = (struct bytes){.data = data + offset, .size = size};
    return true;
}

JSValue host_give_bytes(JSContext *ctx, const void *data, size_t size)
{
    return JS_NewArrayBufferCopy(ctx, data, size);
}

struct host_native *host_native_hold(JSContext *ctx, void *object)
{
    struct host_native *native = js_malloc(ctx, NATIVE_BYTES);
    if (native != NULL)
        native->object = object;
    return native;
}

void host_native_release(JSRuntime *rt, struct host_native *native)
{
    js_free_rt(rt, native);
}

JSValue host_throw_openssl(JSContext *ctx, const char *otherwise)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return JS_ThrowTypeError(ctx, "%s", reason != NULL ? reason : otherwise);
}
