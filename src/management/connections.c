/* Connections: the databases of users, and which applications may use them. */
#include "base/clock.h"
#include "management/resources.h"
#include "store/clients.h"
#include "store/users.h"

#include <string.h>

enum { USERS_AT_ONCE = 200, CLIENTS_AT_ONCE = 50 };

static const char option_defaults[] = "{\"mfa\":{\"active\":true,\"return_enroll_settings\":true},"
                                      "\"passwordPolicy\":\"good\",\"strategy_version\":2,"
                                      "\"brute_force_protection\":true}";

static const char *connection_id(struct arena *arena)
{
    return id_of_prefix(arena, "con_");
}

static bool check_options(struct call *call)
{
    yyjson_val *options = json_member(call->body, "options");
    if (json_member(options, "attributes") != NULL && json_member(options, "requires_username") != NULL) {
        return management_bad_body(call->x,
                                   "Cannot set both options.attributes and options.requires_username");
    }
    return true;
}

static void add_option_defaults(struct call *call, struct record *record)
{
    yyjson_mut_val *options = json_mut_member(record->root, "options");
    if (options == NULL) {
        options = yyjson_mut_obj(record->doc);
        json_set(record->doc, record->root, "options", options);
    }
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(json_parse_own(call->arena, option_defaults), index, count, name, value)
    {
        if (json_mut_member(options, yyjson_get_str(name)) == NULL) {
            json_set(record->doc, options, yyjson_get_str(name), yyjson_val_mut_copy(record->doc, value));
        }
    }
}

static bool before_create_connection(struct call *call, struct db_tx *tx, struct record *record)
{
    (void)tx;
    if (strcmp(json_mut_text(record->root, "strategy"), "auth0") != 0) {
        return management_error(call->x, 400, "Only connections of the strategy auth0 can be created.",
                                "operation_not_supported");
    }
    if (json_mut_member(record->root, "realms") == NULL ||
        yyjson_mut_arr_size(json_mut_member(record->root, "realms")) == 0) {
        yyjson_mut_val *realms = yyjson_mut_arr(record->doc);
        yyjson_mut_arr_add_strcpy(record->doc, realms, json_mut_text(record->root, "name"));
        json_set(record->doc, record->root, "realms", realms);
    }
    add_option_defaults(call, record);
    return check_options(call);
}

static bool before_update_connection(struct call *call, struct db_tx *tx, struct record *record)
{
    (void)tx;
    if (json_mut_member(record->root, "enabled_clients") == NULL) {
        json_set(record->doc, record->root, "enabled_clients", yyjson_mut_arr(record->doc));
    }
    return check_options(call);
}

/* Adds a condition on enabled_clients, an array of the document. */
static void add_enabled_for(struct statement *where, const char *client_id)
{
    statement_add(where,
                  where->kind == DB_POSTGRES
                      ? " AND (doc::jsonb -> 'enabled_clients') @> to_jsonb(CAST(? AS text))"
                      : " AND EXISTS (SELECT 1 FROM json_each(doc, '$.enabled_clients') AS enabled WHERE "
                        "enabled.value = ?)");
    statement_bind_text(where, client_id);
}

static bool filter_connections(struct call *call, struct statement *where)
{
    yyjson_val *strategies = json_member(call->query, "strategy");
    size_t index, count;
    yyjson_val *strategy;
    if (strcmp(call->operation->path, "/clients/{id}/connections") == 0) {
        add_enabled_for(where, http_parameter(call->x, "id"));
    }
    if (strategies == NULL) {
        return true;
    }
    statement_add(where, " AND strategy IN (");
    yyjson_arr_foreach(strategies, index, count, strategy)
    {
        statement_add(where, index > 0 ? ", ?" : "?");
        statement_bind_text(where, yyjson_get_str(strategy));
    }
    statement_add(where, ")");
    return true;
}

static const struct resource_column connection_columns[] = {
    {"name", "name", 't'}, {"strategy", "strategy", 't'}, {"is_system", "is_system", 'i'}};
static const struct resource_filter connection_filters[] = {{"name", "name", NULL, NULL}};

static const struct resource connections = {
    .name = "connections",
    .table = "connections",
    .id_member = "id",
    .new_id = connection_id,
    .columns = connection_columns,
    .column_count = ARRAY_LENGTH(connection_columns),
    .filters = connection_filters,
    .filter_count = ARRAY_LENGTH(connection_filters),
    .visible = "is_system = 0",
    .defaults = "{\"is_domain_connection\":false,\"authentication\":{\"active\":true},\"connected_accounts\":"
                "{\"active\":false},"
                "\"enabled_clients\":[]}",
    .missing = "The connection does not exist",
    .missing_code = "inexistent_connection",
    .conflict = "A connection with the same name already exists",
    .conflict_code = "connection_conflict",
    .filter = filter_connections,
    .before_create = before_create_connection,
    .before_update = before_update_connection,
};

/* --- removing --- */

/* Removes some of the connection's users in a write of its own; *left tells whether there were more. */
static bool delete_some_users(struct call *call, const char *name, bool *left)
{
    struct db_tx *tx = NULL;
    struct db_rows rows;
    if (!call_write(call, &tx)) {
        return false;
    }
    enum db_result result =
        db_rows(tx, call->arena, &rows, "SELECT user_id FROM users WHERE connection = ? LIMIT ?", "ti", name,
                (int64_t)USERS_AT_ONCE);
    for (size_t i = 0; i < rows.count && result == DB_OK; i++) {
        result = user_delete(tx, db_at(&rows, i, 0)->text);
    }
    if (result != DB_OK) {
        db_rollback(&tx);
        return management_store_failed(call->x);
    }
    *left = rows.count == USERS_AT_ONCE;
    return call_commit(call, &tx);
}

/* Its users go with a connection, in writes short enough not to keep others waiting; the connection goes last. */
static void delete_connection(struct call *call)
{
    struct db_tx *tx = NULL;
    struct record record;
    if (!call_read(call, &tx)) {
        return;
    }
    enum db_result result = record_by_id(call, tx, &connections, http_parameter(call->x, "id"), &record);
    db_end(&tx);
    if (result == DB_FAILED) {
        (void)management_store_failed(call->x);
        return;
    }
    for (bool left = result == DB_OK; left;) {
        if (!delete_some_users(call, json_mut_text(record.root, "name"), &left)) {
            return;
        }
    }
    if (result == DB_OK) {
        if (!call_write(call, &tx)) {
            return;
        }
        if (record_delete(call, tx, &connections, &record) != DB_OK) {
            db_rollback(&tx);
            (void)management_store_failed(call->x);
            return;
        }
        if (!call_commit(call, &tx)) {
            return;
        }
    }
    yyjson_mut_doc *doc = json_new_object(call->arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "deleted_at",
                  clock_iso8601(call->arena, clock_now_ms()));
    http_reply_json(call->x, 202, doc);
}

/* --- enabled clients --- */

static size_t place_of(yyjson_mut_val *clients, const char *client_id)
{
    size_t index, count;
    yyjson_mut_val *client;
    yyjson_mut_arr_foreach(clients, index, count, client)
    {
        if (yyjson_mut_equals_str(client, client_id)) {
            return index;
        }
    }
    return SIZE_MAX;
}

static void switch_client(struct record *record, const char *client_id, bool on)
{
    yyjson_mut_val *clients = json_mut_member(record->root, "enabled_clients");
    if (!yyjson_mut_is_arr(clients)) {
        clients = yyjson_mut_arr(record->doc);
        json_set(record->doc, record->root, "enabled_clients", clients);
    }
    size_t place = place_of(clients, client_id);
    if (on && place == SIZE_MAX) {
        yyjson_mut_arr_add_strcpy(record->doc, clients, client_id);
    } else if (!on && place != SIZE_MAX) {
        (void)yyjson_mut_arr_remove(clients, place);
    }
}

bool connections_forget_client(struct call *call, struct db_tx *tx, const char *client_id)
{
    struct db_rows rows;
    struct statement *select = statement_create(call->arena, db_tx_kind(tx));
    statement_add(select, "SELECT id FROM connections WHERE 1 = 1");
    add_enabled_for(select, client_id);
    if (statement_run(select, tx, &rows) != DB_OK) {
        return false;
    }
    for (size_t i = 0; i < rows.count; i++) {
        struct record record;
        if (record_by_id(call, tx, &connections, db_at(&rows, i, 0)->text, &record) != DB_OK) {
            continue;
        }
        switch_client(&record, client_id, false);
        if (record_update(call, tx, &connections, &record) != DB_OK) {
            return false;
        }
    }
    return true;
}

static bool check_client(struct call *call, struct db_tx *tx, const char *client_id)
{
    struct client client;
    enum db_result result = client_by_id(tx, call->arena, call->tenant->keyring, client_id, &client);
    if (result == DB_NOT_FOUND || (result == DB_OK && client.is_system)) {
        return management_error(call->x, 404, "The client does not exist", "inexistent_client");
    }
    return result == DB_OK || management_store_failed(call->x);
}

static bool switch_clients(struct call *call, struct db_tx *tx, struct record *record)
{
    size_t index, count;
    yyjson_val *change;
    yyjson_arr_foreach(call->body, index, count, change)
    {
        const char *client_id = json_text(change, "client_id");
        if (!check_client(call, tx, client_id)) {
            return false;
        }
        switch_client(record, client_id, json_bool(change, "status", false));
    }
    return record_update(call, tx, &connections, record) == DB_OK || management_store_failed(call->x);
}

static void update_clients(struct call *call)
{
    struct db_tx *tx = NULL;
    struct record record;
    size_t count = yyjson_arr_size(call->body);
    if (count > CLIENTS_AT_ONCE) {
        (void)management_validation_error(
            call->x, "Payload",
            arena_printf(call->arena, "'Array is too long (%zu), maximum %d'.", count, CLIENTS_AT_ONCE));
        return;
    }
    if (!call_write(call, &tx)) {
        return;
    }
    if (record_of_path(call, tx, &connections, &record) != DB_OK || !switch_clients(call, tx, &record)) {
        db_rollback(&tx);
        return;
    }
    if (call_commit(call, &tx)) {
        http_reply_empty(call->x, 204);
    }
}

static void list_clients(struct call *call)
{
    struct db_tx *tx = NULL;
    struct record record;
    struct paging paging;
    if (!paging_read(call->x, call->description, call->query, &paging) || !call_read(call, &tx)) {
        return;
    }
    enum db_result result = record_of_path(call, tx, &connections, &record);
    db_end(&tx);
    if (result != DB_OK) {
        return;
    }
    yyjson_mut_doc *doc = json_new(call->arena);
    yyjson_mut_val *shown = yyjson_mut_arr(doc);
    yyjson_mut_val *clients = json_mut_member(record.root, "enabled_clients");
    size_t index, count, start = 0;
    yyjson_mut_val *client;
    if (paging.after_id != NULL) {
        start = place_of(clients, paging.after_id);
        start = start == SIZE_MAX ? 0 : start + 1;
    }
    const char *next = NULL, *last = NULL;
    yyjson_mut_arr_foreach(clients, index, count, client)
    {
        if (index < start) {
            continue;
        }
        if (index >= start + (size_t)paging.limit) {
            next = paging_next(call->arena, 0, last);
            break;
        }
        last = yyjson_mut_get_str(client);
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, shown);
        json_set_text(doc, item, "client_id", last);
    }
    reply_list(call, "clients", &paging, doc, shown, 0, next);
}

/* The connections of one client, always by checkpoint. */
static void list_of_client(struct call *call)
{
    struct db_tx *tx = NULL;
    if (!call_read(call, &tx)) {
        return;
    }
    bool known = check_client(call, tx, http_parameter(call->x, "id"));
    db_end(&tx);
    if (known) {
        resource_list(call);
    }
}

/* Databases of the server's own are always online. */
static void show_status(struct call *call)
{
    struct db_tx *tx = NULL;
    struct record record;
    if (!call_read(call, &tx)) {
        return;
    }
    enum db_result result = record_of_path(call, tx, &connections, &record);
    db_end(&tx);
    if (result == DB_OK) {
        http_reply_json(call->x, 200, json_new_object(call->arena));
    }
}

static const struct operation list[] = {
    {"GET", "/connections", resource_list, &connections},
    {"POST", "/connections", resource_create, &connections},
    {"GET", "/connections/{id}", resource_read, &connections},
    {"PATCH", "/connections/{id}", resource_update, &connections},
    {"DELETE", "/connections/{id}", delete_connection, &connections},
    {"GET", "/connections/{id}/clients", list_clients, &connections},
    {"PATCH", "/connections/{id}/clients", update_clients, &connections},
    {"GET", "/connections/{id}/status", show_status, &connections},
    {"GET", "/clients/{id}/connections", list_of_client, &connections},
};
const struct operations connections_operations = {list, ARRAY_LENGTH(list)};
