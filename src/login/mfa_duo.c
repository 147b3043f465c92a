/*
 * Duo: to its prompt and back. The page has no looks of its own; while Duo cannot be reached, `duo_failmode` says whether the
 * login fails or goes on with the password alone.
 */
#include "login/mfa.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "mfa/duo.h"

#include <string.h>

enum { NONCE_LENGTH = 36, LONGEST_CODE = 1024 };

static const char *return_address(struct mfa_page *page)
{
    return arena_printf(page->login.arena, "%su/mfa-duo/callback", page->login.tenant->config->issuer);
}

static void log_event(struct mfa_page *page, const char *type, const char *description)
{
    login_log(&page->login, type, description, page->user.user_id, json_text(page->user.doc, "email"));
}

/* Opens the page, and reads what Duo is asked with; false where the answer is made. */
static bool open_duo(struct http_exchange *x, struct mfa_page *page, struct duo *duo)
{
    if (!mfa_open(x, page, MFA_ASKING))
        return false;
    struct login_call *call = &page->login;
    if (!mfa_asks_duo(page)) {
        mfa_go_on(page);
        return false;
    }
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(call->tenant->db, &tx);
    if (result == DB_OK)
        result = duo_read(call->tenant, tx, call->arena, call->transaction->id,
                          json_mut_text(page->mfa, "duo"), &page->user, duo);
    db_end(&tx);
    if (result == DB_NOT_FOUND) {
        LOG_ERROR("duo.not_configured", LOG_TEXT("user_id", page->user.user_id));
        log_event(page, "gd_auth_failed", "Duo - ikey, skey and a host of Duo's are needed");
        login_fail(call, "access_denied", "The second factor is not configured.");
    } else if (result != DB_OK) {
        login_reply_store_failure(call);
    }
    return result == DB_OK;
}

/* The login's next step, in one write: of two that come back with one code, one moves the login. */
static void pass(struct mfa_page *page)
{
    struct login_call *call = &page->login;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = mfa_store_passed(page, tx);
    if (login_end_write(call, &tx, result))
        mfa_passed(page, NULL);
}

/* Duo cannot be asked. Only where it is out of reach may the operator's wish let people in; never where it says no. */
static void reply_without_duo(struct mfa_page *page, enum duo_result result, const char *reason)
{
    struct login_call *call = &page->login;
    bool opens = result == DUO_UNREACHABLE && strcmp(call->tenant->config->duo_failmode, "open") == 0;
    LOG_ERROR("duo.unavailable", LOG_TEXT("reason", reason), LOG_TEXT("login", opens ? "goes on" : "fails"));
    log_event(page, "gd_auth_failed",
              opens ? "Duo - Not reached: the login goes on without it (duo_failmode)"
                    : "Duo - Not available");
    if (!opens) {
        login_fail(call, "access_denied", "The second factor is not available at the moment.");
        return;
    }
    /* Nobody shall read from the tokens that a factor was passed. */
    page->has_method = true;
    json_set_bool(page->doc, page->mfa, "waived", true);
    pass(page);
}

void mfa_get_duo(struct http_exchange *x)
{
    struct mfa_page page;
    struct duo duo;
    const char *reason = NULL;
    if (!open_duo(x, &page, &duo))
        return;
    struct login_call *call = &page.login;
    enum duo_result result = duo_check(call->tenant, call->arena, &duo, &reason);
    if (result != DUO_PASSED) {
        reply_without_duo(&page, result, reason);
        return;
    }
    const char *nonce = random_text(call->arena, RANDOM_ALPHANUMERIC, NONCE_LENGTH);
    json_set_text(page.doc, page.mfa, "duo_nonce", nonce);
    if (!login_save(call))
        return;
    log_event(&page, "gd_start_auth", "Guardian - Second factor started");
    http_redirect(x, 302,
                  duo_prompt_url(call->arena, &duo, return_address(&page), call->transaction->id, nonce));
}

static void reply_denied(struct mfa_page *page, enum duo_result result, const char *reason)
{
    LOG_WARN("duo.refused", LOG_TEXT("reason", reason));
    log_event(page, result == DUO_DENIED ? "gd_auth_rejected" : "gd_auth_failed",
              arena_printf(page->login.arena, "Duo - %s", reason));
    login_fail(&page->login, "access_denied", "The second factor was not passed.");
}

/* GET /u/mfa-duo/callback: Duo sends the browser here, with duo_code and state, or with error. */
void mfa_get_duo_callback(struct http_exchange *x)
{
    struct mfa_page page;
    struct duo duo;
    const char *reason = NULL;
    if (!open_duo(x, &page, &duo))
        return;
    struct login_call *call = &page.login;
    const char *code = http_query(x, "duo_code");
    const char *nonce = json_mut_text(page.mfa, "duo_nonce");
    if (nonce == NULL) {
        login_go(call, "/u/mfa-duo"); /* nobody was sent to Duo */
        return;
    }
    if (code == NULL || *code == '\0' || strlen(code) > LONGEST_CODE) {
        reply_denied(&page, DUO_DENIED, "Duo sent no code");
        return;
    }
    enum duo_result result =
        duo_redeem(call->tenant, call->arena, &duo, return_address(&page), code, nonce, &reason);
    if (result != DUO_PASSED) {
        reply_denied(&page, result, reason);
        return;
    }
    json_set_text(page.doc, page.mfa, "duo_nonce", NULL);
    log_event(&page, "gd_auth_succeed", "Guardian - Second factor authenticated");
    /* Duo's own page has no box to tick: where a rule lets browsers be remembered, this one is. */
    page.remember = json_mut_bool(page.mfa, "allow_remember_browser", true);
    pass(&page);
}
