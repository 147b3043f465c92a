/* The grant authorization_code (RFC 6749 section 4.1.3, RFC 7636): a login's code becomes tokens. */
#include "oauth/code.h"
#include "oauth/issue.h"

static void refuse(struct token_request *request, const struct issue *issue, int status, const char *error,
                   const char *description)
{
    token_request_refuse(request, "feacft", status, error, description, json_text(issue->grant, "user_id"));
}

static void refuse_code(struct token_request *request, const struct issue *issue, enum code_fault fault)
{
    if (fault == CODE_FAILED)
        oauth_fail_internally(request->x);
    else if (fault == CODE_WRONG_VERIFIER)
        refuse(request, issue, 403, "invalid_grant", "Failed to verify code verifier");
    else if (fault == CODE_WRONG_REDIRECT)
        refuse(request, issue, 403, "invalid_grant",
               "The redirect_uri is not the one that the code was issued for");
    else
        refuse(request, issue, 403, "invalid_grant", "Invalid authorization code");
}

/* Spends the code, in one write with what is issued for it; false where the answer is made. */
static bool redeem(struct token_request *request, const struct code_try *attempt, struct issue *issue)
{
    struct db_tx *tx = NULL;
    const char *code_hash = NULL;
    enum code_fault fault = CODE_FAILED;
    enum db_result result = db_begin_write(tenant_of(request->x)->db, &tx);
    if (result == DB_OK)
        fault = authorization_code_redeem(tx, request->x->arena, attempt, &issue->grant, &code_hash);
    enum db_result found = fault == CODE_FINE ? issue_read(request, tx, issue, code_hash) : DB_OK;
    if (fault == CODE_FAILED || (found != DB_OK && found != DB_NOT_FOUND))
        result = DB_FAILED;
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result != DB_OK)
        refuse_code(request, issue, CODE_FAILED);
    else if (fault != CODE_FINE || found == DB_NOT_FOUND)
        refuse_code(request, issue, fault == CODE_FINE ? CODE_INVALID : fault);
    else if (json_bool(issue->user.doc, "blocked", false))
        refuse(request, issue, 401, "unauthorized", "user is blocked");
    else
        return true;
    return false;
}

void grant_authorization_code(struct token_request *request)
{
    struct http_exchange *x = request->x;
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(x)->db, &tx) != DB_OK) {
        oauth_fail_internally(x);
        return;
    }
    bool known = token_request_authenticate(request, tx) && token_request_allowed(request);
    db_end(&tx);
    const char *code = known ? token_request_need(request, "code") : NULL;
    if (code == NULL)
        return;
    struct code_try attempt = {
        .code = code,
        .client_id = request->client.client_id,
        .redirect_uri = given_parameter(&request->form, "redirect_uri"),
        .verifier = given_parameter(&request->form, "code_verifier"),
    };
    struct issue issue = {.grant = NULL};
    if (redeem(request, &attempt, &issue))
        issue_reply(request, &issue, "seacft");
}
