/* One-time codes from an app: enrolling by a QR code or a key, and being asked for a code. */
#include "login/mfa.h"

#include "page/page.h"

#include <string.h>

/* The pending authenticator of this enrolment: the same one as long as the transaction lives, so that its key is stable. */
static bool find_offer(struct mfa_page *page, struct enrollment_offer *offer)
{
    yyjson_mut_val *enrolling = json_mut_member(page->mfa, "enrolling");
    const char *kind = json_mut_text(enrolling, "kind");
    const char *id = json_mut_text(enrolling, "id");
    if (kind != NULL && strcmp(kind, "otp") == 0 && mfa_resume(&page->factor, id, offer) == FACTOR_OK)
        return true;

    int64_t retry_ms;
    page->factor.replaces = id;
    enum factor_result result = mfa_enroll(&page->factor, factor_by_name("otp"), NULL, offer, &retry_ms);
    if (result != FACTOR_OK) {
        mfa_reply_failure(page, result, retry_ms, "mfa-otp-enrollment-code");
        return false;
    }
    enrolling = yyjson_mut_obj(page->doc);
    json_set_text(page->doc, enrolling, "kind", "otp");
    json_set_text(page->doc, enrolling, "id", offer->authenticator.id);
    json_set(page->doc, page->mfa, "enrolling", enrolling);
    if (!login_save(&page->login))
        return false;
    page->loaded_version = page->login.transaction->version;
    return true;
}

static void show_enrollment(struct mfa_page *page, const struct enrollment_offer *offer, int status,
                            const char *error)
{
    struct login_call *call = &page->login;
    const char *view = json_mut_text(page->mfa, "view");
    bool as_code = view != NULL && strcmp(view, "code") == 0;
    json_set_text(call->variables, call->root, "otpauthUri", offer->otpauth_uri);
    json_set_text(call->variables, call->root, "textCode", offer->secret_base32);
    if (!as_code)
        json_set_text(call->variables, call->root, "qrCode", qr_svg(call->arena, offer->otpauth_uri));
    mfa_add_enrollment_variables(page);
    login_show(call, status, as_code ? "mfa-otp-enrollment-code" : "mfa-otp-enrollment-qr", error);
}

void mfa_get_otp_enrollment(struct http_exchange *x)
{
    struct mfa_page page;
    struct enrollment_offer offer;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    if (!mfa_may_enroll(&page, "otp"))
        mfa_go_on(&page);
    else if (find_offer(&page, &offer))
        show_enrollment(&page, &offer, 200, NULL);
}

static void confirm_enrollment(struct mfa_page *page, const struct enrollment_offer *offer)
{
    const char *code = login_field(&page->login, "code");
    const char *ticket = json_mut_text(page->login.transaction->root, "ticket");
    const char *recovery_code;
    int64_t retry_ms;
    if (*code == '\0') {
        show_enrollment(page, offer, 400, "no-code");
        return;
    }
    page->recovery_screen = "/u/mfa-recovery-code-enrollment";
    enum factor_result result =
        mfa_confirm(&page->factor, offer->authenticator.id, code, ticket, &recovery_code, &retry_ms);
    if (result == FACTOR_OK)
        mfa_passed(page, recovery_code);
    else if (result == FACTOR_BAD_FORMAT)
        show_enrollment(page, offer, 400, "invalid-otp-code-format");
    else if (result == FACTOR_WRONG_CODE && mfa_moved_on(page))
        return;
    else if (result == FACTOR_WRONG_CODE)
        show_enrollment(page, offer, 400, "invalid-code");
    else
        mfa_reply_failure(page, result, retry_ms, "mfa-otp-enrollment-code");
}

void mfa_post_otp_enrollment(struct http_exchange *x)
{
    struct mfa_page page;
    struct enrollment_offer offer;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const char *action = login_action(&page.login);
    if (strcmp(action, "pick-authenticator") == 0) {
        login_go(&page.login, "/u/mfa-begin-enroll-options");
    } else if (!mfa_may_enroll(&page, "otp")) {
        mfa_go_on(&page);
    } else if (strcmp(action, "toggle-view") == 0) {
        bool as_code = json_mut_text(page.mfa, "view") != NULL;
        json_set_text(page.doc, page.mfa, "view", as_code ? NULL : "code");
        if (login_save(&page.login))
            login_go(&page.login, "/u/mfa-otp-enrollment");
    } else if (find_offer(&page, &offer)) {
        confirm_enrollment(&page, &offer);
    }
}

void mfa_get_otp_challenge(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const struct authenticator *authenticator = mfa_enrolled_of(&page, "otp");
    if (authenticator == NULL) {
        mfa_go_on(&page);
        return;
    }
    const char *challenged = json_mut_text(page.mfa, "challenged");
    if (challenged == NULL || strcmp(challenged, authenticator->id) != 0) {
        int64_t retry_ms;
        json_set_text(page.doc, page.mfa, "challenged", authenticator->id);
        if (!login_save(&page.login))
            return;
        (void)!mfa_challenge(&page.factor, authenticator, &retry_ms); /* nothing is sent: nothing fails */
    }
    mfa_add_challenge_variables(&page);
    login_show(&page.login, 200, "mfa-otp-challenge", NULL);
}

void mfa_post_otp_challenge(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const struct authenticator *authenticator = mfa_enrolled_of(&page, "otp");
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
    int64_t retry_ms = 0;
    mfa_add_challenge_variables(&page);
    if (*code == '\0') {
        login_show(&page.login, 400, "mfa-otp-challenge", "no-code");
        return;
    }
    page.remember = mfa_remember_ticked(&page);
    enum factor_result result = mfa_verify(&page.factor, authenticator, code, &next_code, &retry_ms);
    if (result == FACTOR_OK)
        mfa_passed(&page, NULL);
    else if (result == FACTOR_BAD_FORMAT)
        login_show(&page.login, 400, "mfa-otp-challenge", "invalid-otp-code-format");
    else if (result == FACTOR_WRONG_CODE && mfa_moved_on(&page))
        return;
    else
        mfa_reply_failure(&page, result, retry_ms, "mfa-otp-challenge");
}
