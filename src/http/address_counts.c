#include "http/address_counts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1024 };

struct entry {
    struct entry *next;
    struct address key;
    unsigned count;
};

struct address_counts {
    pthread_mutex_t lock;
    struct entry *rows[ROWS];
};

struct address_counts *address_counts_create(void)
{
    struct address_counts *counts = calloc(1, sizeof *counts);
    if (counts == NULL)
        abort();
    pthread_mutex_init(&counts->lock, NULL);
    return counts;
}

void address_counts_free(struct address_counts **counts)
{
    if (*counts == NULL)
        return;
    pthread_mutex_destroy(&(*counts)->lock);
    free(*counts);
    *counts = NULL;
}

static struct address key_of(const struct address *address)
{
    struct address key = *address;
    if (!address_is_ipv4(address))
        memset(key.bytes + 8, 0, 8);
    return key;
}

/* Where the address's entry is, or would be. */
static struct entry **place_of(struct address_counts *counts, const struct address *key)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < sizeof key->bytes; i++)
        hash = (hash ^ key->bytes[i]) * 16777619U;
    struct entry **place = &counts->rows[hash % ROWS];
    while (*place != NULL && !address_equal(&(*place)->key, key))
        place = &(*place)->next;
    return place;
}

unsigned address_counts_add(struct address_counts *counts, const struct address *address)
{
    struct address key = key_of(address);
    pthread_mutex_lock(&counts->lock);
    struct entry **place = place_of(counts, &key);
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        if (*place == NULL)
            abort();
        (*place)->key = key;
    }
    unsigned count = ++(*place)->count;
    pthread_mutex_unlock(&counts->lock);
    return count;
}

void address_counts_give_back(struct address_counts *counts, const struct address *address)
{
    struct address key = key_of(address);
    pthread_mutex_lock(&counts->lock);
    struct entry **place = place_of(counts, &key);
    struct entry *entry = *place;
    if (entry != NULL && --entry->count == 0) {
        *place = entry->next;
        free(entry);
    }
    pthread_mutex_unlock(&counts->lock);
}

unsigned address_counts_of(struct address_counts *counts, const struct address *address)
{
    struct address key = key_of(address);
    pthread_mutex_lock(&counts->lock);
    const struct entry *entry = *place_of(counts, &key);
    unsigned count = entry == NULL ? 0 : entry->count;
    pthread_mutex_unlock(&counts->lock);
    return count;
}
