/* PATCH /users/{id}: which members go together, and what each does. */
#include "base/clock.h"
#include "management/users.h"
#include "session/links.h"
#include "session/protection.h"
#include "session/session.h"
#include "json/merge.h"

#include <ctype.h>
#include <string.h>

static bool has(const struct call *call, const char *member)
{
    return json_member(call->body, member) != NULL;
}

/* Whether the body holds nothing but that member. */
static bool holds_only(struct call *call, const char *member)
{
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(call->body, index, count, name, value)
    {
        if (strcmp(yyjson_get_str(name), member) != 0) {
            return false;
        }
    }
    return true;
}

/* update:users opens all; update:users_app_metadata, and a user's own token, one member each. */
static bool check_content(struct call *call)
{
    if (!authorize_subject(call->x, &call->caller, http_parameter(call->x, "id"))) {
        return false;
    }
    if (caller_has(&call->caller, "update:users") ||
        (caller_has(&call->caller, "update:users_app_metadata") && holds_only(call, "app_metadata")) ||
        (caller_has(&call->caller, "update:current_user_metadata") && holds_only(call, "user_metadata"))) {
        return true;
    }
    return management_insufficient_scope(call->x, "update:users");
}

static bool check_pairs(struct call *call)
{
    static const char *const pairs[][2] = {
        {"password", "email"},          {"password", "email_verified"}, {"password", "phone_number"},
        {"password", "phone_verified"}, {"username", "email"},          {"username", "email_verified"},
        {"username", "phone_number"},   {"username", "phone_verified"}, {"username", "password"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        if (has(call, pairs[i][0]) && has(call, pairs[i][1])) {
            return management_bad_body(call->x,
                                       arena_printf(call->arena, "Cannot update %s and %s simultaneously",
                                                    pairs[i][0], pairs[i][1]));
        }
    }
    return check_metadata(call, "user_metadata") && check_metadata(call, "app_metadata");
}

static bool read_connection(struct call *call, struct db_tx *tx, const char *name, yyjson_val **connection)
{
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, call->arena, &row,
                                   "SELECT doc FROM connections WHERE name = ? AND is_system = 0", "t", name);
    if (result == DB_OK) {
        *connection = json_parse_own(call->arena, row[0].text);
        return true;
    }
    *connection = NULL;
    return result == DB_NOT_FOUND || management_store_failed(call->x);
}

/* The connection that the body names must be one of the user's. */
static bool check_connection(struct call *call, const struct user *user, yyjson_val *connection)
{
    const char *named = json_text(call->body, "connection");
    if (named != NULL && (strcmp(named, user->connection) != 0 || connection == NULL)) {
        return management_error(call->x, 400, "The connection does not exist.", "inexistent_connection");
    }
    if (json_text(call->body, "username") != NULL && !connection_has_usernames(connection)) {
        return management_bad_body(call->x, "Cannot set username for connection without requires_username.");
    }
    if (!check_username(call)) {
        return false;
    }
    const char *email = json_text(call->body, "email");
    if (email != NULL && email_canonical(call->arena, email) == NULL) {
        return management_validation_error(
            call->x, "Payload",
            arena_printf(call->arena,
                         "'Object didn't pass validation for format email: %s' on property email (Email "
                         "address of this user.).",
                         email));
    }
    return true;
}

static const char *lower_case(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return copy;
}

/* A new address is unconfirmed unless the body says otherwise. */
static void change_address(struct call *call, yyjson_mut_doc *doc, const char *member, const char *verified)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_val *value = json_member(call->body, member);
    const char *text = yyjson_get_str(value);
    if (value == NULL) {
        return;
    }
    if (text == NULL) {
        json_remove(root, member);
        json_remove(root, verified);
        return;
    }
    text = strcmp(member, "email") == 0 ? lower_case(call->arena, text) : text;
    const char *before = json_mut_text(root, member);
    if (before == NULL || strcmp(before, text) != 0) {
        json_set_bool(doc, root, verified, false);
    }
    json_set_text(doc, root, member, text);
}

/* Keys that a clearing patch removes stand in the log (known-faults A11). */
static void note_cleared(struct call *call, yyjson_mut_val *root, const char *member)
{
    yyjson_val *patch = json_member(call->body, member);
    yyjson_mut_val *old = json_mut_member(root, member);
    if (patch == NULL || yyjson_obj_size(patch) > 0 || yyjson_mut_obj_size(old) == 0) {
        return;
    }
    if (call->audit == NULL) {
        call->audit = json_new_object(call->arena);
    }
    yyjson_mut_val *details = yyjson_mut_doc_get_root(call->audit);
    yyjson_mut_val *cleared = json_mut_member(details, "cleared");
    if (cleared == NULL) {
        cleared = yyjson_mut_obj_add_obj(call->audit, details, "cleared");
    }
    yyjson_mut_val *names = yyjson_mut_obj_add_arr(call->audit, cleared, member);
    size_t index, count;
    yyjson_mut_val *name, *value;
    yyjson_mut_obj_foreach(old, index, count, name, value)
    {
        yyjson_mut_arr_add_strcpy(call->audit, names, yyjson_mut_get_str(name));
    }
}

static void change_metadata(struct call *call, yyjson_mut_doc *doc, const char *member)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_val *patch = json_member(call->body, member);
    if (patch != NULL) {
        note_cleared(call, root, member);
        json_merge_metadata(doc, root, member, patch);
    }
}

static void change_profile(struct call *call, yyjson_mut_doc *doc)
{
    static const char *const members[] = {"blocked",    "email_verified", "phone_verified",
                                          "given_name", "family_name",    "name",
                                          "nickname",   "picture",        "username"};
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    change_address(call, doc, "email", "email_verified");
    change_address(call, doc, "phone_number", "phone_verified");
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        yyjson_val *value = json_member(call->body, members[i]);
        if (yyjson_is_null(value)) {
            json_remove(root, members[i]);
        } else if (value != NULL) {
            json_set(doc, root, members[i], yyjson_val_mut_copy(doc, value));
        }
    }
    change_metadata(call, doc, "user_metadata");
    change_metadata(call, doc, "app_metadata");
    const char *now = clock_iso8601(call->arena, clock_now_ms());
    json_set_text(doc, root, "updated_at", now);
    if (json_text(call->body, "password") != NULL) {
        json_set_text(doc, root, "last_password_reset", now);
    }
}

static bool check_taken(struct call *call, enum db_result result)
{
    if (result == DB_CONFLICT) {
        const char *what = has(call, "email") ? "email" : has(call, "username") ? "username" : "phone_number";
        return management_error(call->x, 400,
                                arena_printf(call->arena, "The specified new %s already exists", what),
                                "auth0_idp_error");
    }
    return result == DB_OK || management_store_failed(call->x);
}

/* The change within the write; false where it was answered. The user's row is locked: changes follow one another. */
static bool change_user(struct call *call, struct db_tx *tx, const char *hash, struct user *user)
{
    struct db_value *locked = NULL;
    yyjson_val *connection = NULL;
    if (db_row(tx, call->arena, &locked, "SELECT user_id FROM users WHERE user_id = ? FOR UPDATE", "t",
               http_parameter(call->x, "id")) == DB_FAILED) {
        return management_store_failed(call->x);
    }
    if (!user_of_path(call, tx, user) || !call_matches(call, user->version) ||
        !read_connection(call, tx, user->connection, &connection) ||
        !check_connection(call, user, connection)) {
        return false;
    }
    yyjson_mut_doc *doc = json_thaw(call->arena, user->doc);
    change_profile(call, doc);
    if (!check_taken(call, user_update(tx, call->arena, user->user_id, user->version, doc))) {
        return false;
    }
    /* A new password ends what the old one opened, the links to set another, and the locks that wrong guesses brought. */
    if (hash != NULL && (user_password_put(tx, user->user_id, hash) != DB_OK ||
                         sessions_end_of_user(tx, user->user_id) != DB_OK ||
                         links_void(tx, LINK_PASSWORD_RESET, user->user_id) != DB_OK ||
                         protection_unlock(tx, protection_key_of_user(user), NULL) != DB_OK)) {
        return management_store_failed(call->x);
    }
    const char *email = json_mut_text(yyjson_mut_doc_get_root(doc), "email");
    if (json_bool(call->body, "verify_email", false) && email != NULL &&
        !send_verification(call, tx, user->user_id, email)) {
        return false;
    }
    return user_by_id(tx, call->arena, user->user_id, user) == DB_OK || management_store_failed(call->x);
}

/* Hashing comes before the write, so the user and the connection are read once before it too. */
static bool prepare_password(struct call *call, char **hash)
{
    const char *password = json_text(call->body, "password");
    struct db_tx *tx = NULL;
    struct user user;
    yyjson_val *connection = NULL;
    if (password == NULL) {
        return true;
    }
    if (!call_read(call, &tx)) {
        return false;
    }
    bool known = user_of_path(call, tx, &user) && read_connection(call, tx, user.connection, &connection) &&
                 check_connection(call, &user, connection);
    db_end(&tx);
    return known && hash_new_password(call, connection, password, user.doc, hash);
}

void user_update_call(struct call *call)
{
    char *hash = NULL;
    struct user user;
    struct db_tx *tx = NULL;
    if (!check_content(call) || !check_pairs(call) || !prepare_password(call, &hash) ||
        !call_write(call, &tx)) {
        return;
    }
    if (!change_user(call, tx, hash, &user)) {
        db_rollback(&tx);
        return;
    }
    if (call_commit(call, &tx)) {
        notify_wake(call->tenant->notifier);
        reply_user(call, 200, &user);
    }
}
