/* What the engine does for any resource: list, read, create, update, remove. */
#include "management/engine.h"

#include <string.h>

static const char *etag_of(struct call *call, int64_t version)
{
    return arena_printf(call->arena, "\"%lld\"", (long long)version);
}

bool call_matches(struct call *call, int64_t version)
{
    const char *wanted = http_header(call->x, "if-match");
    if (wanted == NULL || strcmp(wanted, "*") == 0 || strcmp(wanted, etag_of(call, version)) == 0) {
        return true;
    }
    return management_error(call->x, 412, "The resource was changed since", "precondition_failed");
}

static void show(struct call *call, const struct resource *resource, struct record *record)
{
    if (resource->present != NULL) {
        resource->present(call, record);
    }
    record->root = fields_project(call->arena, record->doc, record->root, call->query);
    yyjson_mut_doc_set_root(record->doc, record->root);
}

void reply_record(struct call *call, int status, const struct resource *resource, struct record *record)
{
    http_set_header(call->x, "etag", etag_of(call, record->version));
    show(call, resource, record);
    http_reply_json(call->x, status, record->doc);
}

void reply_list(struct call *call, const char *name, const struct paging *paging, yyjson_mut_doc *doc,
                yyjson_mut_val *list, int64_t total, const char *next)
{
    if (!paging->by_checkpoint && !paging->totals) {
        yyjson_mut_doc_set_root(doc, list);
        http_reply_json(call->x, 200, doc);
        return;
    }
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    if (paging->totals) {
        json_set_int(doc, root, "start", paging->offset);
        json_set_int(doc, root, "limit", paging->limit);
        json_set_int(doc, root, "length", (int64_t)yyjson_mut_arr_size(list));
        json_set_int(doc, root, "total", total);
    }
    json_set(doc, root, name, list);
    json_set_text(doc, root, "next", next);
    http_reply_json(call->x, 200, doc);
}

void resource_list(struct call *call)
{
    const struct resource *resource = call->operation->resource;
    struct paging paging;
    struct db_tx *tx = NULL;
    if (!paging_read(call->x, call->description, call->query, &paging) || !call_read(call, &tx)) {
        return;
    }
    struct record *records = NULL;
    size_t count;
    int64_t total;
    enum db_result result = record_page(call, tx, resource, &paging, &records, &count, &total);
    db_end(&tx);
    if (result == DB_FAILED) {
        (void)management_store_failed(call->x);
    }
    if (result != DB_OK) {
        return;
    }
    const char *next = NULL;
    if (paging.by_checkpoint && count > (size_t)paging.limit) {
        count = (size_t)paging.limit;
        next = paging_next(call->arena, records[count - 1].created_at, records[count - 1].id);
    }
    yyjson_mut_doc *doc = json_new(call->arena);
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < count; i++) {
        show(call, resource, &records[i]);
        yyjson_mut_arr_append(list, yyjson_mut_val_mut_copy(doc, records[i].root));
    }
    reply_list(call, resource->name, &paging, doc, list, total, next);
}

void resource_read(struct call *call)
{
    struct db_tx *tx = NULL;
    struct record record;
    if (!call_read(call, &tx)) {
        return;
    }
    enum db_result result = record_of_path(call, tx, call->operation->resource, &record);
    db_end(&tx);
    if (result == DB_OK) {
        reply_record(call, 200, call->operation->resource, &record);
    }
}

/* The new document: its id, then what the body says, then the defaults for what it is silent about. */
static void make_record(struct call *call, const struct resource *resource, struct record *record)
{
    *record = (struct record){.id = resource->new_id(call->arena), .doc = json_new_object(call->arena)};
    record->root = yyjson_mut_doc_get_root(record->doc);
    json_set_text(record->doc, record->root, resource->id_member, record->id);
    record_patch(record, call->body);
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(json_parse_own(call->arena, resource->defaults), index, count, name, value)
    {
        if (json_mut_member(record->root, yyjson_get_str(name)) == NULL) {
            json_set(record->doc, record->root, yyjson_get_str(name),
                     yyjson_val_mut_copy(record->doc, value));
        }
    }
}

/* Moves the secret member out of the document. */
static void take_secret(struct call *call, const struct resource *resource, struct record *record)
{
    const char *secret = resource->secret != NULL ? json_mut_text(record->root, resource->secret) : NULL;
    if (secret != NULL) {
        record->secret = arena_strdup(call->arena, secret);
        json_remove(record->root, resource->secret);
    }
}

/* Answers for a write that did not happen; true for DB_OK. */
static bool check_written(struct call *call, const struct resource *resource, enum db_result result)
{
    if (result == DB_CONFLICT) {
        return management_error(call->x, 409, resource->conflict, resource->conflict_code);
    }
    if (result == DB_NOT_FOUND) {
        return management_error(call->x, 404, resource->missing, resource->missing_code);
    }
    return result == DB_OK || management_store_failed(call->x);
}

void resource_create(struct call *call)
{
    const struct resource *resource = call->operation->resource;
    struct db_tx *tx = NULL;
    struct record record;
    make_record(call, resource, &record);
    take_secret(call, resource, &record);
    if (!call_write(call, &tx)) {
        return;
    }
    if ((resource->before_create != NULL && !resource->before_create(call, tx, &record)) ||
        !check_written(call, resource, record_insert(call, tx, resource, &record))) {
        db_rollback(&tx);
        return;
    }
    if (call_commit(call, &tx)) {
        reply_record(call, 201, resource, &record);
    }
}

void resource_update(struct call *call)
{
    const struct resource *resource = call->operation->resource;
    struct db_tx *tx = NULL;
    struct record record;
    if (!call_write(call, &tx)) {
        return;
    }
    if (record_of_path(call, tx, resource, &record) != DB_OK || !call_matches(call, record.version)) {
        db_rollback(&tx);
        return;
    }
    if (resource->patch != NULL) {
        resource->patch(call, &record);
    } else {
        record_patch(&record, call->body);
    }
    take_secret(call, resource, &record);
    if ((resource->before_update != NULL && !resource->before_update(call, tx, &record)) ||
        !check_written(call, resource, record_update(call, tx, resource, &record))) {
        db_rollback(&tx);
        return;
    }
    if (call_commit(call, &tx)) {
        reply_record(call, 200, resource, &record);
    }
}

void resource_remove(struct call *call)
{
    const struct resource *resource = call->operation->resource;
    const char *id = http_parameter(call->x, resource->id_parameter != NULL ? resource->id_parameter : "id");
    struct db_tx *tx = NULL;
    struct record record;
    if (!call_write(call, &tx)) {
        return;
    }
    enum db_result result = record_by_id(call, tx, resource, id, &record);
    if (result == DB_OK) {
        if (resource->before_delete != NULL && !resource->before_delete(call, tx, &record)) {
            db_rollback(&tx);
            return;
        }
        result = record_delete(call, tx, resource, &record);
    }
    if (result == DB_OK && resource->after_delete != NULL && !resource->after_delete(call, tx, &record)) {
        db_rollback(&tx);
        return;
    }
    if (result == DB_FAILED || result == DB_CONFLICT) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (call_commit(call, &tx)) {
        http_reply_empty(call->x, 204);
    }
}
