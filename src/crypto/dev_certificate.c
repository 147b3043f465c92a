#include "crypto/dev_certificate.h"

#include "base/clock.h"
#include "base/random.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { LIFETIME_S = 397 * 86400, BACKDATED_S = 3600 };

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* An unsigned certificate with its names, serial number and times. */
static X509 *certificate_begin(const char *name, EVP_PKEY *key, X509 *issuer)
{
    X509 *certificate = X509_new();
    if (certificate == NULL)
        return NULL;
    uint64_t serial = 0;
    random_fill(&serial, sizeof serial);
    int64_t now = clock_now();
    X509_NAME *subject = X509_get_subject_name(certificate);
    bool fine =
        X509_set_version(certificate, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1 &&
        ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(now - BACKDATED_S)) != NULL &&
        ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(now + LIFETIME_S)) != NULL &&
        X509_set_pubkey(certificate, key) == 1 &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) ==
            1 &&
        X509_set_issuer_name(certificate, issuer != NULL ? X509_get_subject_name(issuer) : subject) == 1;
    if (!fine) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static X509 *make_authority(EVP_PKEY *key)
{
    X509 *authority = certificate_begin("Countersign --dev on this machine", key, NULL);
    bool fine = authority != NULL &&
                add_extension(authority, authority, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                add_extension(authority, authority, NID_key_usage, "critical,keyCertSign") &&
                add_extension(authority, authority, NID_name_constraints,
                              "critical,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0,"
                              "permitted;IP:::1/FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF") &&
                add_extension(authority, authority, NID_subject_key_identifier, "hash") &&
                X509_sign(authority, key, EVP_sha256()) > 0;
    if (!fine) {
        X509_free(authority);
        return NULL;
    }
    return authority;
}

static X509 *make_leaf(EVP_PKEY *key, X509 *authority, EVP_PKEY *authority_key)
{
    X509 *leaf = certificate_begin("localhost", key, authority);
    bool fine = leaf != NULL && add_extension(leaf, authority, NID_basic_constraints, "critical,CA:FALSE") &&
                add_extension(leaf, authority, NID_key_usage, "critical,digitalSignature") &&
                add_extension(leaf, authority, NID_ext_key_usage, "serverAuth") &&
                add_extension(leaf, authority, NID_authority_key_identifier, "keyid:always") &&
                add_extension(leaf, authority, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
                X509_sign(leaf, authority_key, EVP_sha256()) > 0;
    if (!fine) {
        X509_free(leaf);
        return NULL;
    }
    return leaf;
}

static const char *pem_text(struct arena *arena, BIO *out)
{
    char *data;
    long size = BIO_get_mem_data(out, &data);
    return arena_strndup(arena, data, (size_t)size);
}

static const char *certificate_pem(struct arena *arena, X509 *certificate)
{
    BIO *out = BIO_new(BIO_s_mem());
    const char *text = PEM_write_bio_X509(out, certificate) == 1 ? pem_text(arena, out) : NULL;
    BIO_free(out);
    return text;
}

static const char *key_pem(struct arena *arena, EVP_PKEY *key)
{
    BIO *out = BIO_new(BIO_s_secmem());
    const char *text =
        PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 ? pem_text(arena, out) : NULL;
    BIO_free(out);
    return text;
}

bool dev_certificate_make(struct arena *arena, struct dev_certificate *made)
{
    *made = (struct dev_certificate){0};
    EVP_PKEY *authority_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *authority = authority_key != NULL ? make_authority(authority_key) : NULL;
    X509 *leaf = authority != NULL && key != NULL ? make_leaf(key, authority, authority_key) : NULL;
    if (leaf != NULL) {
        made->authority = certificate_pem(arena, authority);
        made->certificate = certificate_pem(arena, leaf);
        made->private_key = key_pem(arena, key);
    }
    X509_free(leaf);
    X509_free(authority);
    EVP_PKEY_free(key);
    EVP_PKEY_free(authority_key);
    return made->authority != NULL && made->certificate != NULL && made->private_key != NULL;
}
