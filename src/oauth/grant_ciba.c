/* The grant urn:openid:params:grant-type:ciba (CIBA Core 1.0 section 10.1, poll mode): what the phone said becomes tokens. */
#include "oauth/token_request.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "mfa/mfa.h"
#include "oauth/issue.h"
#include "store/backchannel_logins.h"

#include <string.h>

enum { SLOWER_S = 5, WRITE_TRIES = 4 };

static const char denied[] = "The end-user denied the authorization request or it has been expired";

struct polling {
    struct token_request *request;
    struct backchannel_login login;
    struct user user;
    struct authenticator phone;
    struct issue issue;
    bool is_known; /* and this client's, and not ended */
    bool is_early;
    int64_t now; /* ms */
};

static void refuse(struct polling *polling, const char *error, const char *description)
{
    token_request_refuse(polling->request, "ciba_exchange_failed", 400, error, description,
                         polling->is_known ? polling->login.user_id : NULL);
}

/* Finds the login and notes the poll; too early a one makes the next wait longer (CIBA Core section 11, slow_down). */
static enum db_result note_poll(struct polling *polling, struct db_tx *tx, const char *hash)
{
    struct token_request *request = polling->request;
    struct backchannel_login *login = &polling->login;
    enum db_result result = backchannel_login_lock(tx, request->x->arena, hash, login);
    if (result != DB_OK)
        return result == DB_NOT_FOUND ? DB_OK : result;
    polling->is_known = strcmp(login->client_id, request->client.client_id) == 0 && login->ended_at == 0;
    if (!polling->is_known)
        return DB_OK;
    polling->is_early = login->polled_at != 0 && polling->now < login->polled_at + login->interval_s * 1000;
    if (polling->is_early)
        login->interval_s += SLOWER_S;
    return backchannel_login_note_poll(tx, hash, login->interval_s, polling->now);
}

/* False where the answer is made. */
static bool find_login(struct polling *polling, const char *id)
{
    struct http_exchange *x = polling->request->x;
    const char *hash = token_hash(x->arena, id);
    enum db_result result = DB_CONFLICT;
    for (int i = 0; i < WRITE_TRIES && result == DB_CONFLICT; i++) {
        struct db_tx *tx = NULL;
        result = db_begin_write(tenant_of(x)->db, &tx);
        if (result == DB_OK)
            result = note_poll(polling, tx, hash);
        if (result == DB_OK)
            result = db_commit(&tx);
        db_rollback(&tx);
    }
    if (result != DB_OK) {
        oauth_fail_internally(x);
        return false;
    }
    if (!polling->is_known) {
        refuse(polling, "invalid_grant", "Invalid or expired auth_req_id");
        return false;
    }
    return true;
}

static void slow_down(struct polling *polling)
{
    struct http_exchange *x = polling->request->x;
    long long interval = (long long)polling->login.interval_s;
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "error", "slow_down");
    json_set_text(
        doc, root, "error_description",
        arena_printf(x->arena, "You are polling faster than allowed. Try again in %lld seconds.", interval));
    json_set_int(doc, root, "interval", interval);
    http_reply_json(x, 400, doc);
    http_set_header(x, "Retry-After", arena_printf(x->arena, "%lld", interval));
}

/* The user, and some phone of theirs. DB_NOT_FOUND where either is gone. */
static enum db_result read_person(struct polling *polling)
{
    struct http_exchange *x = polling->request->x;
    struct authenticator *list = NULL;
    size_t count = 0;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = user_by_id(tx, x->arena, polling->login.user_id, &polling->user);
    if (result == DB_OK)
        result =
            authenticators_of_user(tx, x->arena, tenant_of(x)->keyring, polling->user.user_id, &list, &count);
    db_end(&tx);
    for (size_t i = 0; result == DB_OK && i < count; i++) {
        polling->phone = list[i];
        if (list[i].confirmed && strcmp(list[i].kind, "push") == 0)
            return DB_OK;
    }
    return result == DB_OK ? DB_NOT_FOUND : result;
}

/* In the write that takes the phone's approval. */
static enum db_result redeem(struct factor_call *call, struct db_tx *tx, const char *recovery_code)
{
    struct polling *polling = call->context;
    (void)recovery_code;
    enum db_result result = backchannel_login_end(tx, polling->login.hash, polling->now);
    if (result == DB_OK)
        result = login_count(call->x, tx, polling->user.user_id);
    if (result == DB_OK)
        result = issue_read(polling->request, tx, &polling->issue, NULL);
    return result;
}

static enum factor_result take_approval(struct polling *polling)
{
    struct http_exchange *x = polling->request->x;
    struct factor_call call = {
        .tenant = tenant_of(x),
        .arena = x->arena,
        .x = x,
        .user = &polling->user,
        .binding = polling->login.hash,
        .provider = "any",
        .now = polling->now,
        .began_at = polling->login.created_at,
        .on_success = redeem,
        .context = polling,
    };
    const char *next = NULL;
    int64_t retry_ms = 0;
    polling->issue = (struct issue){.grant = json_member(polling->login.doc, "grant")};
    return mfa_verify(&call, &polling->phone, NULL, &next, &retry_ms);
}

static void answer(struct polling *polling)
{
    switch (take_approval(polling)) {
    case FACTOR_OK:
        issue_reply(polling->request, &polling->issue, "ciba_exchange_succeeded");
        return;
    case FACTOR_PENDING:
        oauth_fail(polling->request->x, 400, "authorization_pending",
                   "The end-user authorization is pending");
        return;
    case FACTOR_MOVED:
        refuse(polling, "invalid_grant", "Invalid or expired auth_req_id");
        return;
    case FACTOR_FAILED:
        oauth_fail_internally(polling->request->x);
        return;
    default:
        refuse(polling, "access_denied", denied);
        return;
    }
}

void grant_ciba(struct token_request *request)
{
    struct polling polling = {.request = request, .now = clock_now_ms()};
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(request->x)->db, &tx) != DB_OK) {
        oauth_fail_internally(request->x);
        return;
    }
    bool known = token_request_authenticate(request, tx) && token_request_allowed(request);
    db_end(&tx);
    const char *id = known ? token_request_need(request, "auth_req_id") : NULL;
    if (id == NULL || !find_login(&polling, id))
        return;
    if (polling.login.expires_at <= polling.now) {
        refuse(&polling, "access_denied", denied);
        return;
    }
    if (polling.is_early) {
        slow_down(&polling);
        return;
    }
    enum db_result found = read_person(&polling);
    if (found == DB_FAILED || found == DB_CONFLICT)
        oauth_fail_internally(request->x);
    else if (found == DB_NOT_FOUND || json_bool(polling.user.doc, "blocked", false))
        refuse(&polling, "access_denied", denied);
    else
        answer(&polling);
}
