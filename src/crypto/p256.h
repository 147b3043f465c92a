/* Key pairs on the curve P-256: agreement (ECDH) and signatures (ES256), for what browsers' push services ask of us. */
#ifndef COUNTERSIGN_CRYPTO_P256_H
#define COUNTERSIGN_CRYPTO_P256_H

#include "base/bytes.h"

enum { P256_PRIVATE_BYTES = 32, P256_PUBLIC_BYTES = 65, P256_SIGNATURE_BYTES = 64 };

/* The public key is an uncompressed point: 4, x, y (SEC 1 section 2.3.3). Wipe it with p256_wipe. */
struct p256_pair {
    uint8_t private_key[P256_PRIVATE_BYTES];
    uint8_t public_key[P256_PUBLIC_BYTES];
};

/* A new pair; false where OpenSSL fails. */
bool p256_generate(struct p256_pair *pair) NODISCARD;
void p256_wipe(struct p256_pair *pair);

/* The x of the shared point; false where `theirs` is no point of the curve. */
bool p256_agree(const struct p256_pair *pair, struct bytes theirs,
                uint8_t shared[P256_PRIVATE_BYTES]) NODISCARD;

/* ECDSA with SHA-256, as r and s (RFC 7518 section 3.4). */
bool p256_sign(const struct p256_pair *pair, struct bytes data,
               uint8_t signature[P256_SIGNATURE_BYTES]) NODISCARD;

#endif
