/* POST /mfa/associate: begins to enrol a factor, which its first code confirms at /oauth/token. */
#include "oauth/endpoints.h"

#include "crypto/digest.h"
#include "oauth/mfa_call.h"

#include <string.h>

struct association {
    struct mfa_call call;
    struct http_pairs form;
    yyjson_val *body; /* of a JSON request; else NULL */
    const struct factor *factor;
    const char *phone;         /* sms */
    const char *recovery_code; /* to be shown; NULL: none */
    struct enrollment_offer offer;
    const char *oob_code;
};

static void refuse_request(struct association *association, const char *description)
{
    oauth_fail(association->call.x, 400, "invalid_request", description);
}

static const char *missing(struct association *association, const char *name)
{
    return arena_printf(association->call.arena, "Missing required parameter: %s", name);
}

/* Whether the list `name` (an array, or words between spaces in a form) holds `word`. */
static bool list_has(const struct association *association, const char *name, const char *word)
{
    yyjson_val *list = json_member(association->body, name);
    if (yyjson_is_arr(list))
        return json_array_has_text(list, word);
    return scope_has(given_parameter(&association->form, name), word);
}

static bool list_is_there(const struct association *association, const char *name)
{
    return yyjson_arr_size(json_member(association->body, name)) > 0 ||
           given_parameter(&association->form, name) != NULL;
}

static bool read_oob(struct association *association)
{
    if (!list_is_there(association, "oob_channels")) {
        refuse_request(association, missing(association, "oob_channels"));
        return false;
    }
    if (list_has(association, "oob_channels", "auth0"))
        association->factor = factor_by_kind("push");
    if (association->factor != NULL || !list_has(association, "oob_channels", "sms"))
        return true; /* a channel that this server has not is told below */
    association->factor = factor_by_name("sms");
    association->phone = given_parameter(&association->form, "phone_number");
    if (association->phone == NULL)
        refuse_request(association, missing(association, "phone_number"));
    return association->phone != NULL;
}

/* Which factor is asked for, and whether this server and this user can have it; false where the answer is made. */
static bool read_factor(struct association *association)
{
    if (!list_is_there(association, "authenticator_types")) {
        refuse_request(association, missing(association, "authenticator_types"));
        return false;
    }
    if (list_has(association, "authenticator_types", "otp"))
        association->factor = factor_by_name("otp");
    else if (list_has(association, "authenticator_types", "oob") && !read_oob(association))
        return false;
    const struct mfa_choice *choice = &association->call.choice;
    for (size_t i = 0; i < choice->enrollable_count; i++)
        if (choice->enrollable[i] == association->factor)
            return true;
    oauth_fail(association->call.x, 400, "unsupported_challenge_type",
               "The factor is unknown, or not enabled for this tenant.");
    return false;
}

/*
 * SDKs leave the application out here, as the token names it. One that is sent must be the token's; a secret with it must be
 * right.
 */
static bool check_client(struct association *association)
{
    const struct client *client = &association->call.client;
    const char *client_id = given_parameter(&association->form, "client_id");
    const char *secret = given_parameter(&association->form, "client_secret");
    if (client_id != NULL && strcmp(client_id, client->client_id) != 0) {
        refuse_request(association, "mfa_token not issued to this client");
        return false;
    }
    if (secret == NULL || text_equal_secret(client->secret, secret))
        return true;
    oauth_fail(association->call.x, 401, "access_denied", "Unauthorized");
    return false;
}

/*
 * A recovery code comes with the first enrolment, and with any other of a user who has none. It is made now, to be shown, and
 * counts from the confirmation on.
 */
static void choose_recovery_code(struct association *association)
{
    struct mfa_call *call = &association->call;
    if (!mfa_factor_enabled(&call->settings, "recovery-code"))
        return;
    for (size_t i = 0; i < call->all_count; i++)
        if (strcmp(call->all[i].kind, "recovery-code") == 0)
            return;
    const char *shown = mfa_call_recovery_code(call);
    association->recovery_code = shown != NULL ? shown : recovery_code_invent(call->arena);
}

/* What later calls with this token must know. */
static enum db_result keep(struct mfa_call *call, struct db_tx *tx, const void *context)
{
    const struct enrollment_offer *offer = context;
    struct association *association = call->factor.context;
    json_set_text(call->token.doc, call->token.root, association->factor->name, offer->authenticator.id);
    if (association->recovery_code != NULL)
        mfa_call_keep_recovery_code(call, association->recovery_code);
    if (strcmp(association->factor->kind, "otp") == 0)
        return DB_OK;
    association->oob_code = oob_code_make(call, tx, offer->authenticator.id, NULL);
    return association->oob_code != NULL ? DB_OK : DB_FAILED;
}

static void reply(struct association *association)
{
    struct http_exchange *x = association->call.x;
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const char *kind = association->factor->kind;
    bool is_message = strcmp(kind, "phone") == 0;
    json_set_text(doc, root, "authenticator_type", association->oob_code == NULL ? "otp" : "oob");
    if (is_message)
        json_set_text(doc, root, "binding_method", "prompt");
    json_set_text(doc, root, "secret", association->offer.secret_base32);
    json_set_text(doc, root, "barcode_uri", association->offer.otpauth_uri);
    if (association->oob_code != NULL)
        json_set_text(doc, root, "oob_channel", is_message ? "sms" : "auth0");
    json_set_text(doc, root, "oob_code", association->oob_code);
    if (association->recovery_code != NULL) {
        yyjson_mut_val *codes = yyjson_mut_arr(doc);
        yyjson_mut_arr_add_strcpy(doc, codes, association->recovery_code);
        json_set(doc, root, "recovery_codes", codes);
    }
    json_set_text(doc, root, "id", mfa_api_id(x->arena, &association->offer.authenticator));
    http_reply_json(x, 200, doc);
}

static void refuse(struct association *association, enum factor_result result, int64_t retry_ms)
{
    if (result == FACTOR_BAD_FORMAT)
        refuse_request(association, "Invalid phone_number: it must be in E.164 format, such as +14155550123");
    else
        mfa_call_refuse(&association->call, result, retry_ms, "");
}

void endpoint_mfa_associate(struct http_exchange *x)
{
    struct association association = {.factor = NULL};
    struct mfa_call *call = &association.call;
    if (!mfa_call_open_bearer(x, "enroll", true, call))
        return;
    if (!http_form(x, &association.form)) {
        refuse_request(&association, "The request body must be a form or a JSON object");
        return;
    }
    if (http_json(x, &association.body) != JSON_FINE)
        association.body = NULL;
    if (!check_client(&association))
        return;
    if (!call->is_access_token && call->choice.enrolled_count > 0) {
        refuse(&association, FACTOR_ALREADY_ENROLLED, 0);
        return;
    }
    if (!read_factor(&association))
        return;
    choose_recovery_code(&association);
    int64_t retry_ms = 0;
    call->factor.replaces = json_mut_text(call->token.root, association.factor->name);
    call->factor.context = &association;
    call->factor.page_shows_recovery_code = association.recovery_code != NULL;
    enum factor_result result =
        mfa_enroll(&call->factor, association.factor, association.phone, &association.offer, &retry_ms);
    if (result != FACTOR_OK)
        refuse(&association, result, retry_ms);
    else if (mfa_call_store(call, keep, &association.offer))
        reply(&association);
}
