/* Digests, ciphers, keys from passwords: the members of `host` that Node's `crypto` stands on (web/script/own/crypto.js). */
#include "script/host_values.h"

#include <crypt.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum {
    DERIVED_BYTES_MOST = 65536,
    DIGEST_BYTES_MOST = 4096, /* of an extendable one */
    SCRYPT_BYTES_MOST = 64 * 1024 * 1024,
};

static JSClassID cipher_class;

bool host_crypto_prepare(void)
{
    uint8_t warm[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1)
        return false;
    return RAND_bytes(warm, sizeof warm) == 1 && RAND_priv_bytes(warm, sizeof warm) == 1 &&
           HMAC(EVP_sha256(), "k", 1, warm, 0, warm, &size) != NULL;
}

/* --- digests --- */

static EVP_MD *fetch_digest(JSContext *ctx, JSValueConst name)
{
    const char *text = JS_ToCString(ctx, name);
    if (text == NULL)
        return NULL;
    EVP_MD *digest = EVP_MD_fetch(NULL, text, NULL);
    JS_FreeCString(ctx, text);
    if (digest == NULL) {
        ERR_clear_error();
        JS_ThrowTypeError(ctx, "Digest method not supported");
    }
    return digest;
}

static JSValue plain_digest(JSContext *ctx, const EVP_MD *algorithm, struct bytes message, uint32_t wished)
{
    uint8_t digest[DIGEST_BYTES_MOST];
    unsigned size = 0;
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    bool is_xof = (EVP_MD_get_flags(algorithm) & EVP_MD_FLAG_XOF) != 0;
    bool fine = state != NULL && EVP_DigestInit_ex(state, algorithm, NULL) == 1 &&
                EVP_DigestUpdate(state, message.data, message.size) == 1;
    if (fine && is_xof && wished != 0) {
        size = wished;
        fine = EVP_DigestFinalXOF(state, digest, wished) == 1;
    } else {
        fine = fine && EVP_DigestFinal_ex(state, digest, &size) == 1;
    }
    EVP_MD_CTX_free(state);
    if (!fine || (wished != 0 && wished != size))
        return host_throw_openssl(ctx, "Unsupported state or unable to change the output length");
    return host_give_bytes(ctx, digest, size);
}

/* host.digest(algorithm, bytes, key, length): with a key the HMAC; the length is for those that can be of any. */
static JSValue host_digest(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct bytes message;
    struct bytes key;
    uint32_t wished = 0;
    if (!JS_IsUndefined(argv[3]) && JS_ToUint32(ctx, &wished, argv[3]) != 0)
        return JS_EXCEPTION;
    if (wished > DIGEST_BYTES_MOST)
        return JS_ThrowRangeError(ctx, "at most %d bytes of digest", DIGEST_BYTES_MOST);
    EVP_MD *algorithm = fetch_digest(ctx, argv[0]);
    if (algorithm == NULL)
        return JS_EXCEPTION;
    JSValue result = JS_EXCEPTION;
    if (host_take_bytes(ctx, argv[1], &message) && host_take_bytes(ctx, argv[2], &key)) {
        uint8_t code[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        if (JS_IsUndefined(argv[2]))
            result = plain_digest(ctx, algorithm, message, wished);
        else if (key.size <= INT_MAX &&
                 HMAC(algorithm, key.data, (int)key.size, message.data, message.size, code, &size) != NULL)
            result = host_give_bytes(ctx, code, size);
        else
            result = host_throw_openssl(ctx, "the HMAC can not be made");
    }
    EVP_MD_free(algorithm);
    return result;
}

/* --- ciphers --- */

static void free_cipher(JSRuntime *rt, JSValue object)
{
    struct host_native *native = JS_GetOpaque(object, cipher_class);
    if (native != NULL) {
        EVP_CIPHER_CTX_free(native->object);
        host_native_release(rt, native);
    }
}

/* The state of an argument; NULL, with a TypeError, where it is none. */
static EVP_CIPHER_CTX *take_cipher(JSContext *ctx, JSValueConst value)
{
    struct host_native *native = JS_GetOpaque2(ctx, value, cipher_class);
    return native != NULL ? native->object : NULL;
}

static const JSClassDef cipher_definition = {"Cipher", .finalizer = free_cipher};

static EVP_CIPHER *fetch_cipher(JSContext *ctx, JSValueConst name)
{
    const char *text = JS_ToCString(ctx, name);
    EVP_CIPHER *cipher = text != NULL ? EVP_CIPHER_fetch(NULL, text, NULL) : NULL;
    JS_FreeCString(ctx, text);
    ERR_clear_error();
    return cipher;
}

/* host.cipherInfo(name): {keyLength, ivLength, blockSize, isAead}, or undefined where there is none of the name */
static JSValue host_cipher_info(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    EVP_CIPHER *cipher = fetch_cipher(ctx, argv[0]);
    if (cipher == NULL)
        return JS_HasException(ctx) ? JS_EXCEPTION : JS_UNDEFINED;
    JSValue info = JS_NewObject(ctx);
    JS_SetPropertyStr(ctx, info, "keyLength", JS_NewInt32(ctx, EVP_CIPHER_get_key_length(cipher)));
    JS_SetPropertyStr(ctx, info, "ivLength", JS_NewInt32(ctx, EVP_CIPHER_get_iv_length(cipher)));
    JS_SetPropertyStr(ctx, info, "blockSize", JS_NewInt32(ctx, EVP_CIPHER_get_block_size(cipher)));
    JS_SetPropertyStr(ctx, info, "isAead",
                      JS_NewBool(ctx, (EVP_CIPHER_get_flags(cipher) & EVP_CIPH_FLAG_AEAD_CIPHER) != 0));
    EVP_CIPHER_free(cipher);
    return info;
}

static bool begin_cipher(EVP_CIPHER_CTX *state, const EVP_CIPHER *cipher, bool encrypts, struct bytes key,
                         struct bytes iv)
{
    if (state == NULL || EVP_CipherInit_ex2(state, cipher, NULL, NULL, encrypts ? 1 : 0, NULL) != 1)
        return false;
    bool is_aead = (EVP_CIPHER_get_flags(cipher) & EVP_CIPH_FLAG_AEAD_CIPHER) != 0;
    if (is_aead && EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_SET_IVLEN, (int)iv.size, NULL) != 1)
        return false;
    return EVP_CipherInit_ex2(state, NULL, key.data, iv.size > 0 ? iv.data : NULL, encrypts ? 1 : 0, NULL) ==
           1;
}

/* Whether key and vector have the sizes that the cipher takes; else with an exception. */
static bool fits_cipher(JSContext *ctx, const EVP_CIPHER *cipher, struct bytes key, struct bytes iv)
{
    bool is_aead = (EVP_CIPHER_get_flags(cipher) & EVP_CIPH_FLAG_AEAD_CIPHER) != 0;
    int mode = EVP_CIPHER_get_mode(cipher);
    if (mode == EVP_CIPH_CCM_MODE || mode == EVP_CIPH_WRAP_MODE)
        JS_ThrowTypeError(ctx, "this mode is not offered in rules");
    else if (key.size != (size_t)EVP_CIPHER_get_key_length(cipher))
        JS_ThrowRangeError(ctx, "Invalid key length");
    else if (is_aead ? iv.size == 0 || iv.size > 64 : iv.size != (size_t)EVP_CIPHER_get_iv_length(cipher))
        JS_ThrowTypeError(ctx, "Invalid initialization vector");
    else
        return true;
    return false;
}

/* Takes the state over. */
static JSValue wrap_cipher(JSContext *ctx, EVP_CIPHER_CTX *state)
{
    struct host_native *native = host_native_hold(ctx, state);
    JSValue object = native != NULL ? JS_NewObjectClass(ctx, (int)cipher_class) : JS_EXCEPTION;
    if (JS_IsException(object)) {
        host_native_release(JS_GetRuntime(ctx), native);
        EVP_CIPHER_CTX_free(state);
        return object;
    }
    JS_SetOpaque(object, native);
    return object;
}

/* host.cipher(name, encrypts, key, iv): the state of an encryption or decryption */
static JSValue host_cipher(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    EVP_CIPHER *cipher = fetch_cipher(ctx, argv[0]);
    if (cipher == NULL)
        return JS_HasException(ctx) ? JS_EXCEPTION : JS_ThrowTypeError(ctx, "Unknown cipher");
    bool encrypts = JS_ToBool(ctx, argv[1]) == 1;
    struct bytes key;
    struct bytes iv;
    JSValue object = JS_EXCEPTION;
    if (host_take_bytes(ctx, argv[2], &key) && host_take_bytes(ctx, argv[3], &iv) &&
        fits_cipher(ctx, cipher, key, iv)) {
        EVP_CIPHER_CTX *state = EVP_CIPHER_CTX_new();
        if (begin_cipher(state, cipher, encrypts, key, iv)) {
            object = wrap_cipher(ctx, state);
        } else {
            EVP_CIPHER_CTX_free(state);
            host_throw_openssl(ctx, "the cipher can not begin");
        }
    }
    EVP_CIPHER_free(cipher);
    return object;
}

/* host.cipherUpdate(state, bytes, isExtra): what comes out; extra bytes are authenticated only */
static JSValue host_cipher_update(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc,
                                  JSValueConst *argv)
{
    EVP_CIPHER_CTX *state = take_cipher(ctx, argv[0]);
    bool is_extra = JS_ToBool(ctx, argv[2]) == 1;
    struct bytes in;
    if (state == NULL || !host_take_bytes(ctx, argv[1], &in))
        return JS_EXCEPTION;
    if (in.size > INT_MAX - EVP_MAX_BLOCK_LENGTH)
        return JS_ThrowRangeError(ctx, "too much at once");
    int size = 0;
    if (is_extra)
        return EVP_CipherUpdate(state, NULL, &size, in.data, (int)in.size) == 1
                   ? JS_UNDEFINED
                   : host_throw_openssl(ctx, "the cipher takes no such data");
    uint8_t *out = js_malloc(ctx, in.size + EVP_MAX_BLOCK_LENGTH);
    if (out == NULL)
        return JS_EXCEPTION;
    JSValue result = EVP_CipherUpdate(state, out, &size, in.data, (int)in.size) == 1
                         ? host_give_bytes(ctx, out, (size_t)size)
                         : host_throw_openssl(ctx, "the cipher takes no more");
    js_free(ctx, out);
    return result;
}

/* host.cipherFinal(state): the rest */
static JSValue host_cipher_final(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc,
                                 JSValueConst *argv)
{
    EVP_CIPHER_CTX *state = take_cipher(ctx, argv[0]);
    if (state == NULL)
        return JS_EXCEPTION;
    uint8_t out[EVP_MAX_BLOCK_LENGTH];
    int size = 0;
    if (EVP_CipherFinal_ex(state, out, &size) == 1)
        return host_give_bytes(ctx, out, (size_t)size);
    return host_throw_openssl(ctx, "Unsupported state or unable to authenticate data");
}

/* host.cipherTag(state, length): the tag of what was encrypted; host.cipherTag(state, bytes): the tag to expect */
static JSValue host_cipher_tag(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    EVP_CIPHER_CTX *state = take_cipher(ctx, argv[0]);
    if (state == NULL)
        return JS_EXCEPTION;
    uint8_t tag[16];
    if (JS_IsNumber(argv[1])) {
        uint32_t size = 0;
        if (JS_ToUint32(ctx, &size, argv[1]) != 0)
            return JS_EXCEPTION;
        if (size > sizeof tag || EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_GET_TAG, (int)size, tag) != 1)
            return host_throw_openssl(ctx, "there is no tag");
        return host_give_bytes(ctx, tag, size);
    }
    struct bytes wanted;
    if (!host_take_bytes(ctx, argv[1], &wanted))
        return JS_EXCEPTION;
    if (wanted.size < 4 || wanted.size > sizeof tag)
        return JS_ThrowTypeError(ctx, "Invalid authentication tag length: %zu", wanted.size);
    memcpy(tag, wanted.data, wanted.size);
    if (EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_SET_TAG, (int)wanted.size, tag) != 1)
        return host_throw_openssl(ctx, "the tag is not taken");
    return JS_UNDEFINED;
}

/* host.cipherPadding(state, pads) */
static JSValue host_cipher_padding(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc,
                                   JSValueConst *argv)
{
    EVP_CIPHER_CTX *state = take_cipher(ctx, argv[0]);
    if (state == NULL)
        return JS_EXCEPTION;
    EVP_CIPHER_CTX_set_padding(state, JS_ToBool(ctx, argv[1]) == 1);
    return JS_UNDEFINED;
}

/* --- keys from passwords --- */

static JSValue derive(JSContext *ctx, const char *name, const OSSL_PARAM *parameters, uint32_t size)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *state = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    uint8_t *out = js_malloc(ctx, size + 1);
    JSValue result = JS_EXCEPTION;
    if (out != NULL)
        result = state != NULL && EVP_KDF_derive(state, out, size, parameters) == 1
                     ? host_give_bytes(ctx, out, size)
                     : host_throw_openssl(ctx, "the key can not be derived");
    js_free(ctx, out);
    EVP_KDF_CTX_free(state);
    EVP_KDF_free(kdf);
    return result;
}

static OSSL_PARAM octets(const char *name, struct bytes bytes)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)bytes.data, bytes.size);
}

static bool take_size(JSContext *ctx, JSValueConst value, uint32_t *size)
{
    if (JS_ToUint32(ctx, size, value) != 0)
        return false;
    if (*size <= DERIVED_BYTES_MOST)
        return true;
    JS_ThrowRangeError(ctx, "at most %d bytes of key", DERIVED_BYTES_MOST);
    return false;
}

/* host.pbkdf2(password, salt, rounds, size, digest) */
static JSValue host_pbkdf2(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    uint32_t rounds = 0;
    uint32_t size = 0;
    struct bytes password;
    struct bytes salt;
    if (JS_ToUint32(ctx, &rounds, argv[2]) != 0 || !take_size(ctx, argv[3], &size))
        return JS_EXCEPTION;
    EVP_MD *digest = fetch_digest(ctx, argv[4]);
    if (digest == NULL)
        return JS_EXCEPTION;
    JSValue result = JS_EXCEPTION;
    if (host_take_bytes(ctx, argv[0], &password) && host_take_bytes(ctx, argv[1], &salt)) {
        int lenient = 1; /* as Node: short salts and few rounds are the caller's affair */
        unsigned round_count = rounds;
        OSSL_PARAM parameters[] = {
            octets(OSSL_KDF_PARAM_PASSWORD, password),
            octets(OSSL_KDF_PARAM_SALT, salt),
            OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &round_count),
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(digest), 0),
            OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &lenient),
            OSSL_PARAM_construct_end()};
        result = derive(ctx, "PBKDF2", parameters, size);
    }
    EVP_MD_free(digest);
    return result;
}

/* host.scrypt(password, salt, n, r, p, size) */
static JSValue host_scrypt(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    uint32_t cost[3];
    uint32_t size = 0;
    struct bytes password;
    struct bytes salt;
    for (int i = 0; i < 3; i++)
        if (JS_ToUint32(ctx, &cost[i], argv[2 + i]) != 0)
            return JS_EXCEPTION;
    if (!take_size(ctx, argv[5], &size) || !host_take_bytes(ctx, argv[0], &password) ||
        !host_take_bytes(ctx, argv[1], &salt))
        return JS_EXCEPTION;
    uint64_t n = cost[0];
    uint64_t most = SCRYPT_BYTES_MOST;
    OSSL_PARAM parameters[] = {
        octets(OSSL_KDF_PARAM_PASSWORD, password),
        octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &cost[1]),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &cost[2]),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
        OSSL_PARAM_construct_end(),
    };
    return derive(ctx, "SCRYPT", parameters, size);
}

/* host.hkdf(digest, key, salt, info, size) */
static JSValue host_hkdf(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    uint32_t size = 0;
    struct bytes key;
    struct bytes salt;
    struct bytes info;
    if (!take_size(ctx, argv[4], &size))
        return JS_EXCEPTION;
    EVP_MD *digest = fetch_digest(ctx, argv[0]);
    if (digest == NULL)
        return JS_EXCEPTION;
    JSValue result = JS_EXCEPTION;
    if (host_take_bytes(ctx, argv[1], &key) && host_take_bytes(ctx, argv[2], &salt) &&
        host_take_bytes(ctx, argv[3], &info)) {
        OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(digest), 0),
            octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt),
            octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
        result = derive(ctx, "HKDF", parameters, size);
    }
    EVP_MD_free(digest);
    return result;
}

/* host.bcrypt(password, setting): the hash whose setting (or which whole hash) that is; undefined where it is none */
static JSValue host_bcrypt(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    const char *password = JS_ToCString(ctx, argv[0]);
    const char *setting = password != NULL ? JS_ToCString(ctx, argv[1]) : NULL;
    struct crypt_data *data = setting != NULL ? js_mallocz(ctx, sizeof *data) : NULL;
    JSValue result = JS_EXCEPTION;
    if (data != NULL) {
        bool is_bcrypt = setting[0] == '$' && setting[1] == '2' && setting[2] != '\0' && setting[3] == '$';
        const char *hash = is_bcrypt ? crypt_rn(password, setting, data, sizeof *data) : NULL;
        result = hash != NULL && hash[0] == '$' ? JS_NewString(ctx, hash) : JS_UNDEFINED;
        explicit_bzero(data, sizeof *data);
        js_free(ctx, data);
    }
    JS_FreeCString(ctx, setting);
    JS_FreeCString(ctx, password);
    return result;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("digest", 4, host_digest),
    JS_CFUNC_DEF("cipherInfo", 1, host_cipher_info),
    JS_CFUNC_DEF("cipher", 4, host_cipher),
    JS_CFUNC_DEF("cipherUpdate", 3, host_cipher_update),
    JS_CFUNC_DEF("cipherFinal", 1, host_cipher_final),
    JS_CFUNC_DEF("cipherTag", 2, host_cipher_tag),
    JS_CFUNC_DEF("cipherPadding", 2, host_cipher_padding),
    JS_CFUNC_DEF("pbkdf2", 5, host_pbkdf2),
    JS_CFUNC_DEF("scrypt", 6, host_scrypt),
    JS_CFUNC_DEF("hkdf", 5, host_hkdf),
    JS_CFUNC_DEF("bcrypt", 2, host_bcrypt),
};

bool host_crypto_add(JSContext *ctx, JSValueConst host)
{
    JSRuntime *rt = JS_GetRuntime(ctx);
    JS_NewClassID(&cipher_class);
    if (!JS_IsRegisteredClass(rt, cipher_class) && JS_NewClass(rt, cipher_class, &cipher_definition) != 0)
        return false;
    JS_SetPropertyFunctionList(ctx, host, functions, ARRAY_LENGTH(functions));
    return true;
}
