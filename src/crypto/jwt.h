/* JSON Web Tokens in the compact serialisation (RFC 7515, 7519): signing by RS256 and HS256, strict reading.
 */
#ifndef COUNTERSIGN_CRYPTO_JWT_H
#define COUNTERSIGN_CRYPTO_JWT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "crypto/jwk.h"
#include "crypto/p256.h"
#include "json/json.h"

/* Signs the claims (an object) by RS256 with header {"alg","typ","kid"}; `typ` is "JWT" or "at+jwt". */
char *jwt_sign_rs256(struct arena *arena, const struct signing_key *key, const char *typ,
                     yyjson_mut_val *claims) NODISCARD;

/* Signs by HS256, or HS512, without a kid. */
char *jwt_sign_hs256(struct arena *arena, struct bytes key, yyjson_mut_val *claims) NODISCARD;
char *jwt_sign_hs512(struct arena *arena, struct bytes key, yyjson_mut_val *claims) NODISCARD;

/*
 * Signs as a stranger's client, for others' services: by ES256, with a kid where it is not NULL; and by RS256 with a private
 * key as PEM (PKCS#8 or PKCS#1, not encrypted, 2048 to 8192 bits). NULL where the key is none, or OpenSSL fails.
 */
char *jwt_sign_es256(struct arena *arena, const struct p256_pair *key, const char *kid,
                     yyjson_mut_val *claims) NODISCARD;
char *jwt_sign_rs256_pem(struct arena *arena, const char *pem, const char *kid,
                         yyjson_mut_val *claims) NODISCARD;

/* A token taken apart; nothing is verified yet. Members are refused twice, also in the header. */
struct jwt {
    const char *alg;
    const char *kid; /* NULL where absent */
    const char *typ; /* NULL where absent */
    yyjson_val *header;
    yyjson_val *claims;
    const char *signed_text; /* header.payload, of signed_size bytes */
    size_t signed_size;
    struct bytes signature;
};

/* Splits and parses `token` (at most 16 kB); false where it is not a JWS of JSON objects. */
bool jwt_parse(struct arena *arena, const char *token, struct jwt *jwt) NODISCARD;

/* Whether alg is RS256 and the signature is by that key. */
bool jwt_verify_rs256(const struct jwt *jwt, const struct signing_key *key) NODISCARD;
bool jwt_verify_hs256(const struct jwt *jwt, struct bytes key) NODISCARD;
bool jwt_verify_hs512(const struct jwt *jwt, struct bytes key) NODISCARD;

/*
 * Whether now (seconds) is within nbf, iat and exp with `leeway` seconds either side; a missing exp, or times
 * that are no whole numbers in range, give false (fractions are allowed, as Guardian.swift sends them).
 */
bool jwt_is_current(const struct jwt *jwt, int64_t now, int64_t leeway) NODISCARD;

/* Whether aud is, or as an array holds, `audience`. */
bool jwt_has_audience(const struct jwt *jwt, const char *audience) NODISCARD;

#endif
