#include "login/mfa.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "session/remembered.h"

#include <inttypes.h>
#include <string.h>

static const char start_path[] = "/u/mfa-detect-browser-capabilities";

/* --- opening --- */

static bool read_user(struct mfa_page *page)
{
    struct login_call *call = &page->login;
    const char *user_id = json_mut_text(call->transaction->root, "user_id");
    const char *provider = json_mut_text(page->mfa, "provider");
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(call->tenant->db, &tx);
    if (result == DB_OK)
        result = user_by_id(tx, call->arena, user_id != NULL ? user_id : "", &page->user);
    if (result == DB_OK)
        result = mfa_settings_read(tx, call->arena, &page->settings);
    if (result == DB_OK)
        result =
            mfa_choice_read(call->tenant, tx, call->arena, &page->settings, user_id, provider, &page->choice);
    if (result == DB_OK)
        page->has_own_page = mfa_has_own_page(call->tenant, tx, call->arena);
    db_end(&tx);
    if (result == DB_NOT_FOUND && page->is_ticket)
        mfa_reply_enroll_result(call->x, "genericError");
    else if (result == DB_NOT_FOUND)
        login_fail(call, "access_denied", "The user does not exist any more.");
    else if (result != DB_OK)
        login_reply_store_failure(call);
    return result == DB_OK;
}

/* Whether this is the moment of a page of that stage; else goes where the person should be. */
static bool check_stage(struct mfa_page *page, enum mfa_stage stage)
{
    struct login_call *call = &page->login;
    bool is_done = page->mfa == NULL || json_mut_bool(page->mfa, "done", false);
    if (is_done) {
        login_go(call, page->is_ticket ? "/u/mfa-enroll-result" : "/authorize/resume");
        return false;
    }
    yyjson_mut_val *recovery = json_mut_member(page->mfa, "recovery");
    if (stage == MFA_ASKING && recovery != NULL) {
        login_go(call, json_mut_text(recovery, "screen"));
        return false;
    }
    if (stage == MFA_KEEPING && recovery == NULL) {
        login_go(call, start_path);
        return false;
    }
    int64_t started_at = json_mut_int(page->mfa, "started_at", 0);
    if (stage == MFA_ASKING && !page->is_ticket && clock_now_ms() >= started_at + MFA_SCREEN_MS) {
        login_fail(call, "invalid_request", "The transaction has expired");
        return false;
    }
    return true;
}

static enum db_result store_success(struct factor_call *factor, struct db_tx *tx, const char *recovery_code);

bool mfa_open(struct http_exchange *x, struct mfa_page *page, enum mfa_stage stage)
{
    *page = (struct mfa_page){0};
    struct login_call *call = &page->login;
    if (!login_open(x, call))
        return false;
    const char *kind = json_mut_text(call->transaction->root, "kind");
    page->is_ticket = kind != NULL && strcmp(kind, "enrollment") == 0;
    page->doc = call->transaction->doc;
    page->mfa = json_mut_member(call->transaction->root, "mfa");
    const char *step = json_mut_text(call->transaction->root, "step");
    if (page->mfa != NULL && (step == NULL || strcmp(step, "mfa") != 0))
        page->mfa = NULL;
    if (!check_stage(page, stage) || !read_user(page))
        return false;
    page->factor = (struct factor_call){
        .tenant = call->tenant,
        .arena = call->arena,
        .x = x,
        .user = &page->user,
        .binding = token_hash(call->arena, call->transaction->id),
        .locale = call->language,
        .provider = json_mut_text(page->mfa, "provider"),
        .additional = json_mut_bool(page->mfa, "additional", false),
        .now = clock_now_ms(),
        .began_at = json_mut_int(page->mfa, "started_at", 0),
        .on_success = store_success,
        .context = page,
    };
    page->loaded_version = call->transaction->version;
    return true;
}

/* --- where to --- */

static const struct mfa_way ways[] = {
    {"push", "push-notification", "Push", "/u/mfa-push-challenge", "/u/mfa-push-enrollment",
     "/u/mfa-push-enrollment"},
    {"otp", "otp", "OTP", "/u/mfa-otp-challenge", "/u/mfa-otp-enrollment", "/u/mfa-otp-enrollment"},
    {"phone", "sms", "SMS", "/u/mfa-sms-challenge", "/u/mfa-sms-enrollment", "/u/mfa-sms-enrollment-verify"},
    {"recovery-code", "recovery-code", "RecoveryCode", "/u/mfa-recovery-code-challenge", NULL, NULL},
};

const struct mfa_way *mfa_way_of(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LENGTH(ways); i++)
        if (strcmp(ways[i].kind, kind) == 0)
            return &ways[i];
    return NULL;
}

bool mfa_may_enroll(struct mfa_page *page, const char *name)
{
    const char *only = json_mut_text(page->mfa, "factor");
    if (page->choice.enrolled_count > 0 && !page->factor.additional)
        return false;
    if (only != NULL && strcmp(only, name) != 0)
        return false;
    for (size_t i = 0; i < page->choice.enrollable_count; i++)
        if (strcmp(page->choice.enrollable[i]->name, name) == 0)
            return true;
    return false;
}

static size_t count_enrollable(struct mfa_page *page, const char **name)
{
    size_t count = 0;
    for (size_t i = 0; i < factors_count; i++)
        if (mfa_may_enroll(page, factors[i]->name)) {
            *name = factors[i]->name;
            count++;
        }
    return count;
}

const char *mfa_confirmed_phone(struct mfa_page *page)
{
    yyjson_mut_val *enrolling = json_mut_member(page->mfa, "enrolling");
    const char *kind = json_mut_text(enrolling, "kind"), *id = json_mut_text(enrolling, "id");
    if (kind == NULL || id == NULL || strcmp(kind, "push") != 0)
        return NULL;
    for (size_t i = 0; i < page->choice.enrolled_count; i++)
        if (strcmp(page->choice.enrolled[i].id, id) == 0)
            return id;
    return NULL;
}

const char *mfa_plain_path(struct mfa_page *page)
{
    if (mfa_confirmed_phone(page) != NULL)
        return mfa_way_of("push")->enrollment;
    if (page->choice.enrolled_count > 0 && !page->is_ticket) {
        const char *selected = json_mut_text(page->mfa, "selected");
        for (size_t i = 0; selected != NULL && i < page->choice.enrolled_count; i++)
            if (strcmp(page->choice.enrolled[i].id, selected) == 0)
                return mfa_way_of(page->choice.enrolled[i].kind)->challenge;
        return mfa_way_of(page->choice.enrolled[0].kind)->challenge;
    }
    const char *kind = json_mut_text(json_mut_member(page->mfa, "enrolling"), "kind");
    if (kind != NULL && mfa_may_enroll(page, factor_by_kind(kind)->name))
        return mfa_way_of(kind)->enrolling;
    const char *only = NULL;
    size_t count = count_enrollable(page, &only);
    if (count == 0)
        return NULL;
    return count == 1 ? mfa_way_of(factor_by_name(only)->kind)->enrollment : "/u/mfa-begin-enroll-options";
}

bool mfa_asks_duo(struct mfa_page *page)
{
    const char *provider = json_mut_text(page->mfa, "provider");
    if (page->is_ticket || provider == NULL)
        return false;
    if (strcmp(provider, "duo") == 0)
        return true;
    if (strcmp(provider, "any") != 0 || !page->settings.duo)
        return false;
    for (size_t i = 0; i < factors_count; i++)
        if (factors[i]->counts_as_enrolled && page->settings.enabled[i])
            return false;
    return true;
}

const char *mfa_next_path(struct mfa_page *page)
{
    if (mfa_asks_duo(page))
        return "/u/mfa-duo";
    const char *path = mfa_plain_path(page);
    return path != NULL && page->has_own_page && !page->is_ticket ? "/u/mfa-widget" : path;
}

void mfa_go_on(struct mfa_page *page)
{
    const char *path = mfa_next_path(page);
    if (path != NULL)
        login_go(&page->login, path);
    else if (page->is_ticket)
        mfa_reply_enroll_result(page->login.x,
                                page->choice.enrolled_count > 0 ? "alreadyEnrolled" : "genericError");
    else
        login_fail(&page->login, "access_denied", "A second factor is required, and none is enabled.");
}

const struct authenticator *mfa_enrolled_of(struct mfa_page *page, const char *kind)
{
    const char *selected = json_mut_text(page->mfa, "selected");
    const struct authenticator *first = NULL;
    for (size_t i = 0; i < page->choice.enrolled_count && !page->is_ticket; i++) {
        const struct authenticator *authenticator = &page->choice.enrolled[i];
        if (strcmp(authenticator->kind, kind) != 0)
            continue;
        if (selected != NULL && strcmp(authenticator->id, selected) == 0)
            return authenticator;
        first = first != NULL ? first : authenticator;
    }
    return first;
}

/* --- showing --- */

bool mfa_may_remember(struct mfa_page *page)
{
    return json_mut_bool(page->mfa, "allow_remember_browser", true) && page->settings.show_remember_checkbox;
}

bool mfa_remember_ticked(struct mfa_page *page)
{
    return mfa_may_remember(page) && strcmp(login_field(&page->login, "rememberBrowser"), "true") == 0;
}

void mfa_add_challenge_variables(struct mfa_page *page)
{
    struct login_call *call = &page->login;
    bool is_post = strcmp(call->x->request.method, "POST") == 0;
    json_set_bool(call->variables, call->root, "showRememberDevice", mfa_may_remember(page));
    json_set_bool(call->variables, call->root, "rememberDevice",
                  is_post ? mfa_remember_ticked(page) : page->settings.remember_default);
    json_set_bool(call->variables, call->root, "canPick", page->choice.enrolled_count > 1);
}

void mfa_add_enrollment_variables(struct mfa_page *page)
{
    const char *last;
    json_set_bool(page->login.variables, page->login.root, "canPick", count_enrollable(page, &last) > 1);
}

const char *mfa_error_of(enum factor_result result)
{
    switch (result) {
    case FACTOR_OK:
        return NULL;
    case FACTOR_WRONG_CODE:
        return "invalid-code";
    case FACTOR_EXPIRED:
        return "expired-code";
    case FACTOR_SEND_FAILED:
        return "send-sms-failed";
    case FACTOR_TOO_MANY_MESSAGES:
        return "too-many-sms";
    case FACTOR_TOO_MANY:
        return "too-many-failures";
    case FACTOR_ALREADY_ENROLLED:
        return "user-already-enrolled";
    default:
        return "authenticator-error";
    }
}

/* --- ending --- */

static void reply_locked(struct mfa_page *page, int64_t retry_ms)
{
    struct login_call *call = &page->login;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = login_transaction_finish(tx, call->transaction);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_FAILED) {
        login_reply_store_failure(call);
        return;
    }
    http_set_header(call->x, "Retry-After", arena_printf(call->arena, "%" PRId64, (retry_ms + 999) / 1000));
    tenant_reply_error_page(call->x, 429, &call->frame, "tooManyFailures", "too_many_attempts",
                            "Too many failed codes. Wait for some minutes before retrying.");
}

void mfa_reply_failure(struct mfa_page *page, enum factor_result result, int64_t retry_ms, const char *screen)
{
    switch (result) {
    case FACTOR_TOO_MANY:
        reply_locked(page, retry_ms);
        return;
    case FACTOR_MOVED:
        login_reply_conflict(&page->login);
        return;
    case FACTOR_TICKET_SPENT:
        mfa_reply_enroll_result(page->login.x, "alreadyUsed");
        return;
    case FACTOR_ALREADY_ENROLLED:
    case FACTOR_NOT_ENROLLED:
        /* Another tab, or an operator, was faster: the login goes on with what is true now. */
        json_remove(page->mfa, "enrolling");
        json_remove(page->mfa, "selected");
        if (login_save(&page->login))
            login_go(&page->login, start_path);
        return;
    default:
        login_show(&page->login, result == FACTOR_FAILED ? 500 : 400, screen, mfa_error_of(result));
    }
}

static const char *recovery_purpose(struct mfa_page *page)
{
    return arena_printf(page->login.arena, "login_transactions:%s", page->factor.binding);
}

static void set_recovery_code(struct mfa_page *page, const char *code)
{
    struct login_call *call = &page->login;
    yyjson_mut_val *recovery = yyjson_mut_obj(page->doc);
    json_set_text(
        page->doc, recovery, "sealed",
        keyring_seal(call->tenant->keyring, call->arena, recovery_purpose(page), bytes_of_text(code)));
    json_set_text(page->doc, recovery, "screen", page->recovery_screen);
    json_set(page->doc, page->mfa, "recovery", recovery);
    json_remove(page->mfa, "enrolling");
}

static void add_method(struct mfa_page *page)
{
    yyjson_mut_val *root = page->login.transaction->root;
    yyjson_mut_val *methods = json_mut_member(root, "methods");
    if (page->has_method)
        return;
    page->has_method = true;
    if (!yyjson_mut_is_arr(methods)) {
        methods = yyjson_mut_arr(page->doc);
        json_set(page->doc, root, "methods", methods);
    }
    yyjson_mut_val *method = yyjson_mut_obj(page->doc);
    json_set_text(page->doc, method, "name", "mfa");
    json_set_int(page->doc, method, "timestamp", page->factor.now);
    yyjson_mut_arr_append(methods, method);
}

static void set_done(struct mfa_page *page)
{
    json_set_bool(page->doc, page->mfa, "done", true);
    json_remove(page->mfa, "enrolling");
    json_remove(page->mfa, "recovery");
    if (page->is_ticket) {
        json_set_text(page->doc, page->mfa, "status", "enrolled");
    } else {
        add_method(page);
        json_set_text(page->doc, page->login.transaction->root, "step", "resume");
    }
}

/* The login's next step, within the write that spends the code: whoever passed the factor has moved, and nobody else has. */
static enum db_result store_success(struct factor_call *factor, struct db_tx *tx, const char *recovery_code)
{
    struct mfa_page *page = factor->context;
    struct login_call *call = &page->login;
    if (recovery_code != NULL)
        set_recovery_code(page, recovery_code);
    else
        set_done(page);
    call->transaction->version = page->loaded_version;
    enum db_result result = login_transaction_save(tx, call->arena, call->transaction);
    if (result == DB_OK && page->remember)
        result = remembered_browser_add(call->x, tx, page->user.user_id);
    return result;
}

enum db_result mfa_store_passed(struct mfa_page *page, struct db_tx *tx)
{
    return store_success(&page->factor, tx, NULL);
}

void mfa_passed(struct mfa_page *page, const char *recovery_code)
{
    if (recovery_code != NULL)
        login_go(&page->login, page->recovery_screen);
    else
        login_go(&page->login, page->is_ticket ? "/u/mfa-enroll-result" : "/authorize/resume");
}

void mfa_kept(struct mfa_page *page)
{
    set_done(page);
    if (login_save(&page->login))
        mfa_passed(page, NULL);
}

bool mfa_moved_on(struct mfa_page *page)
{
    struct login_call *call = &page->login;
    struct login_transaction *now = NULL;
    struct db_tx *tx = NULL;
    enum transaction_fault fault = TRANSACTION_FAILED;
    if (db_begin_read(call->tenant->db, &tx) == DB_OK)
        fault = login_transaction_load(call->x, tx, call->transaction->id, &now);
    db_end(&tx);
    bool moved =
        fault == TRANSACTION_UNKNOWN || (fault == TRANSACTION_FINE && now->version != page->loaded_version);
    if (moved)
        login_reply_conflict(call);
    return moved;
}
