#include "store/doc_cache.h"

#include "store/driver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A document has one place, by its row's name; whoever comes later takes it over. */
enum { PLACES = 1024 };

struct entry {
    struct arena *arena; /* holds the document; read by many threads, changed by none */
    yyjson_val *doc;
    struct doc_name name;
    atomic_uint holders; /* the cache, and every request that reads it */
};

struct doc_cache {
    pthread_mutex_t lock;
    struct entry *places[PLACES];
};

struct doc_cache *doc_cache_create(void)
{
    struct doc_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL || pthread_mutex_init(&cache->lock, NULL) != 0)
        abort();
    return cache;
}

/* Gives a hold back; the last one frees. May be after the cache itself was freed. */
static void let_go(struct entry *entry)
{
    if (atomic_fetch_sub(&entry->holders, 1) > 1)
        return;
    struct arena *arena = entry->arena;
    arena_destroy(&arena);
}

static void let_go_of(void *entry)
{
    let_go(entry);
}

void doc_cache_free(struct doc_cache **cache)
{
    if (*cache == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        if ((*cache)->places[i] != NULL)
            let_go((*cache)->places[i]);
    pthread_mutex_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

/* FNV-1a over table and id. */
static size_t place_of(const struct doc_name *name)
{
    uint64_t hash = 14695981039346656037U;
    for (const char *at = name->table; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211U;
    for (const char *at = name->id; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211U;
    return (size_t)(hash ^ hash >> 32) % PLACES;
}

static bool same_name(const struct doc_name *a, const struct doc_name *b)
{
    return a->version == b->version && a->created_at == b->created_at && strcmp(a->id, b->id) == 0 &&
           strcmp(a->table, b->table) == 0;
}

static yyjson_val *find(struct doc_cache *cache, struct arena *arena, const struct doc_name *name)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = cache->places[place_of(name)];
    bool found = entry != NULL && same_name(&entry->name, name);
    if (found)
        atomic_fetch_add(&entry->holders,
                         1); /* under the lock, so that the cache's own hold is still there */
    pthread_mutex_unlock(&cache->lock);
    if (!found)
        return NULL;
    arena_on_destroy(arena, let_go_of, entry);
    return entry->doc;
}

static void keep(struct doc_cache *cache, const struct doc_name *name, const char *text)
{
    struct arena *arena = arena_create();
    struct entry *entry = arena_alloc(arena, sizeof *entry);
    *entry = (struct entry){
        .arena = arena,
        .doc = json_parse_own(arena, text),
        .name = *name,
        .holders = 1,
    };
    entry->name.table = arena_strdup(arena, name->table);
    entry->name.id = arena_strdup(arena, name->id);
    struct entry **place = &cache->places[place_of(name)];
    pthread_mutex_lock(&cache->lock);
    struct entry *replaced = *place;
    *place = entry;
    pthread_mutex_unlock(&cache->lock);
    if (replaced != NULL)
        let_go(replaced);
}

enum db_result doc_cache_read(struct db_tx *tx, struct arena *arena, const struct doc_name *name,
                              const char *sql, yyjson_val **doc)
{
    *doc = find(tx->db->documents, arena, name);
    if (*doc != NULL)
        return DB_OK;
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, arena, &row, sql, "t", name->id);
    if (result != DB_OK)
        return result;
    *doc = json_parse_own(arena, row[0].text);
    if (*doc == NULL)
        return DB_FAILED;
    if (!tx->writing && row[1].number == name->version)
        keep(tx->db->documents, name, row[0].text);
    return DB_OK;
}
