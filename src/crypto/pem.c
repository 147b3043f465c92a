#include "crypto/pem.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#include <string.h>

enum { LONGEST_PEM = 16 * 1024, LARGEST_PKCS12 = 64 * 1024, HALF = 32, LONGEST_DER = 80 };

/* No password: an encrypted key must not make OpenSSL ask for one at the terminal. */
static int no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32];
    size_t length = 0;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

static EVP_PKEY *read_key(const char *pem)
{
    size_t length = strnlen(pem, LONGEST_PEM + 1);
    BIO *bio = length <= LONGEST_PEM ? BIO_new_mem_buf(pem, (int)length) : NULL;
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return key;
}

bool pem_sign_es256(const char *pem, struct bytes data, uint8_t signature[64])
{
    uint8_t der[LONGEST_DER];
    const uint8_t *at = der;
    size_t size = sizeof der;
    EVP_PKEY *key = read_key(pem);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ECDSA_SIG *parts = NULL;
    if (key != NULL && context != NULL && is_p256(key) &&
        EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(context, der, &size, data.data, data.size) == 1)
        parts = d2i_ECDSA_SIG(NULL, &at, (long)size);
    bool is_signed = parts != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, HALF) == HALF &&
                     BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + HALF, HALF) == HALF;
    ECDSA_SIG_free(parts);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return is_signed;
}

static char *write_pem(struct arena *arena, X509 *certificate, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL, *data;
    if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1 &&
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long length = BIO_get_mem_data(bio, &data);
        text = length > 0 ? arena_strndup(arena, data, (size_t)length) : NULL;
    }
    BIO_free(bio);
    return text;
}

char *pem_of_pkcs12(struct arena *arena, struct bytes file)
{
    if (file.size == 0 || file.size > LARGEST_PKCS12)
        return NULL;
    /* A library context of its own: old algorithms are for this file alone. */
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *usual = library != NULL ? OSSL_PROVIDER_load(library, "default") : NULL;
    OSSL_PROVIDER *legacy = usual != NULL ? OSSL_PROVIDER_try_load(library, "legacy", 1) : NULL;
    PKCS12 *parsed = usual != NULL ? PKCS12_init_ex(NID_pkcs7_data, library, NULL) : NULL;
    const uint8_t *at = file.data;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    char *pem = NULL;
    if (parsed != NULL && d2i_PKCS12(&parsed, &at, (long)file.size) != NULL &&
        PKCS12_parse(parsed, NULL, &key, &certificate, NULL) == 1 && key != NULL && certificate != NULL &&
        X509_check_private_key(certificate, key) == 1)
        pem = write_pem(arena, certificate, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    PKCS12_free(parsed);
    if (legacy != NULL)
        OSSL_PROVIDER_unload(legacy);
    if (usual != NULL)
        OSSL_PROVIDER_unload(usual);
    OSSL_LIB_CTX_free(library);
    return pem;
}
