#include "script/host_values.h"

enum { NATIVE_MOST = 4096 };

static unsigned native_count;

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

bool host_native_made(JSContext *ctx)
{
    if (native_count >= NATIVE_MOST) {
        JS_ThrowRangeError(ctx, "too many keys, ciphers or streams at once");
        return false;
    }
    native_count++;
    return true;
}

void host_native_freed(void)
{
    native_count--;
}
