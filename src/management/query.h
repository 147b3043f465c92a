/* Query strings and paths of calls, checked by the description's parameters; paging and choice of members. */
#ifndef COUNTERSIGN_MANAGEMENT_QUERY_H
#define COUNTERSIGN_MANAGEMENT_QUERY_H

#include "http/exchange.h"

/*
 * The pairs as an object of the types that `schema`'s properties have: numbers and booleans where the text is one, arrays of
 * what is sent several times. What has another form stays a text, for the schema to refuse.
 */
yyjson_val *query_values(struct arena *arena, const struct http_pairs *pairs, yyjson_val *schema) NODISCARD;

enum { PAGE_SIZE = 50, REACHABLE_RECORDS = 1000 };

/* Which part of a list is wanted. */
struct paging {
    bool by_checkpoint; /* from and take instead of page and per_page */
    int64_t offset;
    int64_t limit;
    bool totals;
    int64_t
        after_created_at; /* checkpoint: what the last page ended with; after_id NULL for the first page */
    const char *after_id;
};

/*
 * Reads it from the checked query of an operation, as its description says: lists that know no `page` are always by
 * checkpoint. False where the parameters do not go together (the request is answered).
 */
bool paging_read(struct http_exchange *x, yyjson_val *operation, yyjson_val *query,
                 struct paging *paging) NODISCARD;

/* The opaque `next` of a page that ended with that record. */
const char *paging_next(struct arena *arena, int64_t created_at, const char *id) NODISCARD;

/*
 * Checks `fields` against the operation's x-allowed-values ("Query validation error: …"); false where the request was
 * answered.
 */
bool fields_check(struct http_exchange *x, yyjson_val *operation, yyjson_val *query) NODISCARD;

/*
 * The object as `fields` and `include_fields` of the query want it: `object` itself where they are absent. Names may be
 * dotted ("identities.connection", through arrays too).
 */
yyjson_mut_val *fields_project(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object,
                               yyjson_val *query) NODISCARD;

/* Whether `fields` asks for that root member by name. */
bool fields_name(yyjson_val *query, const char *member) NODISCARD;

#endif
