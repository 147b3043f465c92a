/* Codes by text message: enrolling a phone, and being asked for a code. */
#include "login/mfa.h"

#include <string.h>

enum { LONGEST_SHOWN_PHONE = 32 };

/* --- enrolling --- */

/* Shows the form for the number again, with what was typed. */
static void show_phone_form(struct mfa_page *page, int status, const char *error)
{
    struct login_call *call = &page->login;
    const char *typed = login_field(call, "phone");
    if (strlen(typed) <= LONGEST_SHOWN_PHONE)
        json_set_text(call->variables, call->root, "phone", typed);
    mfa_add_enrollment_variables(page);
    login_show(call, status, "mfa-sms-enrollment", error);
}

void mfa_get_sms_enrollment(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    if (mfa_may_enroll(&page, "sms"))
        show_phone_form(&page, 200, NULL);
    else
        mfa_go_on(&page);
}

static void begin_enrollment(struct mfa_page *page, const char *phone)
{
    struct enrollment_offer offer;
    int64_t retry_ms;
    page->factor.replaces = json_mut_text(json_mut_member(page->mfa, "enrolling"), "id");
    enum factor_result result = mfa_enroll(&page->factor, factor_by_name("sms"), phone, &offer, &retry_ms);
    if (result == FACTOR_BAD_FORMAT) {
        show_phone_form(page, 400, "invalid-phone-format");
        return;
    }
    if (result == FACTOR_SEND_FAILED || result == FACTOR_TOO_MANY_MESSAGES) {
        show_phone_form(page, result == FACTOR_SEND_FAILED ? 400 : 429, mfa_error_of(result));
        return;
    }
    if (result != FACTOR_OK) {
        mfa_reply_failure(page, result, retry_ms, "mfa-sms-enrollment");
        return;
    }
    yyjson_mut_val *enrolling = yyjson_mut_obj(page->doc);
    json_set_text(page->doc, enrolling, "kind", "phone");
    json_set_text(page->doc, enrolling, "id", offer.authenticator.id);
    json_set(page->doc, page->mfa, "enrolling", enrolling);
    if (login_save(&page->login))
        login_go(&page->login, "/u/mfa-sms-enrollment-verify");
}

void mfa_post_sms_enrollment(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const char *phone = login_field(&page.login, "phone");
    if (strcmp(login_action(&page.login), "pick-authenticator") == 0)
        login_go(&page.login, "/u/mfa-begin-enroll-options");
    else if (!mfa_may_enroll(&page, "sms"))
        mfa_go_on(&page);
    else if (phone[strspn(phone, " ")] == '\0')
        show_phone_form(&page, 400, "no-phone");
    else
        begin_enrollment(&page, phone);
}

/* The pending phone of this enrolment; false, and gone to the right page, where there is none. */
static bool find_offer(struct mfa_page *page, struct enrollment_offer *offer)
{
    yyjson_mut_val *enrolling = json_mut_member(page->mfa, "enrolling");
    const char *kind = json_mut_text(enrolling, "kind");
    if (!mfa_may_enroll(page, "sms")) {
        mfa_go_on(page);
        return false;
    }
    if (kind != NULL && strcmp(kind, "phone") == 0 &&
        mfa_resume(&page->factor, json_mut_text(enrolling, "id"), offer) == FACTOR_OK)
        return true;
    login_go(&page->login, "/u/mfa-sms-enrollment");
    return false;
}

static void show_verify_form(struct mfa_page *page, const struct enrollment_offer *offer, int status,
                             const char *error)
{
    struct login_call *call = &page->login;
    json_set_text(call->variables, call->root, "phoneNumber", offer->masked_phone);
    json_set_text(call->variables, call->root, "editUrl", login_url(call, "/u/mfa-sms-enrollment"));
    mfa_add_enrollment_variables(page);
    login_show(call, status, "mfa-sms-challenge", error);
}

void mfa_get_sms_enrollment_verify(struct http_exchange *x)
{
    struct mfa_page page;
    struct enrollment_offer offer;
    if (mfa_open(x, &page, MFA_ASKING) && find_offer(&page, &offer))
        show_verify_form(&page, &offer, 200, NULL);
}

static void resend_to_pending(struct mfa_page *page, const struct enrollment_offer *offer)
{
    int64_t retry_ms;
    enum factor_result result = mfa_enroll_again(&page->factor, offer->authenticator.id, &retry_ms);
    if (result == FACTOR_TOO_MANY || result == FACTOR_NOT_ENROLLED) {
        mfa_reply_failure(page, result, retry_ms, "mfa-sms-challenge");
        return;
    }
    json_set_bool(page->login.variables, page->login.root, "resent", result == FACTOR_OK);
    show_verify_form(page, offer,
                     result == FACTOR_OK                  ? 200
                     : result == FACTOR_TOO_MANY_MESSAGES ? 429
                                                          : 400,
                     mfa_error_of(result));
}

static void confirm_phone(struct mfa_page *page, const struct enrollment_offer *offer)
{
    const char *code = login_field(&page->login, "code");
    const char *ticket = json_mut_text(page->login.transaction->root, "ticket");
    const char *recovery_code;
    int64_t retry_ms;
    if (*code == '\0') {
        show_verify_form(page, offer, 400, "no-code");
        return;
    }
    page->recovery_screen = "/u/mfa-recovery-code-enrollment";
    enum factor_result result =
        mfa_confirm(&page->factor, offer->authenticator.id, code, ticket, &recovery_code, &retry_ms);
    if (result == FACTOR_OK)
        mfa_passed(page, recovery_code);
    else if (result == FACTOR_BAD_FORMAT)
        show_verify_form(page, offer, 400, "invalid-code");
    else if (result == FACTOR_WRONG_CODE && mfa_moved_on(page))
        return;
    else if (result == FACTOR_WRONG_CODE || result == FACTOR_EXPIRED)
        show_verify_form(page, offer, 400, mfa_error_of(result));
    else
        mfa_reply_failure(page, result, retry_ms, "mfa-sms-challenge");
}

void mfa_post_sms_enrollment_verify(struct http_exchange *x)
{
    struct mfa_page page;
    struct enrollment_offer offer;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const char *action = login_action(&page.login);
    if (strcmp(action, "pick-authenticator") == 0)
        login_go(&page.login, "/u/mfa-begin-enroll-options");
    else if (!find_offer(&page, &offer))
        return;
    else if (strcmp(action, "resend-code") == 0)
        resend_to_pending(&page, &offer);
    else
        confirm_phone(&page, &offer);
}

/* --- being asked --- */

static void show_challenge(struct mfa_page *page, const struct authenticator *authenticator, int status,
                           const char *error)
{
    struct login_call *call = &page->login;
    json_set_text(call->variables, call->root, "phoneNumber",
                  mask_phone(call->arena, json_text(authenticator->doc, "phone_number")));
    mfa_add_challenge_variables(page);
    login_show(call, status, "mfa-sms-challenge", error);
}

void mfa_get_sms_challenge(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const struct authenticator *authenticator = mfa_enrolled_of(&page, "phone");
    if (authenticator == NULL) {
        mfa_go_on(&page);
        return;
    }
    /* What is stored first is that a message leaves: of two loads at once, one sends it. */
    enum factor_result result = FACTOR_OK;
    const char *challenged = json_mut_text(page.mfa, "challenged");
    if (challenged == NULL || strcmp(challenged, authenticator->id) != 0) {
        int64_t retry_ms;
        json_set_text(page.doc, page.mfa, "challenged", authenticator->id);
        if (!login_save(&page.login))
            return;
        result = mfa_challenge(&page.factor, authenticator, &retry_ms);
    }
    show_challenge(&page, authenticator, 200, mfa_error_of(result));
}

static void resend(struct mfa_page *page, const struct authenticator *authenticator)
{
    int64_t retry_ms;
    page->factor.again = true;
    enum factor_result result = mfa_challenge(&page->factor, authenticator, &retry_ms);
    if (result == FACTOR_TOO_MANY) {
        mfa_reply_failure(page, result, retry_ms, "mfa-sms-challenge");
        return;
    }
    json_set_bool(page->login.variables, page->login.root, "resent", result == FACTOR_OK);
    show_challenge(page, authenticator,
                   result == FACTOR_OK                  ? 200
                   : result == FACTOR_TOO_MANY_MESSAGES ? 429
                                                        : 400,
                   mfa_error_of(result));
}

static void verify(struct mfa_page *page, const struct authenticator *authenticator)
{
    const char *code = login_field(&page->login, "code");
    const char *next_code;
    int64_t retry_ms;
    if (*code == '\0') {
        show_challenge(page, authenticator, 400, "no-code");
        return;
    }
    page->remember = mfa_remember_ticked(page);
    enum factor_result result = mfa_verify(&page->factor, authenticator, code, &next_code, &retry_ms);
    if (result == FACTOR_OK)
        mfa_passed(page, NULL);
    else if (result == FACTOR_BAD_FORMAT)
        show_challenge(page, authenticator, 400, "invalid-code");
    else if (result == FACTOR_WRONG_CODE && mfa_moved_on(page))
        return;
    else if (result == FACTOR_WRONG_CODE || result == FACTOR_EXPIRED)
        show_challenge(page, authenticator, 400, mfa_error_of(result));
    else
        mfa_reply_failure(page, result, retry_ms, "mfa-sms-challenge");
}

void mfa_post_sms_challenge(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const struct authenticator *authenticator = mfa_enrolled_of(&page, "phone");
    const char *action = login_action(&page.login);
    if (strcmp(action, "pick-authenticator") == 0)
        login_go(&page.login, "/u/mfa-login-options");
    else if (authenticator == NULL)
        mfa_go_on(&page);
    else if (strcmp(action, "resend-code") == 0)
        resend(&page, authenticator);
    else
        verify(&page, authenticator);
}
