#include "management/users.h"

#include "base/clock.h"
#include "crypto/password_policy.h"
#include "management/resources.h"
#include "session/links.h"
#include "session/profile.h"
#include "store/clients.h"

#include <ctype.h>
#include <string.h>

static const char reach_message[] =
    "You can only page through the first 1000 records. See "
    "https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation";

static void drop_empty(yyjson_mut_val *root, const char *member)
{
    yyjson_mut_val *value = json_mut_member(root, member);
    if (value != NULL && yyjson_mut_obj_size(value) == 0) {
        json_remove(root, member);
    }
}

/* Metadata shows when it holds something; tokens of other providers only to who may read them. */
static void present_user(struct call *call, struct record *record)
{
    static const char *const tokens[] = {"access_token", "access_token_secret", "refresh_token"};
    drop_empty(record->root, "user_metadata");
    drop_empty(record->root, "app_metadata");
    if (caller_has(&call->caller, "read:user_idp_tokens")) {
        return;
    }
    size_t index, count;
    yyjson_mut_val *identity;
    yyjson_mut_arr_foreach(json_mut_member(record->root, "identities"), index, count, identity)
    {
        for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
            json_remove(identity, tokens[i]);
        }
    }
}

static bool filter_users(struct call *call, struct statement *where)
{
    const char *q = json_text(call->query, "q");
    const char *fault = NULL;
    if (q == NULL || *q == '\0' || search_add(call->arena, where, q, &fault)) {
        return true;
    }
    return management_error(call->x, 400, fault, "invalid_query_string");
}

static bool sort_users(struct call *call, struct statement *order)
{
    const char *sort = json_text(call->query, "sort");
    return sort != NULL && search_sort(order, sort);
}

const struct resource users_resource = {
    .name = "users",
    .table = "users",
    .id_member = "user_id",
    .id_column = "user_id",
    .visible = "connection NOT IN (SELECT name FROM connections WHERE is_system = 1)",
    .missing = "The user does not exist.",
    .missing_code = "inexistent_user",
    .count_all = users_count,
    .filter = filter_users,
    .sort = sort_users,
    .present = present_user,
};

static void list_users(struct call *call)
{
    const char *engine = json_text(call->query, "search_engine");
    int64_t size = json_int(call->query, "per_page", PAGE_SIZE);
    if (engine != NULL && strcmp(engine, "v3") != 0) {
        const char *message =
            strcmp(engine, "v1") == 0
                ? "You are not allowed to use search_engine=v1."
                : "You are not allowed to use search_engine=v2. Use search_engine=v3 instead.";
        (void)management_error(call->x, 400, message, "invalid_query_string");
        return;
    }
    if (size > 0 && json_int(call->query, "page", 0) >= (REACHABLE_RECORDS + size - 1) / size) {
        (void)management_error(call->x, 400, reach_message, "invalid_paging");
        return;
    }
    resource_list(call);
}

/* Users of the server's own connections (its administrators) are not there for the API. */
static bool read_hidden(struct call *call, struct db_tx *tx, const char *connection, bool *hidden)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, call->arena, &row, "SELECT is_system FROM connections WHERE name = ?", "t", connection);
    *hidden = result == DB_OK && row[0].number != 0;
    return result == DB_OK || result == DB_NOT_FOUND || management_store_failed(call->x);
}

bool user_visible(struct call *call, struct db_tx *tx, const char *user_id, struct user *user)
{
    enum db_result result = user_by_id(tx, call->arena, user_id, user);
    bool hidden = false;
    if (result == DB_OK && !read_hidden(call, tx, user->connection, &hidden)) {
        return false;
    }
    if (result == DB_NOT_FOUND || hidden) {
        return management_error(call->x, 404, users_resource.missing, users_resource.missing_code);
    }
    call->user_id = user_id;
    return result == DB_OK || management_store_failed(call->x);
}

bool user_of_path(struct call *call, struct db_tx *tx, struct user *user)
{
    const char *id = http_parameter(call->x, "id");
    return authorize_subject(call->x, &call->caller, id) && user_visible(call, tx, id, user);
}

void reply_user(struct call *call, int status, const struct user *user)
{
    struct record record = {.id = user->user_id, .version = user->version, .created_at = user->created_at};
    record.doc = json_thaw(call->arena, user->doc);
    record.root = yyjson_mut_doc_get_root(record.doc);
    reply_record(call, status, &users_resource, &record);
}

static void read_user(struct call *call)
{
    struct db_tx *tx = NULL;
    struct user user;
    if (!call_read(call, &tx)) {
        return;
    }
    bool found = user_of_path(call, tx, &user);
    db_end(&tx);
    if (found) {
        reply_user(call, 200, &user);
    }
}

static void list_by_email(struct call *call)
{
    struct db_tx *tx = NULL;
    struct user *users = NULL;
    size_t count = 0;
    if (!call_read(call, &tx)) {
        return;
    }
    yyjson_mut_doc *doc = json_new_array(call->arena);
    enum db_result result = users_by_email(tx, call->arena, json_text(call->query, "email"), &users, &count);
    if (result != DB_OK && result != DB_NOT_FOUND) {
        db_end(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool hidden;
        if (!read_hidden(call, tx, users[i].connection, &hidden)) {
            db_end(&tx);
            return;
        }
        if (hidden) {
            continue;
        }
        struct record record = {.doc = json_thaw(call->arena, users[i].doc)};
        record.root = yyjson_mut_doc_get_root(record.doc);
        present_user(call, &record);
        yyjson_mut_val *shown = fields_project(call->arena, record.doc, record.root, call->query);
        yyjson_mut_arr_append(yyjson_mut_doc_get_root(doc), yyjson_mut_val_mut_copy(doc, shown));
    }
    db_end(&tx);
    http_reply_json(call->x, 200, doc);
}

bool connection_has_usernames(yyjson_val *connection)
{
    yyjson_val *options = json_member(connection, "options");
    yyjson_val *attribute = json_member(json_member(options, "attributes"), "username");
    return json_bool(options, "requires_username", false) ||
           json_bool(json_member(attribute, "identifier"), "active", false) ||
           json_bool(json_member(attribute, "signup"), "status", false);
}

bool check_username(struct call *call)
{
    const char *username = json_text(call->body, "username");
    return username == NULL || username_canonical(call->arena, username) != NULL ||
           management_validation_error(
               call->x, "Payload",
               arena_printf(call->arena,
                            "'Object didn't pass validation for format username: %s' on property username.",
                            username));
}

bool check_metadata(struct call *call, const char *member)
{
    static const char *const reserved[] = {
        "__tenant",       "_id",        "blocked",        "clientID",         "created_at",
        "email_verified", "email",      "globalClientID", "global_client_id", "identities",
        "lastIP",         "lastLogin",  "loginsCount",    "metadata",         "multifactor_last_modified",
        "multifactor",    "updated_at", "user_id"};
    bool of_app = strcmp(member, "app_metadata") == 0;
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(json_member(call->body, member), index, count, name, value)
    {
        const char *text = yyjson_get_str(name);
        bool refused = strchr(text, '.') != NULL || strchr(text, '$') != NULL;
        for (size_t i = 0; of_app && i < ARRAY_LENGTH(reserved); i++) {
            refused = refused || strcmp(reserved[i], text) == 0;
        }
        if (refused) {
            return management_validation_error(
                call->x, "Payload",
                arena_printf(call->arena, "'Additional properties not allowed: %s' on property %s.", text,
                             member));
        }
    }
    return true;
}

bool hash_new_password(struct call *call, yyjson_val *connection, const char *password, yyjson_val *profile,
                       char **hash)
{
    struct password_policy policy = password_policy_of(connection);
    switch (password_policy_check(&policy, call->arena, password, profile)) {
    case PASSWORD_FITS:
        break;
    case PASSWORD_TOO_WEAK:
        return management_error(call->x, 400, "PasswordStrengthError: Password is too weak",
                                "invalid_password");
    case PASSWORD_TOO_COMMON:
        return management_error(call->x, 400, "PasswordDictionaryError: Password is too common",
                                "password_dictionary_error");
    case PASSWORD_PERSONAL:
        return management_error(call->x, 400, "PasswordNoUserInfoError: Password contains user information",
                                "password_no_user_info_error");
    case PASSWORD_TOO_LONG:
        return management_validation_error(
            call->x, "Payload",
            arena_printf(call->arena, "'String is too long (%zu bytes), maximum %d' on property password.",
                         strlen(password), PASSWORD_MAXIMUM_BYTES));
    }
    if (!password_hash(call->tenant->passwords, call->arena, password, hash)) {
        return management_error(call->x, 429, "Global limit has been reached", "too_many_requests");
    }
    return true;
}

bool send_verification(struct call *call, struct db_tx *tx, const char *user_id, const char *email)
{
    struct link_wish wish = {.kind = LINK_EMAIL_VERIFICATION,
                             .user_id = user_id,
                             .email = email,
                             .client_id = json_text(call->body, "client_id")};
    return link_send(call->tenant, tx, call->arena, &wish) == DB_OK || management_store_failed(call->x);
}

/* A member that the connection needs, though the schema does not. */
static bool need(struct call *call, const char *member)
{
    return json_text(call->body, member) != NULL ||
           management_validation_error(call->x, "Payload",
                                       arena_printf(call->arena, "'Missing required property: %s'.", member));
}

static bool read_connection(struct call *call, const char *name, yyjson_val **connection)
{
    struct db_tx *tx = NULL;
    if (!call_read(call, &tx)) {
        return false;
    }
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, call->arena, &row,
                                   "SELECT doc FROM connections WHERE name = ? AND is_system = 0", "t", name);
    db_end(&tx);
    if (result == DB_NOT_FOUND) {
        return management_error(call->x, 400, "The connection does not exist.", "inexistent_connection");
    }
    if (result != DB_OK) {
        return management_store_failed(call->x);
    }
    *connection = json_parse_own(call->arena, row[0].text);
    return true;
}

/* What the connection asks of a new user. */
static bool check_new_user(struct call *call, yyjson_val *connection)
{
    bool has_usernames = connection_has_usernames(connection);
    if (strcmp(json_text(connection, "strategy"), "auth0") != 0) {
        return management_error(
            call->x, 400,
            "Connection does not support user creation through the API. It must either be a database "
            "or passwordless connection.",
            "operation_not_supported");
    }
    if (!has_usernames && json_text(call->body, "username") != NULL) {
        return management_bad_body(call->x, "Cannot set username for connection without requires_username.");
    }
    if (!need(call, "password") || !need(call, "email") || (has_usernames && !need(call, "username"))) {
        return false;
    }
    if (email_canonical(call->arena, json_text(call->body, "email")) == NULL) {
        return management_validation_error(
            call->x, "Payload",
            arena_printf(
                call->arena,
                "'Object didn't pass validation for format email: %s' on property email (The user's email.).",
                json_text(call->body, "email")));
    }
    return check_username(call) && check_metadata(call, "user_metadata") &&
           check_metadata(call, "app_metadata");
}

/* The profile of the new user from the body: what the API itself reads is not stored. */
static yyjson_mut_doc *new_profile(struct call *call)
{
    static const char *const not_stored[] = {"connection", "password", "verify_email", "user_id"};
    yyjson_mut_doc *doc = json_thaw(call->arena, call->body);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    for (size_t i = 0; i < ARRAY_LENGTH(not_stored); i++) {
        json_remove(root, not_stored[i]);
    }
    return doc;
}

static bool store_user(struct call *call, struct db_tx *tx, const char *user_id, const char *hash,
                       yyjson_mut_doc *profile)
{
    const char *email = json_mut_text(yyjson_mut_doc_get_root(profile), "email");
    bool verified = json_bool(call->body, "email_verified", false);
    enum db_result result =
        user_insert(tx, call->arena, user_id, json_text(call->body, "connection"), profile);
    if (result == DB_CONFLICT) {
        return management_error(call->x, 409, "The user already exists.", "auth0_idp_error");
    }
    if (result != DB_OK || user_password_put(tx, user_id, hash) != DB_OK) {
        return management_store_failed(call->x);
    }
    return !json_bool(call->body, "verify_email", !verified) || send_verification(call, tx, user_id, email);
}

static void create_user(struct call *call)
{
    yyjson_val *connection = NULL;
    char *hash = NULL;
    if (!read_connection(call, json_text(call->body, "connection"), &connection) ||
        !check_new_user(call, connection) ||
        !hash_new_password(call, connection, json_text(call->body, "password"), call->body, &hash)) {
        return;
    }
    yyjson_mut_doc *profile = new_profile(call);
    const char *user_id = profile_complete(call->arena, profile, json_text(call->body, "connection"),
                                           json_text(call->body, "user_id"), clock_now_ms());
    struct user user;
    struct db_tx *tx = NULL;
    if (!call_write(call, &tx)) {
        return;
    }
    if (!store_user(call, tx, user_id, hash, profile)) {
        db_rollback(&tx);
        return;
    }
    if (user_by_id(tx, call->arena, user_id, &user) != DB_OK) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (call_commit(call, &tx)) {
        notify_wake(call->tenant->notifier);
        call->user_id = user.user_id;
        reply_user(call, 201, &user);
    }
}

static void delete_user(struct call *call)
{
    const char *id = http_parameter(call->x, "id");
    struct db_tx *tx = NULL;
    struct record record;
    if (!authorize_subject(call->x, &call->caller, id) || !call_write(call, &tx)) {
        return;
    }
    enum db_result found = record_by_id(call, tx, &users_resource, id, &record);
    enum db_result result = found == DB_OK ? user_delete(tx, id) : found;
    if (result == DB_FAILED || result == DB_CONFLICT) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (!call_commit(call, &tx)) {
        return;
    }
    call->user_id = id;
    if (found == DB_OK) {
        tenant_log(
            call->tenant, call->x,
            (struct log_entry){.type = "sdu",
                               .user_id = id,
                               .user_name = arena_strdup(call->arena, json_mut_text(record.root, "name")),
                               .client_id = call->caller.client_id});
    }
    http_reply_empty(call->x, 204);
}

static const struct operation list[] = {
    {"GET", "/users", list_users, &users_resource},
    {"POST", "/users", create_user, &users_resource},
    {"GET", "/users-by-email", list_by_email, &users_resource},
    {"GET", "/users/{id}", read_user, &users_resource},
    {"PATCH", "/users/{id}", user_update_call, &users_resource},
    {"DELETE", "/users/{id}", delete_user, &users_resource},
};
const struct operations users_operations = {list, ARRAY_LENGTH(list)};
