/* The second factors of one user. */
#include "base/clock.h"
#include "management/resources.h"
#include "management/users.h"
#include "mfa/mfa.h"
#include "session/remembered.h"

#include <string.h>

void enrollment_times(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object,
                      const struct authenticator *authenticator)
{
    if (authenticator->confirmed) {
        int64_t last =
            authenticator->last_auth_at != 0 ? authenticator->last_auth_at : authenticator->confirmed_at;
        json_set_text(doc, object, "enrolled_at", clock_iso8601(arena, authenticator->confirmed_at));
        json_set_text(doc, object, "last_auth", clock_iso8601(arena, last));
    }
}

/* The user of the path and all factors of theirs, oldest first; false where it was answered. */
static bool read_factors(struct call *call, struct db_tx *tx, struct user *user, struct authenticator **list,
                         size_t *count)
{
    if (!user_of_path(call, tx, user)) {
        return false;
    }
    return authenticators_of_user(tx, call->arena, call->tenant->keyring, user->user_id, list, count) ==
               DB_OK ||
           management_store_failed(call->x);
}

/* The first confirmed enrolment, else the first pending one; recovery codes are none. */
static const struct authenticator *first_enrollment(const struct authenticator *list, size_t count)
{
    const struct authenticator *first = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct factor *factor = factor_by_kind(list[i].kind);
        if (factor == NULL || !factor->counts_as_enrolled) {
            continue;
        }
        bool earlier = first == NULL || (list[i].confirmed &&
                                         (!first->confirmed || list[i].confirmed_at < first->confirmed_at));
        first = earlier ? &list[i] : first;
    }
    return first;
}

static void add_enrollment(struct call *call, yyjson_mut_doc *doc, const struct authenticator *authenticator)
{
    yyjson_mut_val *shown = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
    const char *phone = json_text(authenticator->doc, "phone_number");
    const char *masked = phone != NULL ? mask_phone(call->arena, phone) : NULL;
    bool is_push = strcmp(authenticator->kind, "push") == 0;
    const char *type = phone != NULL ? "sms" : "authenticator";
    json_set_text(doc, shown, "id", authenticator->id);
    json_set_text(doc, shown, "status", authenticator->confirmed ? "confirmed" : "pending");
    json_set_text(doc, shown, "type", is_push ? "pn" : type);
    json_set_text(doc, shown, "name", is_push ? json_text(authenticator->doc, "name") : masked);
    if (is_push) {
        json_set_text(doc, shown, "identifier", json_text(authenticator->doc, "identifier"));
        json_set(doc, shown, "phone_number", yyjson_mut_null(doc));
    } else {
        json_set_text(doc, shown, "phone_number", masked);
    }
    json_set_text(doc, shown, "auth_method", is_push ? "guardian" : type);
    enrollment_times(call->arena, doc, shown, authenticator);
}

static void list_enrollments(struct call *call)
{
    struct db_tx *tx = NULL;
    struct user user;
    struct authenticator *list = NULL;
    size_t count = 0;
    if (!call_read(call, &tx)) {
        return;
    }
    bool found = read_factors(call, tx, &user, &list, &count);
    db_end(&tx);
    if (!found) {
        return;
    }
    yyjson_mut_doc *doc = json_new_array(call->arena);
    const struct authenticator *first = first_enrollment(list, count);
    if (first != NULL) {
        add_enrollment(call, doc, first);
    }
    http_reply_json(call->x, 200, doc);
}

static yyjson_mut_val *describe(struct call *call, yyjson_mut_doc *doc,
                                const struct authenticator *authenticator)
{
    const struct factor *factor = factor_by_kind(authenticator->kind);
    return factor != NULL ? factor->describe(authenticator, call->arena, doc) : NULL;
}

static void list_methods(struct call *call)
{
    struct db_tx *tx = NULL;
    struct paging paging;
    struct user user;
    struct authenticator *list = NULL;
    size_t count = 0;
    if (!paging_read(call->x, call->description, call->query, &paging) || !call_read(call, &tx)) {
        return;
    }
    bool found = read_factors(call, tx, &user, &list, &count);
    db_end(&tx);
    if (!found) {
        return;
    }
    yyjson_mut_doc *doc = json_new(call->arena);
    yyjson_mut_val *methods = yyjson_mut_arr(doc);
    for (size_t i = (size_t)paging.offset; i < count && i < (size_t)(paging.offset + paging.limit); i++) {
        yyjson_mut_arr_append(methods, describe(call, doc, &list[i]));
    }
    reply_list(call, "authenticators", &paging, doc, methods, (int64_t)count, NULL);
}

/* The method of the path: "totp|dev_…"; NULL where the user has none of that id. */
static const struct authenticator *method_of_path(struct call *call, const struct authenticator *list,
                                                  size_t count)
{
    const char *id = http_parameter(call->x, "authentication_method_id");
    const char *bar = strchr(id, '|');
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].id, bar != NULL ? bar + 1 : id) == 0) {
            return &list[i];
        }
    }
    (void)management_error(call->x, 404, "The authentication method could not be found.",
                           "inexistent_authentication_method");
    return NULL;
}

static void read_method(struct call *call)
{
    struct db_tx *tx = NULL;
    struct user user;
    struct authenticator *list = NULL;
    size_t count = 0;
    if (!call_read(call, &tx)) {
        return;
    }
    bool found = read_factors(call, tx, &user, &list, &count);
    db_end(&tx);
    const struct authenticator *method = found ? method_of_path(call, list, count) : NULL;
    if (method != NULL) {
        yyjson_mut_doc *doc = json_new(call->arena);
        yyjson_mut_doc_set_root(doc, describe(call, doc, method));
        http_reply_json(call->x, 200, doc);
    }
}

/* Ends a write that removes: DB_NOT_FOUND was answered by `missing`. */
static void finish_removal(struct call *call, struct db_tx **tx, enum db_result result)
{
    if (result != DB_OK) {
        db_rollback(tx);
        (void)(result == DB_NOT_FOUND
                   ? management_error(call->x, 404, "Enrollment not found", "enrollment_not_found")
                   : management_store_failed(call->x));
        return;
    }
    if (call_commit(call, tx)) {
        http_reply_empty(call->x, 204);
    }
}

static void delete_method(struct call *call)
{
    struct db_tx *tx = NULL;
    struct user user;
    struct authenticator *list = NULL;
    size_t count = 0;
    if (!call_write(call, &tx)) {
        return;
    }
    const struct authenticator *method =
        read_factors(call, tx, &user, &list, &count) ? method_of_path(call, list, count) : NULL;
    if (method == NULL) {
        db_rollback(&tx);
        return;
    }
    finish_removal(call, &tx, mfa_remove(call->tenant, tx, call->arena, user.user_id, method->id));
}

/* All factors of the user; of one who does not exist there are none, which is a success too. */
static void delete_all(struct call *call)
{
    struct db_tx *tx = NULL;
    const char *id = http_parameter(call->x, "id");
    if (!authorize_subject(call->x, &call->caller, id) || !call_write(call, &tx)) {
        return;
    }
    struct record record;
    enum db_result result = record_by_id(call, tx, &users_resource, id, &record);
    if (result == DB_OK) {
        call->user_id = id;
        result = mfa_remove_all(call->tenant, tx, call->arena, id);
    }
    finish_removal(call, &tx, result == DB_NOT_FOUND ? DB_OK : result);
}

/* google-authenticator is the user's one-time codes; of duo there is never anything here. */
static void delete_provider(struct call *call)
{
    struct db_tx *tx = NULL;
    struct user user;
    struct authenticator *list = NULL;
    size_t count = 0;
    bool codes = strcmp(http_parameter(call->x, "provider"), "google-authenticator") == 0;
    if (!call_write(call, &tx)) {
        return;
    }
    if (!read_factors(call, tx, &user, &list, &count)) {
        db_rollback(&tx);
        return;
    }
    enum db_result result = DB_NOT_FOUND;
    for (size_t i = 0; i < count && codes && (result == DB_OK || result == DB_NOT_FOUND); i++) {
        if (strcmp(list[i].kind, "otp") == 0) {
            result = mfa_remove(call->tenant, tx, call->arena, user.user_id, list[i].id);
        }
    }
    finish_removal(call, &tx, result);
}

static void forget_browsers(struct call *call)
{
    struct db_tx *tx = NULL;
    struct user user;
    if (!call_write(call, &tx)) {
        return;
    }
    if (!user_of_path(call, tx, &user)) {
        db_rollback(&tx);
        return;
    }
    finish_removal(call, &tx, remembered_browsers_forget(tx, user.user_id));
}

static void regenerate_recovery_code(struct call *call)
{
    struct db_tx *tx = NULL;
    struct user user;
    const char *code = NULL;
    if (!call_write(call, &tx)) {
        return;
    }
    if (!user_of_path(call, tx, &user)) {
        db_rollback(&tx);
        return;
    }
    enum db_result result = mfa_regenerate_recovery_code(call->tenant, tx, call->arena, user.user_id, &code);
    if (result != DB_OK) {
        db_rollback(&tx);
        (void)(result == DB_NOT_FOUND
                   ? management_error(call->x, 404, "Enrollment not found.", "enrollment_not_found")
                   : management_store_failed(call->x));
        return;
    }
    if (call_commit(call, &tx)) {
        yyjson_mut_doc *doc = json_new_object(call->arena);
        json_set_text(doc, yyjson_mut_doc_get_root(doc), "recovery_code", code);
        http_reply_json(call->x, 200, doc);
    }
}

static const struct operation list_of_operations[] = {
    {"GET", "/users/{id}/enrollments", list_enrollments, NULL},
    {"GET", "/users/{id}/authentication-methods", list_methods, NULL},
    {"DELETE", "/users/{id}/authentication-methods", delete_all, NULL},
    {"GET", "/users/{id}/authentication-methods/{authentication_method_id}", read_method, NULL},
    {"DELETE", "/users/{id}/authentication-methods/{authentication_method_id}", delete_method, NULL},
    {"DELETE", "/users/{id}/authenticators", delete_all, NULL},
    {"DELETE", "/users/{id}/multifactor/{provider}", delete_provider, NULL},
    {"POST", "/users/{id}/multifactor/actions/invalidate-remember-browser", forget_browsers, NULL},
    {"POST", "/users/{id}/recovery-code-regeneration", regenerate_recovery_code, NULL},
};
const struct operations user_factors_operations = {list_of_operations, ARRAY_LENGTH(list_of_operations)};
