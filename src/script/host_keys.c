/* Asymmetric keys: reading, writing, making them; signatures, RSA encryption, key agreement. For web/script/own/crypto.js. */
#include "script/host_values.h"

#include <limits.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

enum {
    KEY_BYTES_MOST = 65536, /* of its text */
    RSA_BITS_LEAST = 512,
    RSA_BITS_MOST = 4096, /* made here; larger ones can be read */
    NAME_BYTES = 80,
};

static JSClassID key_class;

static void free_key(JSRuntime *rt, JSValue object)
{
    struct host_native *native = JS_GetOpaque(object, key_class);
    if (native != NULL) {
        EVP_PKEY_free(native->object);
        host_native_release(rt, native);
    }
}

/* The key of an argument; NULL, with a TypeError, where it is none. */
static EVP_PKEY *take_key(JSContext *ctx, JSValueConst value)
{
    struct host_native *native = JS_GetOpaque2(ctx, value, key_class);
    return native != NULL ? native->object : NULL;
}

static const JSClassDef key_definition = {"Key", .finalizer = free_key};

/* Takes the key over; an exception where it is NULL. */
static JSValue wrap_key(JSContext *ctx, EVP_PKEY *key, const char *otherwise)
{
    if (key == NULL)
        return host_throw_openssl(ctx, otherwise);
    ERR_clear_error();
    struct host_native *native = host_native_hold(ctx, key);
    JSValue object = native != NULL ? JS_NewObjectClass(ctx, (int)key_class) : JS_EXCEPTION;
    if (JS_IsException(object)) {
        host_native_release(JS_GetRuntime(ctx), native);
        EVP_PKEY_free(key);
        return object;
    }
    JS_SetOpaque(object, native);
    return object;
}

/* A text of an argument, copied, so that no JavaScript runs once bytes are taken; "" where it is undefined. */
static bool take_name(JSContext *ctx, JSValueConst value, char name[NAME_BYTES])
{
    name[0] = '\0';
    if (JS_IsUndefined(value))
        return true;
    const char *text = JS_ToCString(ctx, value);
    if (text == NULL)
        return false;
    bool fits = strlen(text) < NAME_BYTES;
    if (fits)
        memcpy(name, text, strlen(text) + 1);
    JS_FreeCString(ctx, text);
    if (!fits)
        JS_ThrowRangeError(ctx, "too long a name");
    return fits;
}

static const char *or_null(const char *name)
{
    return name[0] != '\0' ? name : NULL;
}

/* --- reading --- */

static EVP_PKEY *decode(struct bytes text, const char *format, const char *structure, int selection,
                        struct bytes passphrase)
{
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&key, format, structure, NULL, selection, NULL, NULL);
    /* Always one, if an empty one: without it OpenSSL would ask on a terminal. */
    bool fine =
        decoder != NULL && OSSL_DECODER_CTX_set_passphrase(decoder, passphrase.data, passphrase.size) == 1;
    const unsigned char *at = text.data;
    size_t left = text.size;
    if (!fine || OSSL_DECODER_from_data(decoder, &at, &left) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_DECODER_CTX_free(decoder);
    return key;
}

static EVP_PKEY *from_certificate(struct bytes text)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.size);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, (void *)"") : NULL;
    EVP_PKEY *key = certificate != NULL ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    BIO_free(bio);
    return key;
}

static EVP_PKEY *read_public(struct bytes text, const char *format, const char *structure,
                             struct bytes passphrase)
{
    static const char certificate[] = "-----BEGIN CERTIFICATE-----";
    if (format[0] == 'P' && memmem(text.data, text.size, certificate, sizeof certificate - 1) != NULL)
        return from_certificate(text);
    EVP_PKEY *key = decode(text, format, structure, EVP_PKEY_PUBLIC_KEY, passphrase);
    return key != NULL ? key : decode(text, format, NULL, EVP_PKEY_KEYPAIR, passphrase);
}

/* host.key(bytes, isPrivate, format, structure, passphrase): format is PEM or DER, structure OpenSSL's name or undefined */
static JSValue host_key(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    char format[NAME_BYTES];
    char structure[NAME_BYTES];
    struct bytes text;
    struct bytes passphrase;
    bool is_private = JS_ToBool(ctx, argv[1]) == 1;
    if (!take_name(ctx, argv[2], format) || !take_name(ctx, argv[3], structure) ||
        !host_take_bytes(ctx, argv[0], &text) || !host_take_bytes(ctx, argv[4], &passphrase))
        return JS_EXCEPTION;
    if (text.size > KEY_BYTES_MOST)
        return JS_ThrowRangeError(ctx, "too long a key");
    EVP_PKEY *key = is_private ? decode(text, format, or_null(structure), EVP_PKEY_KEYPAIR, passphrase)
                               : read_public(text, format, or_null(structure), passphrase);
    return wrap_key(ctx, key, "no key can be read from it");
}

/* --- telling --- */

static const char *kind_of(const EVP_PKEY *key)
{
    static const struct {
        int id;
        const char *kind;
    } kinds[] = {
        {EVP_PKEY_RSA, "rsa"},         {EVP_PKEY_RSA_PSS, "rsa-pss"}, {EVP_PKEY_EC, "ec"},
        {EVP_PKEY_ED25519, "ed25519"}, {EVP_PKEY_ED448, "ed448"},     {EVP_PKEY_X25519, "x25519"},
        {EVP_PKEY_X448, "x448"},       {EVP_PKEY_DSA, "dsa"},         {EVP_PKEY_DH, "dh"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (kinds[i].id == EVP_PKEY_get_base_id(key))
            return kinds[i].kind;
    return "unknown";
}

/* host.keyInfo(key): {kind, bits, curve} */
static JSValue host_key_info(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    EVP_PKEY *key = take_key(ctx, argv[0]);
    if (key == NULL)
        return JS_EXCEPTION;
    JSValue info = JS_NewObject(ctx);
    char curve[NAME_BYTES];
    size_t size = 0;
    JS_SetPropertyStr(ctx, info, "kind", JS_NewString(ctx, kind_of(key)));
    JS_SetPropertyStr(ctx, info, "bits", JS_NewInt32(ctx, EVP_PKEY_get_bits(key)));
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
        EVP_PKEY_get_group_name(key, curve, sizeof curve, &size) == 1)
        JS_SetPropertyStr(ctx, info, "curve", JS_NewStringLen(ctx, curve, size));
    ERR_clear_error();
    return info;
}

/* host.keyWrite(key, isPrivate, format, structure, cipher, passphrase) */
static JSValue host_key_write(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    char format[NAME_BYTES];
    char structure[NAME_BYTES];
    char cipher[NAME_BYTES];
    struct bytes passphrase;
    bool is_private = JS_ToBool(ctx, argv[1]) == 1;
    EVP_PKEY *key = take_key(ctx, argv[0]);
    if (key == NULL || !take_name(ctx, argv[2], format) || !take_name(ctx, argv[3], structure) ||
        !take_name(ctx, argv[4], cipher) || !host_take_bytes(ctx, argv[5], &passphrase))
        return JS_EXCEPTION;
    OSSL_ENCODER_CTX *encoder = OSSL_ENCODER_CTX_new_for_pkey(
        key, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, format, or_null(structure), NULL);
    bool fine = encoder != NULL && OSSL_ENCODER_CTX_get_num_encoders(encoder) > 0;
    if (fine && cipher[0] != '\0')
        fine = OSSL_ENCODER_CTX_set_cipher(encoder, cipher, NULL) == 1 &&
               OSSL_ENCODER_CTX_set_passphrase(encoder, passphrase.data, passphrase.size) == 1;
    unsigned char *text = NULL;
    size_t size = 0;
    fine = fine && OSSL_ENCODER_to_data(encoder, &text, &size) == 1;
    JSValue result =
        fine ? host_give_bytes(ctx, text, size) : host_throw_openssl(ctx, "the key has no such form");
    OPENSSL_clear_free(text, size);
    OSSL_ENCODER_CTX_free(encoder);
    return result;
}

/* host.keyMake(kind, bits or curve): a new pair */
static JSValue host_key_make(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    char kind[NAME_BYTES];
    char curve[NAME_BYTES];
    uint32_t bits = 0;
    if (!take_name(ctx, argv[0], kind))
        return JS_EXCEPTION;
    if (strcmp(kind, "rsa") == 0) {
        if (JS_ToUint32(ctx, &bits, argv[1]) != 0)
            return JS_EXCEPTION;
        if (bits < RSA_BITS_LEAST || bits > RSA_BITS_MOST)
            return JS_ThrowRangeError(ctx, "RSA keys made in rules have %d to %d bits", RSA_BITS_LEAST,
                                      RSA_BITS_MOST);
        return wrap_key(ctx, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits), "the key can not be made");
    }
    if (strcmp(kind, "ec") == 0) {
        if (!take_name(ctx, argv[1], curve))
            return JS_EXCEPTION;
        return wrap_key(ctx, EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve), "Invalid EC curve name");
    }
    if (strcmp(kind, "ed25519") == 0 || strcmp(kind, "x25519") == 0 || strcmp(kind, "ed448") == 0 ||
        strcmp(kind, "x448") == 0)
        return wrap_key(ctx, EVP_PKEY_Q_keygen(NULL, NULL, kind), "the key can not be made");
    return JS_ThrowTypeError(ctx, "keys of this kind are not made in rules");
}

/* --- signatures --- */

struct signing {
    EVP_PKEY *key;
    char digest[NAME_BYTES];
    int32_t padding; /* 0: the key's usual one */
    int32_t salt;
    bool has_salt;
};

/* From (key, digest, …, padding, salt). */
static bool take_signing(JSContext *ctx, JSValueConst *argv, JSValueConst padding, JSValueConst salt,
                         struct signing *signing)
{
    *signing = (struct signing){.key = take_key(ctx, argv[0])};
    if (signing->key == NULL || !take_name(ctx, argv[1], signing->digest))
        return false;
    if (!JS_IsUndefined(padding) && JS_ToInt32(ctx, &signing->padding, padding) != 0)
        return false;
    signing->has_salt = !JS_IsUndefined(salt);
    return !signing->has_salt || JS_ToInt32(ctx, &signing->salt, salt) == 0;
}

static bool set_padding(EVP_PKEY_CTX *state, const struct signing *signing)
{
    int id = EVP_PKEY_get_base_id(signing->key);
    if (id != EVP_PKEY_RSA && id != EVP_PKEY_RSA_PSS)
        return true;
    if (signing->padding != 0 && EVP_PKEY_CTX_set_rsa_padding(state, signing->padding) <= 0)
        return false;
    bool is_pss = id == EVP_PKEY_RSA_PSS || signing->padding == RSA_PKCS1_PSS_PADDING;
    return !is_pss || !signing->has_salt || EVP_PKEY_CTX_set_rsa_pss_saltlen(state, signing->salt) > 0;
}

/* host.keySign(key, digest, bytes, padding, salt): the digest is undefined where the key's kind has its own */
static JSValue host_key_sign(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct signing signing;
    struct bytes message;
    if (!take_signing(ctx, argv, argv[3], argv[4], &signing) || !host_take_bytes(ctx, argv[2], &message))
        return JS_EXCEPTION;
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    size_t size = 0;
    bool fine = state != NULL && EVP_DigestSignInit_ex(state, &parameters, or_null(signing.digest), NULL,
                                                       NULL, signing.key, NULL) == 1;
    fine = fine && set_padding(parameters, &signing) &&
           EVP_DigestSign(state, NULL, &size, message.data, message.size) == 1;
    uint8_t *signature = fine ? js_malloc(ctx, size + 1) : NULL;
    fine = signature != NULL && EVP_DigestSign(state, signature, &size, message.data, message.size) == 1;
    JSValue result = fine ? host_give_bytes(ctx, signature, size)
                          : host_throw_openssl(ctx, "it can not be signed with this key");
    js_free(ctx, signature);
    EVP_MD_CTX_free(state);
    return result;
}

/* host.keyVerify(key, digest, bytes, padding, salt, signature) */
static JSValue host_key_verify(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct signing signing;
    struct bytes message;
    struct bytes signature;
    if (!take_signing(ctx, argv, argv[3], argv[4], &signing) || !host_take_bytes(ctx, argv[2], &message) ||
        !host_take_bytes(ctx, argv[5], &signature))
        return JS_EXCEPTION;
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    bool fine = state != NULL && EVP_DigestVerifyInit_ex(state, &parameters, or_null(signing.digest), NULL,
                                                         NULL, signing.key, NULL) == 1;
    fine = fine && set_padding(parameters, &signing);
    JSValue result = JS_FALSE;
    if (!fine)
        result = host_throw_openssl(ctx, "it can not be verified with this key");
    else if (EVP_DigestVerify(state, signature.data, signature.size, message.data, message.size) == 1)
        result = JS_TRUE;
    EVP_MD_CTX_free(state);
    ERR_clear_error();
    return result;
}

/* --- RSA on bytes, key agreement --- */

typedef int key_operation(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
typedef int key_begin(EVP_PKEY_CTX *);

static const struct operation {
    const char *name;
    key_begin *begin;
    key_operation *run;
} operations[] = {
    {"encrypt", EVP_PKEY_encrypt_init, EVP_PKEY_encrypt},
    {"decrypt", EVP_PKEY_decrypt_init, EVP_PKEY_decrypt},
    {"sign", EVP_PKEY_sign_init, EVP_PKEY_sign},
    {"recover", EVP_PKEY_verify_recover_init, EVP_PKEY_verify_recover},
};

static bool set_oaep(EVP_PKEY_CTX *state, const char *digest, struct bytes label)
{
    if (digest[0] != '\0' && EVP_PKEY_CTX_set_rsa_oaep_md_name(state, digest, NULL) <= 0)
        return false;
    if (label.size == 0)
        return true;
    uint8_t *copy = OPENSSL_memdup(label.data, label.size);
    if (copy != NULL && EVP_PKEY_CTX_set0_rsa_oaep_label(state, copy, (int)label.size) > 0)
        return true;
    OPENSSL_free(copy);
    return false;
}

/* host.keyCrypt(key, operation, bytes, padding, digest, label): the last two for OAEP */
static JSValue host_key_crypt(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    char name[NAME_BYTES];
    char digest[NAME_BYTES];
    int32_t padding = 0;
    struct bytes in;
    struct bytes label;
    EVP_PKEY *key = take_key(ctx, argv[0]);
    if (key == NULL || !take_name(ctx, argv[1], name) || JS_ToInt32(ctx, &padding, argv[3]) != 0 ||
        !take_name(ctx, argv[4], digest) || !host_take_bytes(ctx, argv[2], &in) ||
        !host_take_bytes(ctx, argv[5], &label))
        return JS_EXCEPTION;
    const struct operation *operation = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(operations); i++)
        if (strcmp(operations[i].name, name) == 0)
            operation = &operations[i];
    EVP_PKEY_CTX *state = operation != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool fine = state != NULL && operation->begin(state) > 0 &&
                EVP_PKEY_CTX_set_rsa_padding(state, padding) > 0 &&
                (padding != RSA_PKCS1_OAEP_PADDING || set_oaep(state, digest, label));
    size_t size = 0;
    fine = fine && operation->run(state, NULL, &size, in.data, in.size) > 0;
    uint8_t *out = fine ? js_malloc(ctx, size + 1) : NULL;
    fine = out != NULL && operation->run(state, out, &size, in.data, in.size) > 0;
    JSValue result =
        fine ? host_give_bytes(ctx, out, size) : host_throw_openssl(ctx, "this key does not do that");
    js_free(ctx, out);
    EVP_PKEY_CTX_free(state);
    return result;
}

/* host.keyAgree(key, other's public key): the secret that both sides come to */
static JSValue host_key_agree(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    EVP_PKEY *own = take_key(ctx, argv[0]);
    EVP_PKEY *other = own != NULL ? take_key(ctx, argv[1]) : NULL;
    if (other == NULL)
        return JS_EXCEPTION;
    uint8_t secret[512];
    size_t size = sizeof secret;
    EVP_PKEY_CTX *state = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    bool fine = state != NULL && EVP_PKEY_derive_init(state) > 0 &&
                EVP_PKEY_derive_set_peer(state, other) > 0 && EVP_PKEY_derive(state, secret, &size) > 0;
    JSValue result =
        fine ? host_give_bytes(ctx, secret, size) : host_throw_openssl(ctx, "these keys do not go together");
    OPENSSL_cleanse(secret, sizeof secret);
    EVP_PKEY_CTX_free(state);
    return result;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("key", 5, host_key),
    JS_CFUNC_DEF("keyInfo", 1, host_key_info),
    JS_CFUNC_DEF("keyWrite", 6, host_key_write),
    JS_CFUNC_DEF("keyMake", 2, host_key_make),
    JS_CFUNC_DEF("keySign", 5, host_key_sign),
    JS_CFUNC_DEF("keyVerify", 6, host_key_verify),
    JS_CFUNC_DEF("keyCrypt", 6, host_key_crypt),
    JS_CFUNC_DEF("keyAgree", 2, host_key_agree),
};

bool host_keys_add(JSContext *ctx, JSValueConst host)
{
    JSRuntime *rt = JS_GetRuntime(ctx);
    JS_NewClassID(&key_class);
    if (!JS_IsRegisteredClass(rt, key_class) && JS_NewClass(rt, key_class, &key_definition) != 0)
        return false;
    JS_SetPropertyFunctionList(ctx, host, functions, ARRAY_LENGTH(functions));
    return true;
}
