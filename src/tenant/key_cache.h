/*
 * Signing keys, opened once and kept: which key is current, or was revoked, is asked of the store every time,
 * so that a rotation by any server counts at once; only the opening (unsealing, parsing) is saved.
 */
#ifndef COUNTERSIGN_TENANT_KEY_CACHE_H
#define COUNTERSIGN_TENANT_KEY_CACHE_H

#include "crypto/jwk.h"
#include "crypto/keyring.h"

struct key_cache;

struct key_cache *key_cache_create(const struct keyring *keyring) NODISCARD;
void key_cache_free(struct key_cache **cache);

/*
 * The key of that kid, opened from `sealed` and `certificate` where it is not kept yet. Owned by the cache,
 * for as long as it lives. NULL where it does not open (logged). From any thread.
 */
const struct signing_key *key_cache_get(struct key_cache *cache, const char *kid, const char *sealed,
                                        struct bytes certificate) NODISCARD;

/* The purpose under which the private key of that kid is sealed. */
const char *key_cache_purpose(struct arena *arena, const char *kid) NODISCARD;

#endif
