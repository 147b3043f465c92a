/* Recovery codes: keeping the first one, using it, keeping the next. */
#include "login/mfa.h"

#include <string.h>

static void show_code(struct mfa_page *page, const char *screen, int status, const char *error)
{
    struct login_call *call = &page->login;
    const char *sealed = json_mut_text(json_mut_member(page->mfa, "recovery"), "sealed");
    const char *purpose = arena_printf(call->arena, "login_transactions:%s", page->factor.binding);
    struct bytes code;
    if (sealed == NULL || !keyring_open(call->tenant->keyring, call->arena, purpose, sealed, &code)) {
        login_reply_store_failure(call);
        return;
    }
    json_set_text(call->variables, call->root, "textCode",
                  arena_strndup(call->arena, (const char *)code.data, code.size));
    login_show(call, status, screen, error);
}

static void get_code(struct http_exchange *x, const char *screen)
{
    struct mfa_page page;
    if (mfa_open(x, &page, MFA_KEEPING))
        show_code(&page, screen, 200, NULL);
}

static void post_code(struct http_exchange *x, const char *screen)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_KEEPING))
        return;
    if (strcmp(login_field(&page.login, "saved"), "on") == 0)
        mfa_kept(&page);
    else
        show_code(&page, screen, 400, "no-confirmation");
}

void mfa_get_recovery_code_enrollment(struct http_exchange *x)
{
    get_code(x, "mfa-recovery-code-enrollment");
}

void mfa_post_recovery_code_enrollment(struct http_exchange *x)
{
    post_code(x, "mfa-recovery-code-enrollment");
}

void mfa_get_new_recovery_code(struct http_exchange *x)
{
    get_code(x, "mfa-recovery-code-challenge-new-code");
}

void mfa_post_new_recovery_code(struct http_exchange *x)
{
    post_code(x, "mfa-recovery-code-challenge-new-code");
}

static void show_challenge(struct mfa_page *page, int status, const char *error)
{
    mfa_add_challenge_variables(page);
    login_show(&page->login, status, "mfa-recovery-code-challenge", error);
}

void mfa_get_recovery_code_challenge(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    if (mfa_enrolled_of(&page, "recovery-code") == NULL)
        mfa_go_on(&page);
    else
        show_challenge(&page, 200, NULL);
}

void mfa_post_recovery_code_challenge(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const struct authenticator *authenticator = mfa_enrolled_of(&page, "recovery-code");
    if (strcmp(login_action(&page.login), "pick-authenticator") == 0) {
        login_go(&page.login, "/u/mfa-login-options");
        return;
    }
    if (authenticator == NULL) {
        mfa_go_on(&page);
        return;
    }
    const char *code = login_field(&page.login, "code");
    const char *next_code;
    int64_t retry_ms;
    if (*code == '\0') {
        show_challenge(&page, 400, "no-code");
        return;
    }
    page.recovery_screen = "/u/mfa-recovery-code-challenge-new-code";
    enum factor_result result = mfa_verify(&page.factor, authenticator, code, &next_code, &retry_ms);
    if (result == FACTOR_OK)
        mfa_passed(&page, next_code);
    else if (result == FACTOR_BAD_FORMAT)
        show_challenge(&page, 400, "invalid-code-format");
    else if (result == FACTOR_WRONG_CODE && mfa_moved_on(&page))
        return;
    else if (result == FACTOR_WRONG_CODE)
        show_challenge(&page, 400, "invalid-code");
    else
        mfa_reply_failure(&page, result, retry_ms, "mfa-recovery-code-challenge");
}
