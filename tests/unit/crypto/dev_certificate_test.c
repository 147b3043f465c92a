#include "crypto/dev_certificate.h"

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static X509 *read_certificate(const char *pem)
{
    BIO *in = BIO_new_mem_buf(pem, (int)strlen(pem));
    X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    return certificate;
}

/* Whether a verifier that trusts the authority alone accepts the certificate for that host name. */
static bool accepted_for(X509 *authority, X509 *certificate, const char *host)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, authority);
    X509_STORE_CTX_init(context, store, certificate, NULL);
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context), host, 0);
    bool accepted = X509_verify_cert(context) == 1;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return accepted;
}

static void the_authority_vouches_for_localhost_and_nothing_else(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    struct dev_certificate made;
    assert_true(dev_certificate_make(arena, &made));
    X509 *authority = read_certificate(made.authority);
    X509 *certificate = read_certificate(made.certificate);
    assert_true(accepted_for(authority, certificate, "localhost"));
    assert_false(accepted_for(authority, certificate, "example.com"));
    BIO *in = BIO_new_mem_buf(made.private_key, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    assert_int_equal(X509_check_private_key(certificate, key), 1);
    EVP_PKEY_free(key);
    BIO_free(in);
    X509_free(certificate);
    X509_free(authority);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_authority_vouches_for_localhost_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
