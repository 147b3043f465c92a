#include "mfa/factors.h"

#include "base/clock.h"
#include "session/transaction.h"

#include <string.h>

const struct factor *const factors[] = {&push_factor, &otp_factor, &sms_factor, &recovery_factor};
const size_t factors_count = ARRAY_LENGTH(factors);

const struct factor *factor_by_name(const char *name)
{
    for (size_t i = 0; name != NULL && i < factors_count; i++)
        if (strcmp(factors[i]->name, name) == 0)
            return factors[i];
    return NULL;
}

const struct factor *factor_by_kind(const char *kind)
{
    for (size_t i = 0; kind != NULL && i < factors_count; i++)
        if (strcmp(factors[i]->kind, kind) == 0)
            return factors[i];
    return NULL;
}

enum factor_result factor_result_of(enum db_result result, enum factor_result not_found)
{
    switch (result) {
    case DB_OK:
        return FACTOR_OK;
    case DB_NOT_FOUND:
        return not_found;
    case DB_CONFLICT:
        return FACTOR_CONFLICT;
    case DB_FAILED:
        return FACTOR_FAILED;
    }
    return FACTOR_FAILED;
}

const char *factor_account(const struct user *user)
{
    static const char *const members[] = {"email", "username", "phone_number", "name"};
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        const char *text = json_text(user->doc, members[i]);
        if (text != NULL && text[0] != '\0')
            return text;
    }
    return user->user_id;
}

enum factor_result factor_drop_stale(struct factor_call *call, struct db_tx *tx, const char *kind)
{
    struct authenticator *list;
    size_t count;
    enum db_result result =
        authenticators_of_user(tx, call->arena, call->tenant->keyring, call->user->user_id, &list, &count);
    for (size_t i = 0; result == DB_OK && i < count; i++)
        if (!list[i].confirmed && strcmp(list[i].kind, kind) == 0 &&
            list[i].created_at + LOGIN_TRANSACTION_MS <= call->now)
            result = authenticator_delete(tx, list[i].id);
    return factor_result_of(result, FACTOR_FAILED);
}

yyjson_mut_val *factor_describe(const struct authenticator *authenticator, struct arena *arena,
                                yyjson_mut_doc *doc)
{
    const struct factor *factor = factor_by_kind(authenticator->kind);
    yyjson_mut_val *method = yyjson_mut_obj(doc);
    json_set_text(doc, method, "id", arena_printf(arena, "%s|%s", factor->type, authenticator->id));
    json_set_text(doc, method, "type", factor->type);
    json_set_bool(doc, method, "confirmed", authenticator->confirmed);
    json_set_text(doc, method, "name", json_text(authenticator->doc, "name"));
    json_set_text(doc, method, "created_at", clock_iso8601(arena, authenticator->created_at));
    int64_t last =
        authenticator->last_auth_at != 0 ? authenticator->last_auth_at : authenticator->confirmed_at;
    if (last != 0)
        json_set_text(doc, method, "last_auth_at", clock_iso8601(arena, last));
    return method;
}
