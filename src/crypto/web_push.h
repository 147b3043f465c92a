/* Message encryption for Web Push (RFC 8291): the aes128gcm coding (RFC 8188) under a key agreed with the browser. */
#ifndef COUNTERSIGN_CRYPTO_WEB_PUSH_H
#define COUNTERSIGN_CRYPTO_WEB_PUSH_H

#include "base/arena.h"
#include "crypto/p256.h"

enum {
    WEB_PUSH_AUTH_BYTES = 16,
    WEB_PUSH_SALT_BYTES = 16,
    /* Push services take 4096 bytes (RFC 8030 section 7.2): less header (86), tag (16) and delimiter (1). */
    WEB_PUSH_LARGEST_TEXT = 4096 - 103
};

/* What a browser's PushSubscription says of its key: p256dh and auth. */
struct web_push_receiver {
    struct bytes public_key; /* P256_PUBLIC_BYTES */
    struct bytes auth;       /* WEB_PUSH_AUTH_BYTES */
};

/*
 * The body of a push. `once` is a pair for this message alone, `salt` random. False where the receiver's key is no point
 * of the curve, a size is wrong, or the text too long.
 */
bool web_push_encrypt(struct arena *arena, struct bytes text, const struct web_push_receiver *receiver,
                      const struct p256_pair *once, const uint8_t salt[WEB_PUSH_SALT_BYTES],
                      struct bytes *body) NODISCARD;

#endif
