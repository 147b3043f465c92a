/* Enrolling a phone that will be asked: the page shows a QR code and waits until the phone has confirmed it by itself. */
#include "login/mfa.h"

#include "base/encode.h"
#include "mfa/push.h"
#include "page/page.h"

#include <string.h>

void mfa_wait(struct mfa_page *page, int64_t seconds)
{
    struct login_call *call = &page->login;
    call->frame.waits = true;
    json_set_bool(call->variables, call->root, "waits", true);
    json_set_text(call->variables, call->root, "events", mfa_events_url(page));
    json_set_int(call->variables, call->root, "seconds", seconds);
}

/* --- the code --- */

static bool begin_enrollment(struct mfa_page *page, struct enrollment_offer *offer)
{
    int64_t retry_ms;
    page->factor.replaces = json_mut_text(json_mut_member(page->mfa, "enrolling"), "id");
    page->factor.ticket_hash = json_mut_text(page->login.transaction->root, "ticket");
    page->factor.page_shows_recovery_code = true;
    enum factor_result result = mfa_enroll(&page->factor, factor_by_kind("push"), NULL, offer, &retry_ms);
    if (result != FACTOR_OK) {
        mfa_reply_failure(page, result, retry_ms, "mfa-push-enrollment-qr");
        return false;
    }
    yyjson_mut_val *enrolling = yyjson_mut_obj(page->doc);
    json_set_text(page->doc, enrolling, "kind", "push");
    json_set_text(page->doc, enrolling, "id", offer->authenticator.id);
    json_set(page->doc, page->mfa, "enrolling", enrolling);
    return login_save(&page->login);
}

/* The pending phone of this enrolment, or a new one where its code has expired; *renewed says so. */
static bool find_offer(struct mfa_page *page, struct enrollment_offer *offer, bool *renewed)
{
    yyjson_mut_val *enrolling = json_mut_member(page->mfa, "enrolling");
    const char *kind = json_mut_text(enrolling, "kind"), *id = json_mut_text(enrolling, "id");
    *renewed = false;
    if (kind != NULL && strcmp(kind, "push") == 0 && mfa_resume(&page->factor, id, offer) == FACTOR_OK) {
        if (offer->authenticator.created_at + PUSH_ENROLLMENT_MS > page->factor.now)
            return true;
        *renewed = true;
    }
    return begin_enrollment(page, offer);
}

/* `asked`: the person pressed the button, and the phone has not confirmed anything yet. */
static void show_code(struct mfa_page *page, bool asked)
{
    struct login_call *call = &page->login;
    struct enrollment_offer offer;
    bool renewed;
    if (!find_offer(page, &offer, &renewed))
        return;
    int64_t left = offer.authenticator.created_at + PUSH_ENROLLMENT_MS - page->factor.now;
    json_set_text(call->variables, call->root, "otpauthUri", offer.otpauth_uri);
    json_set_text(call->variables, call->root, "phoneUrl",
                  arena_printf(call->arena, "/phone#%s", percent_encode(call->arena, offer.otpauth_uri)));
    json_set_text(call->variables, call->root, "textCode", offer.enrollment_tx_id);
    json_set_text(call->variables, call->root, "qrCode", qr_svg(call->arena, offer.otpauth_uri));
    json_set_bool(call->variables, call->root, "renewed", renewed);
    json_set_bool(call->variables, call->root, "pending", asked && !renewed);
    mfa_add_enrollment_variables(page);
    mfa_wait(page, left / 1000 + 1);
    login_show(call, 200, "mfa-push-enrollment-qr", NULL);
}

/* --- confirmed --- */

/* The login takes what the phone has confirmed: the factor is passed by it. */
static void take_confirmed(struct mfa_page *page, const char *id)
{
    const char *recovery_code;
    page->recovery_screen = "/u/mfa-recovery-code-enrollment";
    enum factor_result result = mfa_take_enrollment(&page->factor, id, &recovery_code);
    if (result == FACTOR_OK)
        mfa_passed(page, recovery_code);
    else
        mfa_reply_failure(page, result, 0, "mfa-push-enrollment-qr");
}

static void show_or_take(struct mfa_page *page, bool asked)
{
    const char *confirmed = mfa_confirmed_phone(page);
    if (confirmed != NULL)
        take_confirmed(page, confirmed);
    else if (mfa_may_enroll(page, "push-notification"))
        show_code(page, asked);
    else
        mfa_go_on(page);
}

void mfa_get_push_enrollment(struct http_exchange *x)
{
    struct mfa_page page;
    if (mfa_open(x, &page, MFA_ASKING))
        show_or_take(&page, false);
}

void mfa_post_push_enrollment(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    if (strcmp(login_action(&page.login), "pick-authenticator") == 0)
        login_go(&page.login, "/u/mfa-begin-enroll-options");
    else
        show_or_take(&page, strcmp(login_action(&page.login), "continue") == 0);
}
