/* POST /mfa/challenge: which of the user's factors is to be used, and a code on its way where the factor sends one. */
#include "oauth/endpoints.h"

#include "mfa/push.h"
#include "oauth/mfa_call.h"

#include <string.h>

/* What of "otp" and "oob" the application takes; both where it does not say. */
struct wish {
    bool otp;
    bool oob;
    const char *authenticator_id; /* NULL: any */
};

static bool is_push(const struct authenticator *authenticator)
{
    return strcmp(authenticator->kind, "push") == 0;
}

static bool read_wish(struct token_request *request, struct wish *wish)
{
    const char *types = given_parameter(&request->form, "challenge_type");
    *wish = (struct wish){
        .otp = types == NULL,
        .oob = types == NULL,
        .authenticator_id = given_parameter(&request->form, "authenticator_id"),
    };
    for (const char *word; (word = scope_next(request->x->arena, &types)) != NULL;) {
        bool is_otp = strcmp(word, "otp") == 0;
        if (!is_otp && strcmp(word, "oob") != 0) {
            oauth_fail(request->x, 400, "unsupported_challenge_type",
                       arena_printf(request->x->arena, "Unsupported challenge type: %s", word));
            return false;
        }
        wish->otp |= is_otp;
        wish->oob |= !is_otp;
    }
    return true;
}

/* Whether that authenticator will do, and, of a phone, whether by its one-time code. */
static bool is_wished(struct mfa_call *call, const struct wish *wish,
                      const struct authenticator *authenticator, bool *by_code)
{
    const char *twin = mfa_api_twin_id(call, authenticator);
    *by_code = strcmp(authenticator->kind, "otp") == 0;
    if (strcmp(authenticator->kind, "recovery-code") == 0)
        return false;
    if (wish->authenticator_id != NULL) {
        *by_code |= twin != NULL && strcmp(twin, wish->authenticator_id) == 0;
        return mfa_api_is_named(call, authenticator, wish->authenticator_id);
    }
    if (!*by_code && wish->oob)
        return true;
    *by_code |= twin != NULL;
    return *by_code && wish->otp;
}

/* The factor that was used last comes first. NULL where the answer is made. */
static const struct authenticator *choose(struct mfa_call *call, const struct wish *wish, bool *by_code)
{
    const struct mfa_choice *choice = &call->choice;
    for (size_t i = 0; i < choice->enrolled_count; i++)
        if (is_wished(call, wish, &choice->enrolled[i], by_code))
            return &choice->enrolled[i];
    if (choice->enrolled_count == 0)
        mfa_call_refuse(call, FACTOR_NOT_ENROLLED, 0, "");
    else if (wish->authenticator_id != NULL)
        oauth_fail(call->x, 404, "not_found", "The authenticator does not exist.");
    else
        oauth_fail(call->x, 403, "unsupported_challenge_type",
                   "User has no authenticator of the requested challenge types.");
    return NULL;
}

static enum db_result store_oob_code(struct mfa_call *call, struct db_tx *tx,
                                     const struct authenticator *authenticator, const char **code)
{
    struct push_challenge question = {.id = NULL};
    if (is_push(authenticator)) {
        enum db_result found = push_challenge_latest(tx, call->arena, call->factor.binding, &question);
        if (found != DB_OK)
            return found;
    }
    *code = oob_code_make(call, tx, authenticator->id, question.id);
    return *code != NULL ? DB_OK : DB_FAILED;
}

static bool make_oob_code(struct mfa_call *call, const struct authenticator *authenticator, const char **code)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = store_oob_code(call, tx, authenticator, code);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result == DB_OK;
}

/* A code that was sent is typed in (binding_method); a phone is answered on itself. */
static void reply(struct mfa_call *call, const struct authenticator *authenticator, const char *oob_code)
{
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "challenge_type", oob_code != NULL ? "oob" : "otp");
    json_set_text(doc, root, "oob_code", oob_code);
    if (oob_code != NULL && !is_push(authenticator))
        json_set_text(doc, root, "binding_method", "prompt");
    http_reply_json(call->x, 200, doc);
}

static void challenge(struct mfa_call *call, const struct authenticator *authenticator, bool by_code)
{
    int64_t retry_ms = 0;
    const char *oob_code = NULL;
    /* A phone whose code is wished is not asked. */
    enum factor_result result = by_code && is_push(authenticator)
                                    ? FACTOR_OK
                                    : mfa_challenge(&call->factor, authenticator, &retry_ms);
    if (result != FACTOR_OK)
        mfa_call_refuse(call, result, retry_ms, "");
    else if (by_code || make_oob_code(call, authenticator, &oob_code))
        reply(call, authenticator, oob_code);
    else
        oauth_fail_internally(call->x);
}

void endpoint_mfa_challenge(struct http_exchange *x)
{
    struct token_request request;
    struct mfa_call call;
    struct wish wish;
    struct db_tx *tx = NULL;
    if (!token_request_read_form(x, &request))
        return;
    if (db_begin_read(tenant_of(x)->db, &tx) != DB_OK) {
        oauth_fail_internally(x);
        return;
    }
    bool known = token_request_authenticate(&request, tx);
    db_end(&tx);
    if (!known || !mfa_call_open_form(&request, &call) || !read_wish(&request, &wish))
        return;
    bool by_code = false;
    const struct authenticator *authenticator = choose(&call, &wish, &by_code);
    if (authenticator != NULL)
        challenge(&call, authenticator, by_code);
}
