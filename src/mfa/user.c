/* What a user's record and log say of their factors. */
#include "mfa/factors.h"

#include "base/clock.h"

#include <string.h>

enum db_result mfa_lock_user(struct db_tx *tx, struct arena *arena, const char *user_id)
{
    struct db_value *row;
    return db_row(tx, arena, &row, "SELECT version FROM users WHERE user_id = ? FOR UPDATE", "t", user_id);
}

enum db_result mfa_sync_user(struct db_tx *tx, struct arena *arena, const char *user_id, bool enrolled,
                             int64_t now)
{
    struct user user;
    enum db_result result = user_by_id(tx, arena, user_id, &user);
    if (result != DB_OK || (json_member(user.doc, "multifactor") != NULL) == enrolled)
        return result;
    yyjson_mut_doc *doc = json_thaw(arena, user.doc);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    if (enrolled) {
        yyjson_mut_val *providers = yyjson_mut_arr(doc);
        yyjson_mut_arr_add_str(doc, providers, "guardian");
        json_set(doc, root, "multifactor", providers);
        json_set_text(doc, root, "multifactor_last_modified", clock_iso8601(arena, now));
    } else {
        json_remove(root, "multifactor");
        json_remove(root, "multifactor_last_modified");
    }
    return user_update(tx, arena, user_id, user.version, doc);
}

void mfa_log(struct tenant *tenant, struct arena *arena, const struct http_exchange *x, const char *type,
             const char *description, const char *user_id, const struct authenticator *authenticator,
             const char *reason)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *details = yyjson_mut_doc_get_root(doc);
    if (authenticator != NULL) {
        yyjson_mut_val *shown = yyjson_mut_obj(doc);
        const char *phone = json_text(authenticator->doc, "phone_number");
        const struct factor *factor = factor_by_kind(authenticator->kind);
        json_set_text(doc, shown, "id", authenticator->id);
        json_set_text(doc, shown, "type", factor != NULL ? factor->name : authenticator->kind);
        json_set_text(doc, shown, "phone_number", phone != NULL ? mask_phone(arena, phone) : NULL);
        json_set(doc, details, "authenticator", shown);
    }
    if (reason != NULL) {
        yyjson_mut_val *failure = yyjson_mut_obj(doc);
        json_set_text(doc, failure, "errorMessage", reason);
        json_set(doc, details, "failure_details", failure);
    }
    tenant_log(
        tenant, x,
        (struct log_entry){.type = type, .description = description, .user_id = user_id, .details = details});
}
