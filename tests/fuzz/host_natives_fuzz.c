/*
 * What rules hand to OpenSSL and zlib. The first byte chooses the function, the rest is a key, a certificate, compressed
 * data, or key and text of a cipher: whatever it is, it ends as a value or an exception.
 */
#include "script/host_values.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const programs[] = {
    "n.expand(b, 'any')",
    "n.expand(b, 'raw')",
    "n.expand(n.compress(b, 'gzip', 6), 'gzip')",
    "k = n.key(b, false, 'PEM'); n.keyInfo(k); n.keyWrite(k, false, 'DER', 'SubjectPublicKeyInfo')",
    "k = n.key(b, true, 'PEM', undefined, b); n.keyInfo(k); n.keyWrite(k, true, 'PEM', 'PrivateKeyInfo')",
    "k = n.key(b, false, 'DER', 'SubjectPublicKeyInfo'); n.keyInfo(k); n.keyVerify(k, 'sha256', b, "
    "undefined, undefined, b)",
    "k = n.key(b, true, 'DER'); n.keyInfo(k); n.keySign(k, 'sha256', b)",
    "c = n.cipher('aes-256-gcm', false, b.slice(0, 32), b.slice(32, 44)); n.cipherTag(c, b.slice(44, 60)); "
    "n.cipherUpdate(c, b.slice(60), false); n.cipherFinal(c)",
    "c = n.cipher('aes-128-cbc', false, b.slice(0, 16), b.slice(16, 32)); n.cipherUpdate(c, b.slice(32), "
    "false); "
    "n.cipherFinal(c)",
    "['utf8', 'hex', 'base64', 'base64url', 'latin1'].forEach((e) => { t = n.toText(b, 0, b.byteLength, e); "
    "n.fromText(t, e); "
    "n.fromText(n.toText(b, 0, b.byteLength, 'latin1'), e); })",
    "n.pbkdf2(b, b, 2, 16, 'sha1'); n.digest('sha256', b, b); n.hkdf('sha256', b, b, b, 16)",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static JSRuntime *rt;
    if (rt == NULL) {
        rt = JS_NewRuntime();
        if (rt == NULL || !host_crypto_prepare())
            abort();
    }
    if (size == 0)
        return 0;
    JSContext *ctx = JS_NewContext(rt);
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue natives = JS_NewObject(ctx);
    if (!host_crypto_add(ctx, natives) || !host_keys_add(ctx, natives) || !host_zlib_add(ctx, natives))
        abort();
    JS_SetPropertyStr(ctx, natives, "toText", JS_NewCFunction(ctx, host_to_text, "toText", 4));
    JS_SetPropertyStr(ctx, natives, "fromText", JS_NewCFunction(ctx, host_from_text, "fromText", 2));
    JS_SetPropertyStr(ctx, global, "n", natives);
    JS_SetPropertyStr(ctx, global, "b", JS_NewArrayBufferCopy(ctx, data + 1, size - 1));
    const char *program = programs[data[0] % ARRAY_LENGTH(programs)];
    JSValue value = JS_Eval(ctx, program, strlen(program), "fuzz", JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(value))
        JS_FreeValue(ctx, JS_GetException(ctx));
    JS_FreeValue(ctx, value);
    JS_FreeValue(ctx, global);
    JS_FreeContext(ctx);
    return 0;
}
