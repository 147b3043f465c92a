#include "tenant/key_cache.h"

#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Kept in a list: a tenant has a handful of keys, and one more a rotation. */
struct kept_key {
    struct signing_key *key;
    struct kept_key *next;
};

struct key_cache {
    const struct keyring *keyring;
    pthread_rwlock_t lock;
    struct kept_key *first;
};

struct key_cache *key_cache_create(const struct keyring *keyring)
{
    struct key_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        abort();
    cache->keyring = keyring;
    pthread_rwlock_init(&cache->lock, NULL);
    return cache;
}

void key_cache_free(struct key_cache **cache)
{
    if (*cache == NULL)
        return;
    struct kept_key *kept = (*cache)->first;
    while (kept != NULL) {
        struct kept_key *next = kept->next;
        signing_key_free(&kept->key);
        free(kept);
        kept = next;
    }
    pthread_rwlock_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

const char *key_cache_purpose(struct arena *arena, const char *kid)
{
    return arena_printf(arena, "signing_keys:%s", kid);
}

/* With the lock held. */
static const struct signing_key *find(const struct key_cache *cache, const char *kid)
{
    for (const struct kept_key *kept = cache->first; kept != NULL; kept = kept->next) {
        if (strcmp(signing_key_kid(kept->key), kid) == 0)
            return kept->key;
    }
    return NULL;
}

static struct signing_key *open_key(const struct key_cache *cache, const char *kid, const char *sealed,
                                    struct bytes certificate)
{
    struct arena *arena = arena_create();
    struct bytes private_der;
    struct signing_key *key = NULL;
    if (keyring_open(cache->keyring, arena, key_cache_purpose(arena, kid), sealed, &private_der))
        key = signing_key_load(kid, private_der, certificate);
    if (key == NULL)
        LOG_ERROR("tenant.key_unusable", LOG_TEXT("kid", kid));
    arena_destroy(&arena);
    return key;
}

const struct signing_key *key_cache_get(struct key_cache *cache, const char *kid, const char *sealed,
                                        struct bytes certificate)
{
    pthread_rwlock_rdlock(&cache->lock);
    const struct signing_key *found = find(cache, kid);
    pthread_rwlock_unlock(&cache->lock);
    if (found != NULL)
        return found;

    pthread_rwlock_wrlock(&cache->lock);
    found = find(cache, kid);
    struct signing_key *key = found == NULL ? open_key(cache, kid, sealed, certificate) : NULL;
    if (key != NULL) {
        struct kept_key *kept = calloc(1, sizeof *kept);
        if (kept == NULL)
            abort();
        *kept = (struct kept_key){.key = key, .next = cache->first};
        cache->first = kept;
        found = key;
    }
    pthread_rwlock_unlock(&cache->lock);
    return found;
}
