#include "crypto/digest.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

static void digest_by(const EVP_MD *kind, struct bytes data, uint8_t *digest)
{
    if (EVP_Digest(data.data, data.size, digest, NULL, kind, NULL) != 1)
        abort();
}

void sha256(struct bytes data, uint8_t digest[32])
{
    digest_by(EVP_sha256(), data, digest);
}

void sha1(struct bytes data, uint8_t digest[20])
{
    digest_by(EVP_sha1(), data, digest);
}

static void hmac_by(const EVP_MD *kind, struct bytes key, struct bytes data, uint8_t *mac)
{
    /* OpenSSL takes a NULL key for "the key of the last call"; an empty key is meant here. */
    const uint8_t *key_data = key.data != NULL ? key.data : (const uint8_t *)"";
    if (key.size > INT32_MAX || HMAC(kind, key_data, (int)key.size, data.data, data.size, mac, NULL) == NULL)
        abort();
}

void hmac_sha256(struct bytes key, struct bytes data, uint8_t mac[32])
{
    hmac_by(EVP_sha256(), key, data, mac);
}

void hmac_sha512(struct bytes key, struct bytes data, uint8_t mac[64])
{
    hmac_by(EVP_sha512(), key, data, mac);
}

char *token_hash(struct arena *arena, const char *token)
{
    uint8_t digest[32];
    sha256(bytes_of_text(token), digest);
    return hex_encode(arena, (struct bytes){digest, sizeof digest});
}
