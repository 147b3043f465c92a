/* Signing keys of the server: RSA-2048 with a self-signed certificate, as Auth0 publishes them (RFC 7517). */
#ifndef COUNTERSIGN_CRYPTO_JWK_H
#define COUNTERSIGN_CRYPTO_JWK_H

#include "base/arena.h"
#include "base/bytes.h"

#include <yyjson.h>

struct signing_key; /* a private key with its kid and certificate; immutable and shared between threads */

enum { SIGNING_KEY_SIGNATURE_BYTES = 256 };

/*
 * A new RSA-2048 key; kid is 21 characters of base64url; the certificate names `host` and lasts 13.7 years.
 * NULL where OpenSSL fails. Like a loaded one, it is the caller's until signing_key_free.
 */
struct signing_key *signing_key_generate(const char *host) NODISCARD;

/* From PKCS#8 DER and X.509 DER, as made by the two functions below; NULL where they do not fit. */
struct signing_key *signing_key_load(const char *kid, struct bytes private_der,
                                     struct bytes certificate_der) NODISCARD;
void signing_key_free(struct signing_key **key);

const char *signing_key_kid(const struct signing_key *key) NODISCARD;
struct bytes signing_key_private_der(const struct signing_key *key, struct arena *arena) NODISCARD;
struct bytes signing_key_certificate_der(const struct signing_key *key, struct arena *arena) NODISCARD;
char *signing_key_certificate_pem(const struct signing_key *key, struct arena *arena) NODISCARD;
char *signing_key_pkcs7_pem(const struct signing_key *key, struct arena *arena) NODISCARD;
/* "AA:BB:…" of SHA-256, and the SHA-1 thumbprint in hex (Management API /keys/signing). */
char *signing_key_fingerprint(const struct signing_key *key, struct arena *arena) NODISCARD;
char *signing_key_thumbprint(const struct signing_key *key, struct arena *arena) NODISCARD;

/* Signs by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3); from any thread. False where OpenSSL fails.
 */
bool signing_key_sign(const struct signing_key *key, struct bytes data,
                      uint8_t signature[SIGNING_KEY_SIGNATURE_BYTES]) NODISCARD;
/* Whether `signature` is one over `data` by that key. */
bool signing_key_verify(const struct signing_key *key, struct bytes data, struct bytes signature) NODISCARD;

/* The public JWK as an element of a JWKS: kty use n e kid x5t x5c alg. */
yyjson_mut_val *signing_key_jwk(const struct signing_key *key, yyjson_mut_doc *doc) NODISCARD;

#endif
