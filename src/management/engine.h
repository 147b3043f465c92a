/*
 * The engine of the Management API. What can be called is a table of `struct operation`; what the calls are about, of `struct
 * resource`. The engine does, for all of them and in this order: route, token, scopes, path, query, body; then the operation's
 * function; then the tenant's log. Scopes and schemas come from the description (description.h).
 */
#ifndef COUNTERSIGN_MANAGEMENT_ENGINE_H
#define COUNTERSIGN_MANAGEMENT_ENGINE_H

#include "management/authorize.h"
#include "management/errors.h"
#include "management/query.h"
#include "management/statement.h"
#include "tenant/tenant.h"

struct operation;
struct resource;

/* One call, while it is served. */
struct call {
    struct http_exchange *x;
    struct arena *arena;
    struct tenant *tenant;
    const struct operation *operation;
    yyjson_val *description; /* of the operation */
    struct caller caller;
    yyjson_val *query; /* checked; an object */
    yyjson_val *body;  /* checked; NULL where the operation takes none */

    bool is_writing;       /* in a write: what is read there is locked until its end */
    yyjson_mut_doc *audit; /* more members for the log entry's details; NULL: none */
    const char *user_id;   /* for the log entry; NULL: none */
};

struct operation {
    const char *method;
    const char *path; /* below /api/v2, as the description names it */
    void (*handle)(struct call *call);
    const struct resource *resource; /* what the engine's own functions work on; NULL for others */
};

struct operations {
    const struct operation *list;
    size_t count;
};

/* A column of a resource's table beside id, doc, sealed, version and created_at, and the member it repeats. */
struct resource_column {
    const char *name;
    const char *member;
    char type; /* t: text; i: number or boolean */
};

/* A query parameter that narrows a list. */
struct resource_filter {
    const char *parameter;
    const char *column; /* NULL: the member of that name in the document */
    const char *member;
    const char *missing; /* what an absent member counts as; NULL: it matches nothing */
};

/* One record on its way from or to the store. */
struct record {
    const char *id;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root;
    const char *secret; /* opened; NULL: none */
    int64_t version;
    int64_t created_at;
};

struct resource {
    const char *name; /* of the list with totals: "rules" */
    const char *table;
    const char *id_member;    /* "id", "client_id" */
    const char *id_column;    /* of the table; NULL: "id" */
    const char *other_id;     /* another column that a path may name a record by; NULL: none */
    const char *id_parameter; /* of the paths; NULL: "id" */
    const char *(*new_id)(struct arena *arena);
    const struct resource_column *columns;
    size_t column_count;
    const struct resource_filter *filters;
    size_t filter_count;
    const char *visible; /* a condition in SQL: what it hides is not there for the API; NULL: all */
    const char *order;   /* of lists; NULL: created_at, id */
    const char
        *defaults; /* JSON: members that a new document gets where the body does not name them; NULL: none */
    const char *secret; /* the member that is sealed apart from the document, under "TABLE:ID"; NULL: none */

    const char *missing; /* 404: message, errorCode */
    const char *missing_code;
    const char *conflict; /* 409 */
    const char *conflict_code;

    /* How many there are where no condition narrows the list, known without counting; NULL: they are counted. */
    enum db_result (*count_all)(struct db_tx *tx, struct arena *arena, int64_t *count);

    /* Hooks, all optional. Those that return bool have answered the request where they return false. */
    bool (*filter)(struct call *call,
                   struct statement *where);                  /* more conditions: each begins with " AND " */
    bool (*sort)(struct call *call, struct statement *order); /* false: not sorted by it */
    void (*patch)(struct call *call, struct record *record);  /* puts a PATCH's body in; NULL: record_patch */
    bool (*before_create)(struct call *call, struct db_tx *tx, struct record *record);
    bool (*before_update)(struct call *call, struct db_tx *tx, struct record *record);
    bool (*before_delete)(struct call *call, struct db_tx *tx, struct record *record);
    bool (*after_delete)(struct call *call, struct db_tx *tx, struct record *record);
    void (*present)(struct call *call, struct record *record); /* last changes before it is shown */
};

/* The engine's own functions: what a plain resource's operations name as `handle`. */
void resource_list(struct call *call);
void resource_read(struct call *call);
void resource_create(struct call *call);
void resource_update(struct call *call); /* PATCH: root members replace */
void resource_remove(struct call *call); /* 204, also for what is not there */

/* --- for functions of a resource's own --- */

/* The record that the path names; DB_NOT_FOUND (and 404 answered), or DB_FAILED (and 500 answered). */
enum db_result record_of_path(struct call *call, struct db_tx *tx, const struct resource *resource,
                              struct record *record) NODISCARD;
enum db_result record_by_id(struct call *call, struct db_tx *tx, const struct resource *resource,
                            const char *id, struct record *record) NODISCARD;
enum db_result record_insert(struct call *call, struct db_tx *tx, const struct resource *resource,
                             struct record *record) NODISCARD;
/* DB_NOT_FOUND where another changed it since; DB_CONFLICT: a unique column is taken. */
enum db_result record_update(struct call *call, struct db_tx *tx, const struct resource *resource,
                             struct record *record) NODISCARD;
enum db_result record_delete(struct call *call, struct db_tx *tx, const struct resource *resource,
                             const struct record *record) NODISCARD;
/* The rows of a page, and *total where the paging asks for it. By checkpoint, one row more than the limit is read.
 * DB_CONFLICT: the resource's filter has answered the request. */
enum db_result record_page(struct call *call, struct db_tx *tx, const struct resource *resource,
                           const struct paging *paging, struct record **records, size_t *count,
                           int64_t *total) NODISCARD;

/* Sets the members of `patch` in the record; null removes one. */
void record_patch(struct record *record, yyjson_val *patch);

/* Presents the record, projects it, and answers with it. */
void reply_record(struct call *call, int status, const struct resource *resource, struct record *record);
/* Answers with a list in the form that the paging wants. Elements are copied in as they are. */
void reply_list(struct call *call, const char *name, const struct paging *paging, yyjson_mut_doc *doc,
                yyjson_mut_val *list, int64_t total, const char *next);

/* Begins a transaction; false where the store failed (500 is answered). */
bool call_read(struct call *call, struct db_tx **tx) NODISCARD;
bool call_write(struct call *call, struct db_tx **tx) NODISCARD;
/* Commits; false where it failed (500 is answered). */
bool call_commit(struct call *call, struct db_tx **tx) NODISCARD;

/* If-Match, beyond Auth0: false (and 412 answered) where the change was meant for another version. */
bool call_matches(struct call *call, int64_t version) NODISCARD;

const char *id_of_prefix(struct arena *arena, const char *prefix) NODISCARD;

/* --- the engine's ends --- */

/* Answers any request below /api/v2. */
void management_handle(struct http_exchange *x);

/* All operations, in the order that routes are matched in (routes.c). */
extern const struct operations *const management_operations[];
extern const size_t management_operations_count;

#endif
