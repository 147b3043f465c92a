#include "crypto/web_push.h"

#include "crypto/digest.h"

#include <openssl/evp.h>
#include <string.h>

enum { KEY_BYTES = 16, NONCE_BYTES = 12, TAG_BYTES = 16, RECORD_BYTES = 4096, LAST_RECORD = 2 };
enum { HEADER_BYTES = WEB_PUSH_SALT_BYTES + 4 + 1 + P256_PUBLIC_BYTES };

struct content_keys {
    uint8_t key[KEY_BYTES];
    uint8_t nonce[NONCE_BYTES];
};

/* One block of HKDF-Expand (RFC 5869 section 2.3): `info` ends with the block's number, 1. */
static void expand(const uint8_t secret[32], const char *info, size_t info_size, uint8_t *out, size_t size)
{
    uint8_t block[32];
    hmac_sha256((struct bytes){secret, 32}, (struct bytes){(const uint8_t *)info, info_size}, block);
    memcpy(out, block, size);
    explicit_bzero(block, sizeof block);
}

/* RFC 8291 section 3.4. */
static bool derive(const struct web_push_receiver *receiver, const struct p256_pair *once,
                   const uint8_t *salt, struct content_keys *keys)
{
    static const char intro[] = "WebPush: info"; /* with its NUL */
    static const char key_info[] = "Content-Encoding: aes128gcm\0\1";
    static const char nonce_info[] = "Content-Encoding: nonce\0\1";
    uint8_t shared[P256_PRIVATE_BYTES], secret[32], input[32];
    char info[sizeof intro + 2 * P256_PUBLIC_BYTES + 1];

    if (!p256_agree(once, receiver->public_key, shared))
        return false;
    memcpy(info, intro, sizeof intro);
    memcpy(info + sizeof intro, receiver->public_key.data, P256_PUBLIC_BYTES);
    memcpy(info + sizeof intro + P256_PUBLIC_BYTES, once->public_key, P256_PUBLIC_BYTES);
    info[sizeof info - 1] = 1;
    hmac_sha256(receiver->auth, (struct bytes){shared, sizeof shared}, secret);
    expand(secret, info, sizeof info, input, sizeof input);
    hmac_sha256((struct bytes){salt, WEB_PUSH_SALT_BYTES}, (struct bytes){input, sizeof input}, secret);
    expand(secret, key_info, sizeof key_info - 1, keys->key, KEY_BYTES);
    expand(secret, nonce_info, sizeof nonce_info - 1, keys->nonce, NONCE_BYTES);
    explicit_bzero(shared, sizeof shared);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(input, sizeof input);
    return true;
}

/* `record` has room for its tag behind it. */
static bool seal(const struct content_keys *keys, uint8_t *record, size_t size)
{
    int moved = 0, rest = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool is_sealed = context != NULL &&
                     EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, keys->key, keys->nonce) == 1 &&
                     EVP_EncryptUpdate(context, record, &moved, record, (int)size) == 1 &&
                     EVP_EncryptFinal_ex(context, record + moved, &rest) == 1 &&
                     (size_t)moved + (size_t)rest == size &&
                     EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, record + size) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_sealed;
}

bool web_push_encrypt(struct arena *arena, struct bytes text, const struct web_push_receiver *receiver,
                      const struct p256_pair *once, const uint8_t salt[WEB_PUSH_SALT_BYTES],
                      struct bytes *body)
{
    struct content_keys keys;
    if (text.size > WEB_PUSH_LARGEST_TEXT || receiver->auth.size != WEB_PUSH_AUTH_BYTES ||
        receiver->public_key.size != P256_PUBLIC_BYTES || !derive(receiver, once, salt, &keys))
        return false;
    size_t size = HEADER_BYTES + text.size + 1 + TAG_BYTES;
    uint8_t *out = arena_alloc(arena, size);
    memcpy(out, salt, WEB_PUSH_SALT_BYTES);
    memcpy(out + WEB_PUSH_SALT_BYTES, (uint8_t[]){0, 0, RECORD_BYTES >> 8, RECORD_BYTES & 255}, 4);
    out[WEB_PUSH_SALT_BYTES + 4] = P256_PUBLIC_BYTES;
    memcpy(out + WEB_PUSH_SALT_BYTES + 5, once->public_key, P256_PUBLIC_BYTES);
    if (text.size > 0)
        memcpy(out + HEADER_BYTES, text.data, text.size);
    out[HEADER_BYTES + text.size] = LAST_RECORD;
    bool is_sealed = seal(&keys, out + HEADER_BYTES, text.size + 1);
    explicit_bzero(&keys, sizeof keys);
    *body = (struct bytes){out, size};
    return is_sealed;
}
