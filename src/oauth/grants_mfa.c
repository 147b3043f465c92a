/* The grants mfa-otp, mfa-oob and mfa-recovery-code (Auth0's MFA API): a second factor passed becomes tokens. */
#include "oauth/mfa_call.h"

#include "crypto/digest.h"
#include "crypto/otp.h"
#include "store/buckets.h"

#include <string.h>

enum { WRITE_TRIES = 4 };

/* Which grant speaks, for its log entries. */
struct grant_names {
    const char *passed;
    const char *failed;
    const char *wrong; /* describes a wrong code */
};
static const struct grant_names otp_names = {"seotpft", "feotpft", "Invalid otp_code."};
static const struct grant_names oob_names = {"seoobft", "feoobft", "Invalid binding_code."};
static const struct grant_names recovery_names = {"sercft", "fercft", "MFA Authorization rejected."};

static bool open_grant(struct token_request *request, struct mfa_call *call)
{
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(request->x)->db, &tx) != DB_OK) {
        oauth_fail_internally(request->x);
        return false;
    }
    bool known = token_request_authenticate(request, tx) && token_request_allowed(request);
    db_end(&tx);
    return known && mfa_call_open_form(request, call);
}

static void log_failure(struct mfa_call *call, const struct grant_names *names, const char *description)
{
    tenant_log(call->tenant, call->x,
               (struct log_entry){
                   .type = names->failed,
                   .description = description,
                   .connection = call->user.connection,
                   .client_id = call->client.client_id,
                   .client_name = json_text(call->client.doc, "name"),
                   .user_id = call->user.user_id,
                   .user_name = user_log_name(call->user.doc),
               });
}

/*
 * In the write that spends the code: the mfa_token ends, whoever else holds a right code for it, and what it stood for is
 * read. Access tokens live on; a code that they pass with is spent like any other.
 */
static enum db_result redeem(struct factor_call *factor, struct db_tx *tx, const char *recovery_code)
{
    struct mfa_call *call = factor->context;
    enum db_result result = DB_OK;
    (void)recovery_code;
    if (!call->is_access_token)
        result = mfa_token_end(tx, call->token.hash, call->now);
    if (result == DB_OK && call->oob_code_hash != NULL)
        result = oob_code_spend(tx, call->oob_code_hash);
    if (result == DB_OK && !call->is_access_token)
        result = login_count(call->x, tx, call->user.user_id);
    if (result == DB_OK)
        result = issue_read(call->request, tx, &call->issue, NULL);
    return result;
}

static void ready_issue(struct mfa_call *call)
{
    yyjson_val *doc = json_parse_own(call->arena, json_write_doc(call->arena, call->token.doc));
    call->issue = (struct issue){.grant = json_member(doc, "grant"), .gty = "password"};
    if (call->is_access_token)
        call->issue.gty = NULL;
    call->factor.on_success = redeem;
}

static void conclude(struct mfa_call *call, const struct grant_names *names, enum factor_result result,
                     int64_t retry_ms)
{
    if (result == FACTOR_OK) {
        issue_reply(call->request, &call->issue, names->passed);
        return;
    }
    bool is_wrong = result == FACTOR_WRONG_CODE || result == FACTOR_BAD_FORMAT;
    if (result != FACTOR_PENDING)
        log_failure(call, names, is_wrong ? names->wrong : "The second factor was not passed");
    mfa_call_refuse(call, result, retry_ms, names->wrong);
}

static void pass(struct mfa_call *call, const struct grant_names *names,
                 const struct authenticator *authenticator, const char *code)
{
    const char *recovery_code = NULL;
    int64_t retry_ms = 0;
    ready_issue(call);
    enum factor_result result =
        authenticator->confirmed
            ? mfa_verify(&call->factor, authenticator, code, &recovery_code, &retry_ms)
            : mfa_confirm(&call->factor, authenticator->id, code, NULL, &recovery_code, &retry_ms);
    /* A code made by confirming was shown when the enrolment began. */
    call->issue.recovery_code = authenticator->confirmed ? recovery_code : NULL;
    conclude(call, names, result, retry_ms);
}

/* --- mfa-otp --- */

static bool makes(const struct mfa_call *call, const struct authenticator *authenticator, const char *code)
{
    int64_t step;
    return totp_verify(authenticator->secret, code, call->now / 1000, authenticator->last_step, &step);
}

/*
 * The app that makes this very code, of those that are enrolled and the one that this token enrols; else any. The choice gives
 * nothing away: the code is then checked, and counted, once.
 */
static const struct authenticator *choose_app(const struct mfa_call *call, const char *code)
{
    const char *pending = json_mut_text(call->token.root, "otp");
    const struct authenticator *chosen = NULL;
    for (size_t i = 0; i < call->choice.enrolled_count; i++) {
        const struct authenticator *enrolled = &call->choice.enrolled[i];
        if (enrolled->secret.size > 0 && (chosen == NULL || makes(call, enrolled, code)))
            chosen = enrolled;
    }
    for (size_t i = 0; i < call->all_count && pending != NULL; i++) {
        const struct authenticator *own = &call->all[i];
        if (!own->confirmed && strcmp(own->id, pending) == 0 &&
            (chosen == NULL || makes(call, own, code) || !makes(call, chosen, code)))
            chosen = own;
    }
    return chosen;
}

void grant_mfa_otp(struct token_request *request)
{
    struct mfa_call call;
    if (!open_grant(request, &call))
        return;
    const char *typed = token_request_need(request, "otp");
    if (typed == NULL)
        return;
    const struct authenticator *app = choose_app(&call, code_typed(call.arena, typed));
    if (app != NULL)
        pass(&call, &otp_names, app, typed);
    else
        conclude(&call, &otp_names, FACTOR_NOT_ENROLLED, 0);
}

/* --- mfa-oob --- */

/* What the oob_code stands for; false where the answer is made. */
static bool read_oob_code(struct mfa_call *call, const char *code, struct oob_code *oob)
{
    struct db_tx *tx = NULL;
    enum db_result found = db_begin_read(call->tenant->db, &tx);
    if (found == DB_OK)
        found = oob_code_by_hash(tx, call->arena, token_hash(call->arena, code), oob);
    db_end(&tx);
    if (found == DB_NOT_FOUND)
        oauth_fail(call->x, 403, "invalid_grant", "Malformed oob_code");
    else if (found != DB_OK)
        oauth_fail_internally(call->x);
    else if (strcmp(oob->token_hash, call->token.hash) != 0)
        oauth_fail(call->x, 400, "invalid_request", "The oob_code doesn't match the mfa_token");
    else if (oob->expires_at <= call->now)
        oauth_fail(call->x, 401, "expired_token", "oob_code is expired");
    else
        return true;
    return false;
}

static const struct authenticator *authenticator_of(const struct mfa_call *call, const char *id)
{
    for (size_t i = 0; i < call->all_count; i++)
        if (strcmp(call->all[i].id, id) == 0)
            return &call->all[i];
    return NULL;
}

/* 12 polls a minute, and a few more at once; false where the answer is made. */
static bool may_poll(struct mfa_call *call)
{
    static const struct bucket_limit polls = {.capacity = 12, .refill_ms = 5000};
    struct db_tx *tx = NULL;
    bool allowed = true;
    int64_t retry_ms = 0;
    if (!call->tenant->config->rate_limits)
        return true;
    const char *name = arena_printf(call->arena, "mfa-poll:%s", call->oob_code_hash);
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = bucket_take(tx, name, polls, call->now, &allowed, &retry_ms);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result != DB_OK) {
        oauth_fail_internally(call->x);
        return false;
    }
    if (allowed)
        return true;
    oauth_fail(call->x, 429, "slow_down", "You are polling faster than allowed.");
    http_set_header(call->x, "Retry-After",
                    arena_printf(call->arena, "%lld", (long long)((retry_ms + 999) / 1000)));
    return false;
}

static enum db_result write_enrolled_phone(struct mfa_call *call, enum factor_result *settled)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        *settled = mfa_settle_recovery_code(&call->factor, tx);
    if (result == DB_OK && *settled == FACTOR_CONFLICT)
        result = DB_CONFLICT;
    if (result == DB_OK && *settled == FACTOR_OK)
        result = redeem(&call->factor, tx, NULL);
    if (result == DB_OK && *settled == FACTOR_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

/* A phone that brought this token's ticket is the proof of the factor; the write that takes it makes its recovery code count. */
static enum factor_result take_enrolled_phone(struct mfa_call *call)
{
    enum factor_result settled = FACTOR_OK;
    enum db_result result = DB_CONFLICT;
    for (int i = 0; i < WRITE_TRIES && result == DB_CONFLICT; i++)
        result = write_enrolled_phone(call, &settled);
    if (result == DB_CONFLICT)
        return FACTOR_MOVED;
    return result == DB_OK ? settled : FACTOR_FAILED;
}

/* What the phone said meanwhile. */
static void poll(struct mfa_call *call, const struct oob_code *oob, const struct authenticator *phone)
{
    const char *next = NULL;
    int64_t retry_ms = 0;
    enum factor_result result = FACTOR_PENDING;
    if (!may_poll(call))
        return;
    ready_issue(call);
    if (oob->challenge_id != NULL)
        result = mfa_verify(&call->factor, phone, NULL, &next, &retry_ms);
    else if (phone->confirmed)
        result = take_enrolled_phone(call);
    conclude(call, &oob_names, result, retry_ms);
}

void grant_mfa_oob(struct token_request *request)
{
    struct mfa_call call;
    struct oob_code oob;
    if (!open_grant(request, &call))
        return;
    const char *code = token_request_need(request, "oob_code");
    if (code == NULL || !read_oob_code(&call, code, &oob))
        return;
    const struct authenticator *authenticator = authenticator_of(&call, oob.authenticator_id);
    if (authenticator == NULL) {
        conclude(&call, &oob_names, FACTOR_NOT_ENROLLED, 0);
        return;
    }
    if (strcmp(authenticator->kind, "push") == 0) {
        call.oob_code_hash = token_hash(call.arena, code);
        poll(&call, &oob, authenticator);
        return;
    }
    const char *typed = token_request_need(request, "binding_code");
    if (typed != NULL)
        pass(&call, &oob_names, authenticator, typed);
}

/* --- mfa-recovery-code --- */

void grant_mfa_recovery_code(struct token_request *request)
{
    struct mfa_call call;
    if (!open_grant(request, &call))
        return;
    const char *typed = token_request_need(request, "recovery_code");
    if (typed == NULL)
        return;
    for (size_t i = 0; i < call.choice.enrolled_count; i++) {
        if (strcmp(call.choice.enrolled[i].kind, "recovery-code") == 0) {
            pass(&call, &recovery_names, &call.choice.enrolled[i], typed);
            return;
        }
    }
    static const char none[] = "User does not have a recovery-code.";
    log_failure(&call, &recovery_names, none);
    oauth_fail(request->x, 403, "unsupported_challenge_type", none);
}
