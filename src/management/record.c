/* Records of any resource: from the store and back. */
#include "base/clock.h"
#include "base/random.h"
#include "management/engine.h"

#include <string.h>

static const char *id_column(const struct resource *resource)
{
    return resource->id_column != NULL ? resource->id_column : "id";
}

static struct statement *begin(struct call *call, struct db_tx *tx)
{
    return statement_create(call->arena, db_tx_kind(tx));
}

static void add_select(struct statement *select, const struct resource *resource)
{
    statement_add(select,
                  arena_printf(select->arena, "SELECT %s, doc, version, created_at, %s FROM %s WHERE %s",
                               id_column(resource), resource->secret != NULL ? "sealed" : "NULL",
                               resource->table, resource->visible != NULL ? resource->visible : "1 = 1"));
}

static const char *purpose(struct call *call, const struct resource *resource, const char *id)
{
    return arena_printf(call->arena, "%s:%s", resource->table, id);
}

static void open_secret(struct call *call, const struct resource *resource, struct record *record,
                        const char *sealed)
{
    struct bytes secret;
    if (sealed != NULL && keyring_open(call->tenant->keyring, call->arena,
                                       purpose(call, resource, record->id), sealed, &secret)) {
        record->secret = arena_strndup(call->arena, (const char *)secret.data, secret.size);
    }
}

static void read_row(struct call *call, const struct resource *resource, const struct db_value *row,
                     struct record *record)
{
    *record = (struct record){.id = row[0].text, .version = row[2].number, .created_at = row[3].number};
    record->doc = json_thaw(call->arena, json_parse_own(call->arena, row[1].text));
    record->root = yyjson_mut_doc_get_root(record->doc);
    open_secret(call, resource, record, row[4].text);
}

enum db_result record_by_id(struct call *call, struct db_tx *tx, const struct resource *resource,
                            const char *id, struct record *record)
{
    struct statement *select = begin(call, tx);
    add_select(select, resource);
    if (resource->other_id != NULL) {
        statement_add(select, arena_printf(call->arena, " AND (%s = ? OR %s = ?)", id_column(resource),
                                           resource->other_id));
        statement_bind_text(select, id);
    } else {
        statement_add(select, arena_printf(call->arena, " AND %s = ?", id_column(resource)));
    }
    statement_bind_text(select, id);
    statement_add(select, call->is_writing ? " FOR UPDATE" : "");
    struct db_rows rows;
    enum db_result result = statement_run(select, tx, &rows);
    if (result != DB_OK || rows.count == 0) {
        return result != DB_OK ? result : DB_NOT_FOUND;
    }
    read_row(call, resource, rows.values, record);
    return DB_OK;
}

enum db_result record_of_path(struct call *call, struct db_tx *tx, const struct resource *resource,
                              struct record *record)
{
    const char *id = http_parameter(call->x, resource->id_parameter != NULL ? resource->id_parameter : "id");
    enum db_result result = record_by_id(call, tx, resource, id, record);
    if (result == DB_NOT_FOUND) {
        (void)management_error(call->x, 404, resource->missing, resource->missing_code);
    } else if (result != DB_OK) {
        (void)management_store_failed(call->x);
    }
    return result;
}

static void bind_column(struct statement *statement, const struct resource_column *column,
                        const struct record *record)
{
    yyjson_mut_val *value = json_mut_member(record->root, column->member);
    if (column->type == 't') {
        statement_bind_text(statement, yyjson_mut_get_str(value));
    } else if (yyjson_mut_is_bool(value)) {
        statement_bind_number(statement, yyjson_mut_get_bool(value));
    } else if (yyjson_mut_is_real(value)) {
        statement_bind_number(statement, (int64_t)yyjson_mut_get_real(value));
    } else {
        statement_bind_number(statement, yyjson_mut_get_sint(value));
    }
}

static const char *sealed_secret(struct call *call, const struct resource *resource,
                                 const struct record *record)
{
    if (record->secret == NULL) {
        return NULL;
    }
    return keyring_seal(call->tenant->keyring, call->arena, purpose(call, resource, record->id),
                        bytes_of_text(record->secret));
}

enum db_result record_insert(struct call *call, struct db_tx *tx, const struct resource *resource,
                             struct record *record)
{
    struct statement *insert = begin(call, tx);
    struct statement *values = begin(call, tx);
    record->version = 1;
    record->created_at = clock_now_ms();
    statement_add(insert, arena_printf(call->arena, "INSERT INTO %s (%s, doc, version, created_at",
                                       resource->table, id_column(resource)));
    statement_add(values, ") VALUES (?, ?, ?, ?");
    statement_bind_text(values, record->id);
    statement_bind_text(values, json_write_doc(call->arena, record->doc));
    statement_bind_number(values, record->version);
    statement_bind_number(values, record->created_at);
    for (size_t i = 0; i < resource->column_count; i++) {
        statement_add(insert, arena_printf(call->arena, ", %s", resource->columns[i].name));
        statement_add(values, ", ?");
        bind_column(values, &resource->columns[i], record);
    }
    if (resource->secret != NULL) {
        statement_add(insert, ", sealed");
        statement_add(values, ", ?");
        statement_bind_text(values, sealed_secret(call, resource, record));
    }
    statement_append(insert, values);
    statement_add(insert, ")");
    struct db_rows rows;
    return statement_run(insert, tx, &rows);
}

enum db_result record_update(struct call *call, struct db_tx *tx, const struct resource *resource,
                             struct record *record)
{
    struct statement *update = begin(call, tx);
    statement_add(update,
                  arena_printf(call->arena, "UPDATE %s SET doc = ?, version = version + 1", resource->table));
    statement_bind_text(update, json_write_doc(call->arena, record->doc));
    for (size_t i = 0; i < resource->column_count; i++) {
        statement_add(update, arena_printf(call->arena, ", %s = ?", resource->columns[i].name));
        bind_column(update, &resource->columns[i], record);
    }
    if (resource->secret != NULL) {
        statement_add(update, ", sealed = ?");
        statement_bind_text(update, sealed_secret(call, resource, record));
    }
    statement_add(update, arena_printf(call->arena, " WHERE %s = ? AND version = ? RETURNING version",
                                       id_column(resource)));
    statement_bind_text(update, record->id);
    statement_bind_number(update, record->version);
    struct db_rows rows;
    enum db_result result = statement_run(update, tx, &rows);
    if (result == DB_OK && rows.count == 0) {
        return DB_NOT_FOUND;
    }
    record->version += result == DB_OK;
    return result;
}

enum db_result record_delete(struct call *call, struct db_tx *tx, const struct resource *resource,
                             const struct record *record)
{
    struct statement *remove = begin(call, tx);
    statement_add(remove, arena_printf(call->arena, "DELETE FROM %s WHERE %s = ?", resource->table,
                                       id_column(resource)));
    statement_bind_text(remove, record->id);
    struct db_rows rows;
    return statement_run(remove, tx, &rows);
}

static void add_filter(struct call *call, struct statement *where, const struct resource_filter *filter)
{
    yyjson_val *value = json_member(call->query, filter->parameter);
    if (value == NULL) {
        return;
    }
    if (filter->column != NULL) {
        statement_add(where, arena_printf(call->arena, " AND %s = ?", filter->column));
        if (yyjson_is_str(value)) {
            statement_bind_text(where, yyjson_get_str(value));
        } else {
            statement_bind_number(where,
                                  yyjson_is_bool(value) ? yyjson_get_bool(value) : yyjson_get_sint(value));
        }
        return;
    }
    const char *text = yyjson_is_str(value) ? yyjson_get_str(value) : json_write(call->arena, value);
    statement_add(where, filter->missing != NULL ? " AND COALESCE(" : " AND ");
    statement_add_member(where, &filter->member, 1);
    if (filter->missing != NULL) {
        statement_add(where, ", ?)");
        statement_bind_text(where, filter->missing);
    }
    statement_add(where, " = ?");
    statement_bind_text(where, text);
}

static enum db_result count_rows(struct call *call, struct db_tx *tx, const struct resource *resource,
                                 const struct statement *where, int64_t *total)
{
    if (where->text.size == 0 && resource->count_all != NULL) {
        return resource->count_all(tx, call->arena, total);
    }
    struct statement *count = begin(call, tx);
    statement_add(count, arena_printf(call->arena, "SELECT count(*) FROM %s WHERE %s", resource->table,
                                      resource->visible != NULL ? resource->visible : "1 = 1"));
    statement_append(count, where);
    struct db_rows rows;
    enum db_result result = statement_run(count, tx, &rows);
    if (result == DB_OK) {
        *total = rows.values[0].number;
    }
    return result;
}

static void add_order(struct call *call, struct statement *select, const struct resource *resource,
                      const struct paging *paging)
{
    struct statement *order = statement_create(call->arena, select->kind);
    statement_add(select, " ORDER BY ");
    if (!paging->by_checkpoint && resource->sort != NULL && resource->sort(call, order)) {
        statement_append(select, order);
        return;
    }
    statement_add(select, resource->order != NULL
                              ? resource->order
                              : arena_printf(call->arena, "created_at, %s", id_column(resource)));
}

enum db_result record_page(struct call *call, struct db_tx *tx, const struct resource *resource,
                           const struct paging *paging, struct record **records, size_t *count,
                           int64_t *total)
{
    struct statement *where = begin(call, tx);
    *count = 0;
    *total = 0;
    for (size_t i = 0; i < resource->filter_count; i++) {
        add_filter(call, where, &resource->filters[i]);
    }
    if (resource->filter != NULL && !resource->filter(call, where)) {
        return DB_CONFLICT;
    }
    if (paging->totals) {
        enum db_result result = count_rows(call, tx, resource, where, total);
        if (result != DB_OK) {
            return result;
        }
    }
    struct statement *select = begin(call, tx);
    add_select(select, resource);
    statement_append(select, where);
    if (paging->after_id != NULL) {
        statement_add(select,
                      arena_printf(call->arena, " AND (created_at, %s) > (?, ?)", id_column(resource)));
        statement_bind_number(select, paging->after_created_at);
        statement_bind_text(select, paging->after_id);
    }
    add_order(call, select, resource, paging);
    statement_add(select, " LIMIT ? OFFSET ?");
    statement_bind_number(select, paging->limit + paging->by_checkpoint);
    statement_bind_number(select, paging->offset);
    struct db_rows rows;
    enum db_result result = statement_run(select, tx, &rows);
    if (result != DB_OK) {
        return result;
    }
    *records = arena_calloc(call->arena, rows.count, sizeof(**records));
    *count = rows.count;
    for (size_t i = 0; i < rows.count; i++) {
        read_row(call, resource, &rows.values[i * rows.columns], &(*records)[i]);
    }
    return DB_OK;
}

void record_patch(struct record *record, yyjson_val *patch)
{
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(patch, index, count, name, value)
    {
        if (yyjson_is_null(value)) {
            json_remove(record->root, yyjson_get_str(name));
        } else {
            json_set(record->doc, record->root, yyjson_get_str(name),
                     yyjson_val_mut_copy(record->doc, value));
        }
    }
}

const char *id_of_prefix(struct arena *arena, const char *prefix)
{
    return random_id(arena, prefix, 16);
}
