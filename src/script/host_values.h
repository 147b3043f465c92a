/* What the parts of `host` that take bytes share: arguments in, ArrayBuffers out, native objects held in number. */
#ifndef COUNTERSIGN_SCRIPT_HOST_VALUES_H
#define COUNTERSIGN_SCRIPT_HOST_VALUES_H

#include "base/bytes.h"

#include <quickjs/quickjs.h>

/*
 * The bytes of an ArrayBuffer or of a view on one; undefined and null are none. False, with a TypeError thrown, where it
 * is anything else. They live as long as the value does, and only until JavaScript runs again: take numbers and texts
 * out of their arguments before.
 */
bool host_take_bytes(JSContext *ctx, JSValueConst value, struct bytes *bytes) NODISCARD;

/* A copy of the bytes as an ArrayBuffer, wiped where it can not be made. */
JSValue host_give_bytes(JSContext *ctx, const void *data, size_t size) NODISCARD;

/*
 * An object of OpenSSL's, which is outside the engine's count of memory, in a piece of memory that stands for it there:
 * a job that hoards them runs out of its own. NULL, with an exception, where it does; the object stays the caller's then.
 */
struct host_native {
    void *object;
};
struct host_native *host_native_hold(JSContext *ctx, void *object) NODISCARD;
/* Lets the piece go, but not the object in it. */
void host_native_release(JSRuntime *rt, struct host_native *native);

/* A TypeError of OpenSSL's last error, or of `otherwise` where it tells none. */
JSValue host_throw_openssl(JSContext *ctx, const char *otherwise);

/* Adds the functions to the object. False where memory is short. */
bool host_crypto_add(JSContext *ctx, JSValueConst host) NODISCARD;
bool host_keys_add(JSContext *ctx, JSValueConst host) NODISCARD;
bool host_zlib_add(JSContext *ctx, JSValueConst host) NODISCARD;

/* host.toText(bytes, from, size, encoding), host.fromText(text, encoding): utf8, hex, base64, base64url or latin1. */
JSValue host_to_text(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv);
JSValue host_from_text(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv);

/* host.module(key): the value of the operator's module of that key, which the server is asked for where it is not kept yet. */
JSValue host_module(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv);

/* Before the sandbox closes: has OpenSSL read what it reads from files, and seed its random numbers. */
bool host_crypto_prepare(void) NODISCARD;

#endif
