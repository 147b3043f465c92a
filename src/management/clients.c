/* Applications. */
#include "base/random.h"
#include "management/resources.h"

#include <string.h>

enum { CLIENT_ID_LENGTH = 32, CLIENT_SECRET_LENGTH = 64 };

static const char client_defaults[] =
    "{\"global\":false,\"is_first_party\":true,\"oidc_conformant\":false,\"sso_disabled\":false,"
    "\"cross_origin_authentication\":false,\"cross_origin_auth\":false,\"callback_url_template\":false,"
    "\"callbacks\":[],"
    "\"custom_login_page_on\":true,\"is_token_endpoint_ip_header_trusted\":false,"
    "\"grant_types\":[\"authorization_code\",\"implicit\",\"refresh_token\",\"client_credentials\"],"
    "\"jwt_configuration\":{\"alg\":\"RS256\",\"lifetime_in_seconds\":36000,\"secret_encoded\":false},"
    "\"refresh_token\":{\"rotation_type\":\"non-rotating\",\"expiration_type\":\"non-expiring\",\"leeway\":0,"
    "\"token_lifetime\":2592000,\"idle_token_lifetime\":1296000,\"infinite_token_lifetime\":true,"
    "\"infinite_idle_token_lifetime\":true}}";

/* What read:client_keys or read:client_credentials is needed for, and what every scope may see. */
static const char *const key_members[] = {"client_secret", "encryption_key", "signing_key", "signing_keys",
                                          "client_authentication_methods"};
static const char *const summary_members[] = {"client_id", "name",   "description",
                                              "app_type",  "tenant", "global"};

static const char *client_id(struct arena *arena)
{
    return random_text(arena, RANDOM_ALPHANUMERIC, CLIENT_ID_LENGTH);
}

static bool is_one_of(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* What was made by this call is shown to who made it; else keys take a scope of their own. */
static bool may_see_keys(const struct call *call)
{
    return strcmp(call->operation->method, "POST") == 0 || caller_has(&call->caller, "read:client_keys") ||
           caller_has(&call->caller, "read:client_credentials");
}

static bool may_see_all(const struct call *call)
{
    return strcmp(call->operation->method, "GET") != 0 || caller_has(&call->caller, "read:clients");
}

/* The tenant's signing certificate, as every client shows it. */
static void add_signing_keys(struct call *call, struct record *record)
{
    struct db_tx *tx = NULL;
    if (db_begin_read(call->tenant->db, &tx) != DB_OK) {
        return;
    }
    const struct signing_key *key = tenant_signing_key(call->tenant, tx);
    db_end(&tx);
    if (key == NULL) {
        return;
    }
    yyjson_mut_val *keys = yyjson_mut_arr(record->doc);
    yyjson_mut_val *shown = yyjson_mut_arr_add_obj(record->doc, keys);
    json_set_text(record->doc, shown, "cert", signing_key_certificate_pem(key, call->arena));
    json_set_text(record->doc, shown, "pkcs7", signing_key_pkcs7_pem(key, call->arena));
    json_set_text(record->doc, shown, "subject", "deprecated");
    json_set(record->doc, record->root, "signing_keys", keys);
}

static void present_client(struct call *call, struct record *record)
{
    bool keys = may_see_keys(call), all = may_see_all(call);
    json_set_text(record->doc, record->root, "tenant", tenant_name(call->tenant, call->arena));
    if (keys) {
        json_set_text(record->doc, record->root, "client_secret", record->secret);
        add_signing_keys(call, record);
    }
    yyjson_mut_obj_iter members = yyjson_mut_obj_iter_with(record->root);
    for (yyjson_mut_val *name; (name = yyjson_mut_obj_iter_next(&members)) != NULL;) {
        const char *text = yyjson_mut_get_str(name);
        bool is_key = is_one_of(key_members, ARRAY_LENGTH(key_members), text);
        bool shown = is_key ? keys : all || is_one_of(summary_members, ARRAY_LENGTH(summary_members), text);
        if (!shown) {
            (void)yyjson_mut_obj_iter_remove(&members);
        }
    }
}

/* Members that are asked for by name and may not be seen are an error, not a gap. */
static bool check_fields(struct call *call)
{
    for (size_t i = 0; i < ARRAY_LENGTH(key_members); i++) {
        if (fields_name(call->query, key_members[i]) && !may_see_keys(call)) {
            return management_error(
                call->x, 403,
                arena_printf(call->arena,
                             "Some fields cannot be read with the permissions granted by the bearer "
                             "token scopes. fields: %s. scopes: read:client_keys",
                             key_members[i]),
                "insufficient_scope");
        }
    }
    return true;
}

static void list_clients(struct call *call)
{
    if (check_fields(call)) {
        resource_list(call);
    }
}

static void read_client(struct call *call)
{
    if (check_fields(call)) {
        resource_read(call);
    }
}

/* app_type is a list: native,spa */
static bool filter_clients(struct call *call, struct statement *where)
{
    const char *types = json_text(call->query, "app_type");
    const char *member = "app_type";
    char *rest = NULL;
    size_t count = 0;
    if (types == NULL) {
        return true;
    }
    statement_add(where, " AND ");
    statement_add_member(where, &member, 1);
    statement_add(where, " IN (");
    for (char *type = strtok_r(arena_strdup(call->arena, types), ",", &rest); type != NULL;
         type = strtok_r(NULL, ",", &rest)) {
        statement_add(where, count++ > 0 ? ", ?" : "?");
        statement_bind_text(where, type);
    }
    statement_add(where, count > 0 ? ")" : "NULL)");
    return true;
}

static bool before_create_client(struct call *call, struct db_tx *tx, struct record *record)
{
    (void)tx;
    const char *type = json_mut_text(record->root, "app_type");
    bool is_public = type != NULL && (strcmp(type, "spa") == 0 || strcmp(type, "native") == 0);
    if (is_public && json_mut_member(record->root, "token_endpoint_auth_method") == NULL) {
        json_set_text(record->doc, record->root, "token_endpoint_auth_method", "none");
    }
    record->secret = random_text(call->arena, RANDOM_ALPHANUMERIC, CLIENT_SECRET_LENGTH);
    return true;
}

/* client_metadata merges by keys; null takes one away. */
static void patch_client(struct call *call, struct record *record)
{
    yyjson_mut_val *metadata = json_mut_member(record->root, "client_metadata");
    yyjson_mut_val *merged = yyjson_mut_is_obj(metadata) ? yyjson_mut_val_mut_copy(record->doc, metadata)
                                                         : yyjson_mut_obj(record->doc);
    yyjson_val *patch = json_member(call->body, "client_metadata");
    record_patch(record, call->body);
    if (patch == NULL) {
        return;
    }
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(patch, index, count, name, value)
    {
        if (yyjson_is_null(value)) {
            json_remove(merged, yyjson_get_str(name));
        } else {
            json_set(record->doc, merged, yyjson_get_str(name), yyjson_val_mut_copy(record->doc, value));
        }
    }
    json_set(record->doc, record->root, "client_metadata", merged);
}

/* update:client_keys alone reaches the secret alone, and the secret needs it. */
static bool before_update_client(struct call *call, struct db_tx *tx, struct record *record)
{
    (void)tx;
    bool keys = caller_has(&call->caller, "update:client_keys") ||
                caller_has(&call->caller, "update:client_credentials");
    bool others = caller_has(&call->caller, "update:clients");
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(call->body, index, count, name, value)
    {
        bool is_key = is_one_of(key_members, ARRAY_LENGTH(key_members), yyjson_get_str(name));
        if (!(is_key ? keys : others)) {
            return management_error(
                call->x, 403,
                arena_printf(call->arena,
                             "Some fields cannot be updated with the permissions granted by the bearer "
                             "token scopes. fields: %s. scopes: %s",
                             yyjson_get_str(name), is_key ? "update:client_keys" : "update:clients"),
                "insufficient_scope");
        }
    }
    if (yyjson_mut_obj_size(json_mut_member(record->root, "client_metadata")) > 10) {
        return management_validation_error(
            call->x, "Payload",
            "'Too many properties defined (11), maximum 10' on property client_metadata.");
    }
    return true;
}

static bool before_delete_client(struct call *call, struct db_tx *tx, struct record *record)
{
    (void)tx;
    return !json_mut_bool(record->root, "global", false) ||
           management_error(call->x, 400, "The global client cannot be deleted.", "operation_not_supported");
}

/* Takes the client out of the connections that it was enabled for, and ends what it was granted. */
static bool after_delete_client(struct call *call, struct db_tx *tx, struct record *record)
{
    return (db_exec(tx, NULL, "DELETE FROM client_grants WHERE client_id = ?", "t", record->id) == DB_OK &&
            connections_forget_client(call, tx, record->id)) ||
           management_store_failed(call->x);
}

static const struct resource_column client_columns[] = {{"name", "name", 't'},
                                                        {"is_system", "is_system", 'i'}};
static const struct resource_filter client_filters[] = {
    {"is_global", NULL, "global", "false"},
    {"is_first_party", NULL, "is_first_party", "true"},
    {"external_client_id", NULL, "external_client_id", NULL},
};

static const struct resource clients = {
    .name = "clients",
    .table = "clients",
    .id_member = "client_id",
    .new_id = client_id,
    .columns = client_columns,
    .column_count = ARRAY_LENGTH(client_columns),
    .filters = client_filters,
    .filter_count = ARRAY_LENGTH(client_filters),
    .visible = "is_system = 0",
    .defaults = client_defaults,
    .secret = "client_secret",
    .missing = "The client does not exist",
    .missing_code = "inexistent_client",
    .conflict = "Another client exists with the same alias.",
    .conflict_code = "client_conflict",
    .filter = filter_clients,
    .patch = patch_client,
    .before_create = before_create_client,
    .before_update = before_update_client,
    .before_delete = before_delete_client,
    .after_delete = after_delete_client,
    .present = present_client,
};

static void rotate_secret(struct call *call)
{
    struct db_tx *tx = NULL;
    struct record record;
    if (!call_write(call, &tx)) {
        return;
    }
    if (record_of_path(call, tx, &clients, &record) != DB_OK) {
        db_rollback(&tx);
        return;
    }
    record.secret = random_text(call->arena, RANDOM_ALPHANUMERIC, CLIENT_SECRET_LENGTH);
    if (record_update(call, tx, &clients, &record) != DB_OK) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (call_commit(call, &tx)) {
        reply_record(call, 200, &clients, &record);
    }
}

static const struct operation list[] = {
    {"GET", "/clients", list_clients, &clients},
    {"POST", "/clients", resource_create, &clients},
    {"GET", "/clients/{id}", read_client, &clients},
    {"PATCH", "/clients/{id}", resource_update, &clients},
    {"DELETE", "/clients/{id}", resource_remove, &clients},
    {"POST", "/clients/{id}/rotate-secret", rotate_secret, &clients},
};
const struct operations clients_operations = {list, ARRAY_LENGTH(list)};
