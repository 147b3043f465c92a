/* Digests and message authentication over OpenSSL. */
#ifndef COUNTERSIGN_CRYPTO_DIGEST_H
#define COUNTERSIGN_CRYPTO_DIGEST_H

#include "base/arena.h"
#include "base/bytes.h"

void sha256(struct bytes data, uint8_t digest[32]);
void sha1(struct bytes data, uint8_t digest[20]);
void hmac_sha256(struct bytes key, struct bytes data, uint8_t mac[32]);
void hmac_sha512(struct bytes key, struct bytes data, uint8_t mac[64]);

/* SHA-256 of a random token as lower-case hex: how tokens, tickets and cookies are stored. */
char *token_hash(struct arena *arena, const char *token) NODISCARD;

#endif
