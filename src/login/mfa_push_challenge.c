/* Asking a person's phones whether it is them: the page waits for the answer, or takes a code of the same enrolment. */
#include "login/mfa.h"

#include "base/clock.h"
#include "mfa/push.h"

#include <string.h>

static const char screen[] = "mfa-push-challenge-push";

/* Opens a page of the challenge; false where the answer is made. */
static bool open_challenge(struct http_exchange *x, struct mfa_page *page, const struct authenticator **phone)
{
    if (!mfa_open(x, page, MFA_ASKING))
        return false;
    *phone = mfa_enrolled_of(page, "push");
    if (*phone != NULL && mfa_confirmed_phone(page) == NULL)
        return true;
    mfa_go_on(page);
    return false;
}

static bool can_enter_code(struct mfa_page *page)
{
    return mfa_factor_enabled(&page->settings, "otp");
}

/* --- showing --- */

/* All phones are asked, so the number is shown where one of them will ask for it. */
static bool shows_number(struct mfa_page *page)
{
    for (size_t i = 0; i < page->choice.enrolled_count; i++)
        if (strcmp(page->choice.enrolled[i].kind, "push") == 0 &&
            push_knows_numbers(&page->choice.enrolled[i]))
            return true;
    return false;
}

/* "Chrome 120 / Linux", of the challenge's source; NULL where nothing is known. */
static const char *browser_of(struct arena *arena, yyjson_val *doc)
{
    yyjson_val *source = json_member(doc, "source");
    const char *browser = json_text(json_member(source, "b"), "n"),
               *system = json_text(json_member(source, "os"), "n");
    if (browser == NULL || system == NULL)
        return browser != NULL ? browser : system;
    return arena_printf(arena, "%s / %s", browser, system);
}

/* The same place, browser and time that the phone shows. */
static void add_details(struct mfa_page *page, const struct push_challenge *challenge)
{
    struct login_call *call = &page->login;
    yyjson_mut_doc *doc = call->variables;
    yyjson_mut_val *details = yyjson_mut_obj(doc);
    const char *place = json_text(json_member(challenge->doc, "location"), "n");
    const char *time = clock_iso8601(call->arena, challenge->created_at);
    json_set_text(doc, details, "place", place != NULL ? place : json_text(challenge->doc, "ip"));
    json_set_text(doc, details, "browser", browser_of(call->arena, challenge->doc));
    json_set_text(doc, details, "time", time);
    json_set_text(doc, details, "timeText",
                  arena_printf(call->arena, "%.5s UTC", time + strlen("yyyy-mm-ddT")));
    json_set(doc, call->root, "details", details);
}

static bool read_state(struct mfa_page *page, enum push_state *state, struct push_challenge *challenge)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(page->login.tenant->db, &tx);
    if (result == DB_OK)
        result =
            push_state_read(tx, page->login.arena, page->factor.binding, clock_now_ms(), state, challenge);
    db_end(&tx);
    if (result != DB_OK)
        login_reply_store_failure(&page->login);
    return result == DB_OK;
}

static const char *error_of(enum push_state state)
{
    if (state == PUSH_REJECTED)
        return "rejected";
    return state == PUSH_NONE || state == PUSH_EXPIRED ? "expired" : NULL;
}

/* Shows how the question stands, or `error` instead. */
static void show(struct mfa_page *page, const struct authenticator *phone, int status, const char *error)
{
    struct login_call *call = &page->login;
    enum push_state state;
    struct push_challenge challenge;
    if (!read_state(page, &state, &challenge))
        return;
    error = error != NULL ? error : error_of(state);
    bool waiting = error == NULL && state == PUSH_PENDING;
    const char *name = json_text(phone->doc, "name");
    json_set_text(call->variables, call->root, "deviceName", name != NULL && *name != '\0' ? name : "•••");
    json_set_bool(call->variables, call->root, "waiting", waiting);
    json_set_bool(call->variables, call->root, "approved", error == NULL && !waiting);
    json_set_bool(call->variables, call->root, "canEnterCode", can_enter_code(page));
    if (waiting && shows_number(page))
        json_set_text(call->variables, call->root, "number", json_text(challenge.doc, "number"));
    if (waiting)
        mfa_wait(page, (challenge.expires_at - clock_now_ms()) / 1000 + 1);
    if (error == NULL)
        add_details(page, &challenge);
    mfa_add_challenge_variables(page);
    login_show(call, status, screen, error);
}

/* --- asking --- */

static const char *error_of_asking(enum factor_result result)
{
    switch (result) {
    case FACTOR_OK:
        return NULL;
    case FACTOR_TOO_MANY_MESSAGES:
        return "too-many-push";
    case FACTOR_TOO_MANY:
        return "too-many-failures";
    default:
        return "push-failed";
    }
}

static enum factor_result ask(struct mfa_page *page, const struct authenticator *phone, int64_t *retry_ms)
{
    page->factor.request =
        arena_copy(page->login.arena, &(struct push_request){.client_name = page->login.frame.client_name},
                   sizeof(struct push_request));
    return mfa_challenge(&page->factor, phone, retry_ms);
}

static void ask_again(struct mfa_page *page, const struct authenticator *phone)
{
    int64_t retry_ms;
    page->factor.again = true;
    enum factor_result result = ask(page, phone, &retry_ms);
    if (result == FACTOR_TOO_MANY || result == FACTOR_NOT_ENROLLED) {
        mfa_reply_failure(page, result, retry_ms, screen);
        return;
    }
    json_set_bool(page->login.variables, page->login.root, "resent", result == FACTOR_OK);
    show(page, phone,
         result == FACTOR_OK                  ? 200
         : result == FACTOR_TOO_MANY_MESSAGES ? 429
                                              : 400,
         error_of_asking(result));
}

/* --- going on --- */

/* Takes the approval. What the phone said meanwhile is looked at first, as only an approval is a try. */
static void take_answer(struct mfa_page *page, const struct authenticator *phone)
{
    const char *next_code;
    int64_t retry_ms;
    enum push_state state;
    struct push_challenge challenge;
    if (!read_state(page, &state, &challenge))
        return;
    if (state != PUSH_ACCEPTED) {
        json_set_bool(page->login.variables, page->login.root, "pending",
                      state == PUSH_PENDING && strcmp(login_action(&page->login), "continue") == 0);
        show(page, phone, state == PUSH_PENDING ? 200 : 400, NULL);
        return;
    }
    enum factor_result result = mfa_verify(&page->factor, phone, NULL, &next_code, &retry_ms);
    if (result == FACTOR_OK)
        mfa_passed(page, NULL);
    else if (result == FACTOR_PENDING || result == FACTOR_REJECTED || result == FACTOR_EXPIRED)
        show(page, phone, 400, "expired");
    else
        mfa_reply_failure(page, result, retry_ms, screen);
}

/*
 * Without script the page loads itself again, and so finds the approval here. It takes it at once, but where the person may
 * choose whether this browser is remembered: that choice is sent with the button.
 */
static void show_or_take(struct mfa_page *page, const struct authenticator *phone)
{
    enum push_state state;
    struct push_challenge challenge;
    if (!read_state(page, &state, &challenge))
        return;
    if (state == PUSH_ACCEPTED && !mfa_may_remember(page))
        take_answer(page, phone);
    else
        show(page, phone, 200, NULL);
}

void mfa_get_push_challenge(struct http_exchange *x)
{
    struct mfa_page page;
    const struct authenticator *phone;
    if (!open_challenge(x, &page, &phone))
        return;
    const char *challenged = json_mut_text(page.mfa, "challenged");
    if (challenged != NULL && strcmp(challenged, phone->id) == 0) {
        show_or_take(&page, phone);
        return;
    }
    /* What is stored first is that the phone is asked: of two loads at once, one asks. */
    int64_t retry_ms;
    json_set_text(page.doc, page.mfa, "challenged", phone->id);
    if (login_save(&page.login))
        show(&page, phone, 200, error_of_asking(ask(&page, phone, &retry_ms)));
}

void mfa_post_push_challenge(struct http_exchange *x)
{
    struct mfa_page page;
    const struct authenticator *phone;
    if (!open_challenge(x, &page, &phone))
        return;
    const char *action = login_action(&page.login);
    page.remember = mfa_remember_ticked(&page);
    if (strcmp(action, "pick-authenticator") == 0)
        login_go(&page.login, "/u/mfa-login-options");
    else if (strcmp(action, "enter-otp-code") == 0 && can_enter_code(&page))
        login_go(&page.login, "/u/mfa-push-challenge-code");
    else if (strcmp(action, "resend") == 0)
        ask_again(&page, phone);
    else
        take_answer(&page, phone);
}

/* --- a code instead --- */

static void show_code_form(struct mfa_page *page, int status, const char *error)
{
    struct login_call *call = &page->login;
    json_set_text(call->variables, call->root, "backUrl", login_url(call, "/u/mfa-push-challenge"));
    mfa_add_challenge_variables(page);
    login_show(call, status, "mfa-otp-challenge", error);
}

static bool open_code(struct http_exchange *x, struct mfa_page *page, const struct authenticator **phone)
{
    if (!open_challenge(x, page, phone))
        return false;
    if (!can_enter_code(page))
        mfa_go_on(page);
    return can_enter_code(page);
}

void mfa_get_push_code(struct http_exchange *x)
{
    struct mfa_page page;
    const struct authenticator *phone;
    if (open_code(x, &page, &phone))
        show_code_form(&page, 200, NULL);
}

void mfa_post_push_code(struct http_exchange *x)
{
    struct mfa_page page;
    const struct authenticator *phone;
    const char *next_code;
    int64_t retry_ms;
    if (!open_code(x, &page, &phone))
        return;
    const char *code = login_field(&page.login, "code");
    if (strcmp(login_action(&page.login), "pick-authenticator") == 0) {
        login_go(&page.login, "/u/mfa-login-options");
        return;
    }
    if (*code == '\0') {
        show_code_form(&page, 400, "no-code");
        return;
    }
    page.remember = mfa_remember_ticked(&page);
    enum factor_result result = mfa_verify(&page.factor, phone, code, &next_code, &retry_ms);
    if (result == FACTOR_OK)
        mfa_passed(&page, NULL);
    else if (result == FACTOR_BAD_FORMAT)
        show_code_form(&page, 400, "invalid-otp-code-format");
    else if (result == FACTOR_WRONG_CODE && mfa_moved_on(&page))
        return;
    else if (result == FACTOR_WRONG_CODE)
        show_code_form(&page, 400, "invalid-code");
    else
        mfa_reply_failure(&page, result, retry_ms, "mfa-otp-challenge");
}
