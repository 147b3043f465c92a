/*
 * Public keys of phones, as they send them at enrolment (JWK, RFC 7517): RSA of 2048 to 4096 bits (RS256), as Guardian.swift and
 * Guardian.Android make them, and EC on P-256 (ES256).
 */
#ifndef COUNTERSIGN_CRYPTO_DEVICE_KEY_H
#define COUNTERSIGN_CRYPTO_DEVICE_KEY_H

#include "crypto/jwt.h"

struct device_key {
    const char *alg; /* "RS256" or "ES256": the one algorithm that its signatures may have */
    /* RSA: modulus and exponent without leading zeros. EC: the coordinates x and y, 32 bytes each. */
    struct bytes first;
    struct bytes second;
};

/*
 * Reads a public JWK. Both SDKs send a modulus with a leading zero byte: zeros are taken off. False where it is no such key,
 * names another algorithm or use, is too weak, or holds a private part; *fault says which in a few words.
 */
bool device_key_parse(struct arena *arena, yyjson_val *jwk, struct device_key *key,
                      const char **fault) NODISCARD;

/* The key as a JWK with its required members (kty and numbers), for the store. */
yyjson_mut_val *device_key_jwk(const struct device_key *key, struct arena *arena,
                               yyjson_mut_doc *doc) NODISCARD;

/* Whether both are the same key, by its numbers. */
bool device_key_equal(const struct device_key *a, const struct device_key *b) NODISCARD;

/* Whether the token's alg is the key's and its signature is by that key (RFC 7518 sections 3.3 and 3.4). */
bool device_key_verify(const struct device_key *key, const struct jwt *jwt) NODISCARD;

#endif
