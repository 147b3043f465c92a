/*
 * Documents that are read on every request (applications, APIs, grants), kept parsed. The row's version is still read each
 * time, and an entry serves for exactly that version: a change by any server counts at once. For src/store alone.
 */
#ifndef COUNTERSIGN_STORE_DOC_CACHE_H
#define COUNTERSIGN_STORE_DOC_CACHE_H

#include "store/db.h"
#include "json/json.h"

struct doc_cache;

struct doc_cache *doc_cache_create(void) NODISCARD;
void doc_cache_free(struct doc_cache **cache);

/* Which document: of which row, in which state. */
struct doc_name {
    const char *table;
    const char *id;
    int64_t version;
    int64_t created_at; /* tells a row from an earlier one of the same id */
};

/*
 * The document that `name` means, good as long as the arena; where it is not kept, it is read by `sql`, a statement that
 * gives doc and version for an id, and kept if the transaction is a read. (What a write sees may be undone.)
 */
enum db_result doc_cache_read(struct db_tx *tx, struct arena *arena, const struct doc_name *name,
                              const char *sql, yyjson_val **doc) NODISCARD;

#endif
