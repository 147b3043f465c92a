#include "crypto/p256.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

static bool read_pair(EVP_PKEY *key, struct p256_pair *pair)
{
    BIGNUM *number = NULL;
    size_t size = 0;
    bool is_read = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
                   BN_bn2binpad(number, pair->private_key, P256_PRIVATE_BYTES) == P256_PRIVATE_BYTES &&
                   EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, pair->public_key,
                                                   P256_PUBLIC_BYTES, &size) == 1 &&
                   size == P256_PUBLIC_BYTES;
    BN_clear_free(number);
    return is_read;
}

bool p256_generate(struct p256_pair *pair)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    bool is_made = key != NULL && read_pair(key, pair);
    EVP_PKEY_free(key);
    return is_made;
}

void p256_wipe(struct p256_pair *pair)
{
    explicit_bzero(pair, sizeof *pair);
}

/* A key for OpenSSL; without `private_key` a public one. NULL where the numbers are no key of the curve. */
static EVP_PKEY *load(const uint8_t *private_key, struct bytes public_key)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *number =
        private_key != NULL ? BN_secure_new() : NULL; /* the builder keeps such a number in secure memory */
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY *key = NULL;
    if (private_key != NULL && BN_bin2bn(private_key, P256_PRIVATE_BYTES, number) == NULL)
        goto out;
    if (builder == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, public_key.data,
                                         public_key.size) != 1 ||
        (number != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number) != 1))
        goto out;
    parameters = OSSL_PARAM_BLD_to_param(builder);
    if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, number != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          parameters) != 1)
        key = NULL;
out:
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_clear_free(number);
    return key;
}

static EVP_PKEY *load_pair(const struct p256_pair *pair)
{
    return load(pair->private_key, (struct bytes){pair->public_key, P256_PUBLIC_BYTES});
}

bool p256_agree(const struct p256_pair *pair, struct bytes theirs, uint8_t shared[P256_PRIVATE_BYTES])
{
    if (theirs.size != P256_PUBLIC_BYTES || theirs.data[0] != POINT_CONVERSION_UNCOMPRESSED)
        return false;
    EVP_PKEY *mine = load_pair(pair), *other = load(NULL, theirs);
    EVP_PKEY_CTX *context = mine != NULL ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
    size_t size = P256_PRIVATE_BYTES;
    bool is_agreed = context != NULL && other != NULL && EVP_PKEY_derive_init(context) == 1 &&
                     EVP_PKEY_derive_set_peer_ex(context, other, 1) == 1 &&
                     EVP_PKEY_derive(context, shared, &size) == 1 && size == P256_PRIVATE_BYTES;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(other);
    return is_agreed;
}

bool p256_sign(const struct p256_pair *pair, struct bytes data, uint8_t signature[P256_SIGNATURE_BYTES])
{
    uint8_t der[80];
    const uint8_t *at = der;
    size_t size = sizeof der;
    EVP_PKEY *key = load_pair(pair);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ECDSA_SIG *parts = NULL;
    if (key != NULL && context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(context, der, &size, data.data, data.size) == 1)
        parts = d2i_ECDSA_SIG(NULL, &at, (long)size);
    bool is_signed = parts != NULL &&
                     BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, P256_SIGNATURE_BYTES / 2) > 0 &&
                     BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + P256_SIGNATURE_BYTES / 2,
                                  P256_SIGNATURE_BYTES / 2) > 0;
    ECDSA_SIG_free(parts);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return is_signed;
}
