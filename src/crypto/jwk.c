#include "crypto/jwk.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY_BITS = 2048, KID_LENGTH = 21, CERTIFICATE_DAYS = 5000, COMMON_NAME_MAXIMUM = 64 };

struct signing_key {
    struct arena *arena; /* the texts below */
    EVP_PKEY *pair;
    X509 *certificate;
    const char *kid;
    const char *n; /* members of the JWK, which is asked for more often than the key changes */
    const char *e;
    const char *x5t;
    const char *x5c;
};

static struct bytes certificate_digest(const struct signing_key *key, struct arena *arena,
                                       const EVP_MD *algorithm);
static char *public_number(const struct signing_key *key, struct arena *arena, const char *name);

static struct signing_key *take(const char *kid, EVP_PKEY *pair, X509 *certificate)
{
    struct arena *arena = arena_create();
    struct signing_key *key = arena_alloc(arena, sizeof *key);
    *key = (struct signing_key){
        .arena = arena, .pair = pair, .certificate = certificate, .kid = arena_strdup(arena, kid)};
    key->n = public_number(key, arena, OSSL_PKEY_PARAM_RSA_N);
    key->e = public_number(key, arena, OSSL_PKEY_PARAM_RSA_E);
    key->x5t = base64url_encode(arena, certificate_digest(key, arena, EVP_sha1()));
    key->x5c = base64_encode(arena, signing_key_certificate_der(key, arena));
    return key;
}

void signing_key_free(struct signing_key **key)
{
    if (*key == NULL)
        return;
    EVP_PKEY_free((*key)->pair);
    X509_free((*key)->certificate);
    struct arena *arena = (*key)->arena;
    arena_destroy(&arena);
    *key = NULL;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* A positive serial number of 8 random bytes (RFC 5280 section 4.1.2.2). */
static bool set_serial(X509 *certificate)
{
    unsigned char serial[8];
    random_fill(serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

static bool set_names(X509 *certificate, const char *host)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    size_t length = strlen(host);
    int named = (int)(length < COMMON_NAME_MAXIMUM ? length : COMMON_NAME_MAXIMUM);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)host, named, -1, 0) ==
               1 &&
           X509_set_issuer_name(certificate, name) == 1;
}

static X509 *self_signed(EVP_PKEY *pair, const char *host)
{
    X509 *certificate = X509_new();
    if (certificate == NULL)
        abort();
    time_t now = (time_t)clock_now();
    bool made = X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
                set_names(certificate, host) &&
                X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &now) != NULL &&
                X509_time_adj_ex(X509_getm_notAfter(certificate), CERTIFICATE_DAYS, 0, &now) != NULL &&
                X509_set_pubkey(certificate, pair) == 1 &&
                add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
                add_extension(certificate, NID_subject_key_identifier, "hash") &&
                add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
                X509_sign(certificate, pair, EVP_sha256()) > 0;
    if (!made) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

struct signing_key *signing_key_generate(const char *host)
{
    EVP_PKEY *pair = EVP_RSA_gen(KEY_BITS);
    if (pair == NULL)
        return NULL;
    X509 *certificate = self_signed(pair, host);
    if (certificate == NULL) {
        EVP_PKEY_free(pair);
        return NULL;
    }
    struct arena *arena = arena_create();
    struct signing_key *key =
        take(random_text(arena, RANDOM_ALPHANUMERIC "-_", KID_LENGTH), pair, certificate);
    arena_destroy(&arena);
    return key;
}

struct signing_key *signing_key_load(const char *kid, struct bytes private_der, struct bytes certificate_der)
{
    const unsigned char *at = private_der.data;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)private_der.size);
    EVP_PKEY *pair = info == NULL ? NULL : EVP_PKCS82PKEY(info);
    PKCS8_PRIV_KEY_INFO_free(info);
    at = certificate_der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)certificate_der.size);
    if (pair == NULL || certificate == NULL || EVP_PKEY_get_base_id(pair) != EVP_PKEY_RSA ||
        EVP_PKEY_get_bits(pair) != KEY_BITS || X509_check_private_key(certificate, pair) != 1) {
        EVP_PKEY_free(pair);
        X509_free(certificate);
        return NULL;
    }
    return take(kid, pair, certificate);
}

const char *signing_key_kid(const struct signing_key *key)
{
    return key->kid;
}

/* Moves what OpenSSL allocated into the arena, and wipes the original. */
static struct bytes adopt(struct arena *arena, unsigned char *data, int size)
{
    if (size <= 0 || data == NULL)
        abort();
    struct bytes bytes = {.data = arena_copy(arena, data, (size_t)size), .size = (size_t)size};
    OPENSSL_clear_free(data, (size_t)size);
    return bytes;
}

struct bytes signing_key_private_der(const struct signing_key *key, struct arena *arena)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pair);
    if (info == NULL)
        abort();
    unsigned char *data = NULL;
    int size = i2d_PKCS8_PRIV_KEY_INFO(info, &data);
    PKCS8_PRIV_KEY_INFO_free(info);
    return adopt(arena, data, size);
}

struct bytes signing_key_certificate_der(const struct signing_key *key, struct arena *arena)
{
    unsigned char *data = NULL;
    int size = i2d_X509(key->certificate, &data);
    return adopt(arena, data, size);
}

static char *bio_text(struct arena *arena, BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = arena_strndup(arena, data, (size_t)size);
    BIO_free(bio);
    return text;
}

char *signing_key_certificate_pem(const struct signing_key *key, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_X509(bio, key->certificate) != 1)
        abort();
    return bio_text(arena, bio);
}

char *signing_key_pkcs7_pem(const struct signing_key *key, struct arena *arena)
{
    PKCS7 *bag = PKCS7_new();
    BIO *bio = BIO_new(BIO_s_mem());
    if (bag == NULL || bio == NULL || PKCS7_set_type(bag, NID_pkcs7_signed) != 1 ||
        PKCS7_content_new(bag, NID_pkcs7_data) != 1 || PKCS7_add_certificate(bag, key->certificate) != 1 ||
        PEM_write_bio_PKCS7(bio, bag) != 1)
        abort();
    PKCS7_free(bag);
    return bio_text(arena, bio);
}

static struct bytes certificate_digest(const struct signing_key *key, struct arena *arena,
                                       const EVP_MD *algorithm)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(key->certificate, algorithm, digest, &size) != 1)
        abort();
    return (struct bytes){.data = arena_copy(arena, digest, size), .size = size};
}

char *signing_key_fingerprint(const struct signing_key *key, struct arena *arena)
{
    struct bytes digest = certificate_digest(key, arena, EVP_sha256());
    char *text = arena_alloc(arena, digest.size * 3);
    for (size_t i = 0; i < digest.size; i++) {
        static const char letters[] = "0123456789ABCDEF";
        text[i * 3] = letters[digest.data[i] >> 4];
        text[i * 3 + 1] = letters[digest.data[i] & 15];
        text[i * 3 + 2] = i + 1 < digest.size ? ':' : '\0';
    }
    return text;
}

char *signing_key_thumbprint(const struct signing_key *key, struct arena *arena)
{
    return hex_encode(arena, certificate_digest(key, arena, EVP_sha1()));
}

bool signing_key_sign(const struct signing_key *key, struct bytes data,
                      uint8_t signature[SIGNING_KEY_SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = SIGNING_KEY_SIGNATURE_BYTES;
    bool signed_ = context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pair) == 1 &&
                   EVP_DigestSign(context, signature, &size, data.data, data.size) == 1 &&
                   size == SIGNING_KEY_SIGNATURE_BYTES;
    EVP_MD_CTX_free(context);
    return signed_;
}

bool signing_key_verify(const struct signing_key *key, struct bytes data, struct bytes signature)
{
    if (signature.size != SIGNING_KEY_SIGNATURE_BYTES)
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right = context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->pair) == 1 &&
                 EVP_DigestVerify(context, signature.data, signature.size, data.data, data.size) == 1;
    EVP_MD_CTX_free(context);
    return right;
}

static char *public_number(const struct signing_key *key, struct arena *arena, const char *name)
{
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key->pair, name, &number) != 1)
        abort();
    size_t size = (size_t)BN_num_bytes(number);
    unsigned char *data = arena_alloc(arena, size);
    BN_bn2bin(number, data);
    BN_free(number);
    return base64url_encode(arena, (struct bytes){.data = data, .size = size});
}

yyjson_mut_val *signing_key_jwk(const struct signing_key *key, yyjson_mut_doc *doc)
{
    yyjson_mut_val *jwk = yyjson_mut_obj(doc);
    yyjson_mut_val *chain = yyjson_mut_arr(doc);
    yyjson_mut_arr_add_strcpy(doc, chain, key->x5c);
    yyjson_mut_obj_add_str(doc, jwk, "kty", "RSA");
    yyjson_mut_obj_add_str(doc, jwk, "use", "sig");
    yyjson_mut_obj_add_strcpy(doc, jwk, "n", key->n);
    yyjson_mut_obj_add_strcpy(doc, jwk, "e", key->e);
    yyjson_mut_obj_add_strcpy(doc, jwk, "kid", key->kid);
    yyjson_mut_obj_add_strcpy(doc, jwk, "x5t", key->x5t);
    yyjson_mut_obj_add_val(doc, jwk, "x5c", chain);
    yyjson_mut_obj_add_str(doc, jwk, "alg", "RS256");
    return jwk;
}
