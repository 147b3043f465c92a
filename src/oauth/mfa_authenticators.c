/* GET /mfa/authenticators and DELETE /mfa/authenticators/{id}: a user's factors, for the application that they use. */
#include "oauth/endpoints.h"

#include "oauth/mfa_call.h"

#include <string.h>

static void add_channel(yyjson_mut_doc *doc, yyjson_mut_val *entry, const struct authenticator *authenticator,
                        struct arena *arena)
{
    if (strcmp(authenticator->kind, "phone") == 0) {
        const char *number = json_text(authenticator->doc, "phone_number");
        json_set_text(doc, entry, "oob_channel", "sms");
        json_set_text(doc, entry, "name", number != NULL ? mask_phone(arena, number) : NULL);
    } else if (strcmp(authenticator->kind, "push") == 0) {
        json_set_text(doc, entry, "oob_channel", "auth0");
        json_set_text(doc, entry, "name", json_text(authenticator->doc, "name"));
    }
}

static void add_entry(yyjson_mut_doc *doc, const char *id, const struct authenticator *authenticator,
                      const char *kind, struct arena *arena)
{
    bool is_named_by_kind = strcmp(kind, "otp") == 0 || strcmp(kind, "recovery-code") == 0;
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
    json_set_text(doc, entry, "id", id);
    json_set_text(doc, entry, "authenticator_type", is_named_by_kind ? kind : "oob");
    json_set_bool(doc, entry, "active", authenticator->confirmed);
    if (!is_named_by_kind)
        add_channel(doc, entry, authenticator, arena);
    json_set_text(doc, entry, "type", mfa_api_type(kind));
}

/* A phone comes with the one-time codes that it makes. */
static void add(struct mfa_call *call, yyjson_mut_doc *doc, const struct authenticator *authenticator)
{
    struct arena *arena = call->arena;
    const char *twin = mfa_api_twin_id(call, authenticator);
    add_entry(doc, mfa_api_id(arena, authenticator), authenticator, authenticator->kind, arena);
    if (twin != NULL)
        add_entry(doc, twin, authenticator, "otp", arena);
}

void endpoint_mfa_authenticators(struct http_exchange *x)
{
    struct mfa_call call;
    if (!mfa_call_open_bearer(x, "read:authenticators", true, &call))
        return;
    yyjson_mut_doc *doc = json_new_array(x->arena);
    for (size_t i = 0; i < call.all_count; i++)
        add(&call, doc, &call.all[i]);
    http_reply_json(x, 200, doc);
}

static enum db_result remove_authenticator(struct mfa_call *call, const char *id)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = mfa_remove(call->tenant, tx, call->arena, call->user.user_id, id);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

void endpoint_mfa_authenticator_delete(struct http_exchange *x)
{
    struct mfa_call call;
    const char *name = http_parameter(x, "id");
    if (!mfa_call_open_bearer(x, "remove:authenticators", false, &call))
        return;
    enum db_result result = DB_NOT_FOUND;
    for (size_t i = 0; i < call.all_count; i++)
        if (mfa_api_is_named(&call, &call.all[i], name))
            result = remove_authenticator(&call, call.all[i].id);
    if (result == DB_OK)
        http_reply_empty(x, 204);
    else if (result == DB_NOT_FOUND)
        oauth_fail(x, 404, "not_found", "The authenticator does not exist.");
    else
        oauth_fail_internally(x);
}
