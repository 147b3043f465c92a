#include "crypto/device_key.h"

#include "base/encode.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

enum {
    RSA_FEWEST_BITS = 2048,
    RSA_MOST_BITS = 4096,
    EXPONENT_MOST_BYTES = 8,
    COORDINATE_BYTES = 32,
    POINT_BYTES = 1 + 2 * COORDINATE_BYTES,
    UNCOMPRESSED = 4, /* SEC 1 section 2.3.3 */
};

static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

/* A number of the JWK without its leading zeros; false where it is absent, no base64url, or nothing but zeros. */
static bool read_number(struct arena *arena, yyjson_val *jwk, const char *name, struct bytes *number)
{
    const char *text = json_text(jwk, name);
    if (text == NULL || !base64url_decode(arena, text, strlen(text), number))
        return false;
    while (number->size > 0 && number->data[0] == 0) {
        number->data++;
        number->size--;
    }
    return number->size > 0;
}

static unsigned bits_of(struct bytes number)
{
    unsigned bits = (unsigned)(number.size * 8);
    for (uint8_t first = number.data[0]; (first & 0x80) == 0; first = (uint8_t)(first << 1))
        bits--;
    return bits;
}

/* The OpenSSL key of these parameters; NULL where OpenSSL does not take them. */
static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *parameters)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parameters);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    if (params != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *open_rsa(const struct device_key *key)
{
    OSSL_PARAM_BLD *parameters = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(key->first.data, (int)key->first.size, NULL);
    BIGNUM *e = BN_bin2bn(key->second.data, (int)key->second.size, NULL);
    EVP_PKEY *opened = NULL;
    if (parameters != NULL && n != NULL && e != NULL &&
        OSSL_PARAM_BLD_push_BN(parameters, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(parameters, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        opened = make_key("RSA", parameters);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(parameters);
    return opened;
}

/* A point that is not on the curve is refused by OpenSSL. */
static EVP_PKEY *open_ec(const struct device_key *key)
{
    uint8_t point[POINT_BYTES] = {UNCOMPRESSED};
    memcpy(point + 1, key->first.data, COORDINATE_BYTES);
    memcpy(point + 1 + COORDINATE_BYTES, key->second.data, COORDINATE_BYTES);
    OSSL_PARAM_BLD *parameters = OSSL_PARAM_BLD_new();
    EVP_PKEY *opened = NULL;
    if (parameters != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(parameters, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(parameters, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1)
        opened = make_key("EC", parameters);
    OSSL_PARAM_BLD_free(parameters);
    return opened;
}

static EVP_PKEY *open_key(const struct device_key *key)
{
    return strcmp(key->alg, "RS256") == 0 ? open_rsa(key) : open_ec(key);
}

static bool parse_rsa(struct arena *arena, yyjson_val *jwk, struct device_key *key, const char **fault)
{
    key->alg = "RS256";
    *fault = "n and e must be base64url numbers";
    if (!read_number(arena, jwk, "n", &key->first) || !read_number(arena, jwk, "e", &key->second))
        return false;
    *fault = "RSA keys must have 2048 to 4096 bits";
    if (bits_of(key->first) < RSA_FEWEST_BITS || bits_of(key->first) > RSA_MOST_BITS)
        return false;
    *fault = "e must be odd and greater than one";
    return key->second.size <= EXPONENT_MOST_BYTES && (key->second.data[key->second.size - 1] & 1) == 1 &&
           (key->second.size > 1 || key->second.data[0] > 1);
}

/* Coordinates have a fixed size (RFC 7518 section 6.2.1.2). */
static bool read_coordinate(struct arena *arena, yyjson_val *jwk, const char *name, struct bytes *out)
{
    const char *text = json_text(jwk, name);
    return text != NULL && base64url_decode(arena, text, strlen(text), out) && out->size == COORDINATE_BYTES;
}

static bool parse_ec(struct arena *arena, yyjson_val *jwk, struct device_key *key, const char **fault)
{
    const char *curve = json_text(jwk, "crv");
    key->alg = "ES256";
    *fault = "EC keys must be on P-256";
    if (curve == NULL || strcmp(curve, "P-256") != 0)
        return false;
    *fault = "x and y must be base64url of 32 bytes";
    return read_coordinate(arena, jwk, "x", &key->first) && read_coordinate(arena, jwk, "y", &key->second);
}

bool device_key_parse(struct arena *arena, yyjson_val *jwk, struct device_key *key, const char **fault)
{
    const char *type = json_text(jwk, "kty"), *use = json_text(jwk, "use"), *alg = json_text(jwk, "alg");
    *key = (struct device_key){.alg = NULL};
    *fault = "kty must be RSA or EC";
    if (type == NULL || (strcmp(type, "RSA") != 0 && strcmp(type, "EC") != 0))
        return false;
    *fault = "a private key must never leave its device";
    for (size_t i = 0; i < ARRAY_LENGTH(private_members); i++)
        if (json_member(jwk, private_members[i]) != NULL)
            return false;
    if (!(strcmp(type, "RSA") == 0 ? parse_rsa : parse_ec)(arena, jwk, key, fault))
        return false;
    *fault = "use must be sig, and alg that of the key";
    if ((use != NULL && strcmp(use, "sig") != 0) || (alg != NULL && strcmp(alg, key->alg) != 0))
        return false;
    *fault = "the numbers are no key";
    EVP_PKEY *opened = open_key(key);
    EVP_PKEY_free(opened);
    return opened != NULL;
}

yyjson_mut_val *device_key_jwk(const struct device_key *key, struct arena *arena, yyjson_mut_doc *doc)
{
    bool is_rsa = strcmp(key->alg, "RS256") == 0;
    yyjson_mut_val *jwk = yyjson_mut_obj(doc);
    json_set_text(doc, jwk, "kty", is_rsa ? "RSA" : "EC");
    json_set_text(doc, jwk, "crv", is_rsa ? NULL : "P-256");
    json_set_text(doc, jwk, is_rsa ? "n" : "x", base64url_encode(arena, key->first));
    json_set_text(doc, jwk, is_rsa ? "e" : "y", base64url_encode(arena, key->second));
    return jwk;
}

static bool equal_bytes(struct bytes a, struct bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

bool device_key_equal(const struct device_key *a, const struct device_key *b)
{
    return strcmp(a->alg, b->alg) == 0 && equal_bytes(a->first, b->first) &&
           equal_bytes(a->second, b->second);
}

/* JOSE writes r and s one after the other, OpenSSL wants them as DER. */
static bool verify_ec(EVP_MD_CTX *context, const struct jwt *jwt)
{
    if (jwt->signature.size != (size_t)2 * COORDINATE_BYTES)
        return false;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(jwt->signature.data, COORDINATE_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(jwt->signature.data + COORDINATE_BYTES, COORDINATE_BYTES, NULL);
    unsigned char *der = NULL;
    int size = 0;
    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = s = NULL; /* the signature's now */
        size = i2d_ECDSA_SIG(signature, &der);
    }
    bool verified = size > 0 && EVP_DigestVerify(context, der, (size_t)size,
                                                 (const uint8_t *)jwt->signed_text, jwt->signed_size) == 1;
    OPENSSL_free(der);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return verified;
}

bool device_key_verify(const struct device_key *key, const struct jwt *jwt)
{
    if (strcmp(jwt->alg, key->alg) != 0)
        return false;
    EVP_PKEY *opened = open_key(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool verified = false;
    if (opened != NULL && context != NULL &&
        EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, opened) == 1)
        verified = strcmp(key->alg, "ES256") == 0
                       ? verify_ec(context, jwt)
                       : EVP_DigestVerify(context, jwt->signature.data, jwt->signature.size,
                                          (const uint8_t *)jwt->signed_text, jwt->signed_size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(opened);
    return verified;
}
