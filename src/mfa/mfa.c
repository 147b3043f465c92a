#include "mfa/mfa.h"

#include "base/log.h"
#include "mfa/factors.h"
#include "mfa/limits.h"

#include <string.h>

enum { ATTEMPTS = 8 /* at a write that others got in the way of */ };

/* What the bodies below share: what they are told, and what they find. */
struct
try {
    const struct factor *factor;
    struct authenticator authenticator;
    const char *phone;
    const char *code;
    const char *ticket_hash;
    struct enrollment_offer *offer;
    const char *recovery_code;
    int64_t retry_ms;
};

typedef enum factor_result (*try_body)(struct factor_call *call, struct db_tx *tx, struct try *try);

/* Failures are kept, like successes: they must be counted. All other outcomes leave the store as it was. */
static bool is_kept(enum factor_result result)
{
    return result == FACTOR_OK || result == FACTOR_WRONG_CODE || result == FACTOR_EXPIRED ||
           result == FACTOR_TOO_MANY;
}

/* Runs `body` in a write that nobody else's try of this user overlaps. */
static enum factor_result in_write(struct factor_call *call, try_body body, struct try *try)
{
    enum factor_result result = FACTOR_CONFLICT;
    for (int attempt = 0; attempt < ATTEMPTS && result == FACTOR_CONFLICT; attempt++) {
        struct db_tx *tx;
        struct mfa_settings settings;
        result = factor_result_of(db_begin_write(call->tenant->db, &tx), FACTOR_FAILED);
        if (result != FACTOR_OK)
            continue;
        result = factor_result_of(mfa_lock_user(tx, call->arena, call->user->user_id), FACTOR_NOT_ENROLLED);
        if (result == FACTOR_OK)
            result = factor_result_of(mfa_settings_read(tx, call->arena, &settings), FACTOR_FAILED);
        if (result == FACTOR_OK) {
            struct mfa_settings *kept = arena_copy(call->arena, &settings, sizeof settings);
            call->settings = kept;
            result = body(call, tx, try);
        }
        if (!is_kept(result)) {
            db_rollback(&tx);
            continue;
        }
        enum factor_result committed = factor_result_of(db_commit(&tx), FACTOR_FAILED);
        if (committed != FACTOR_OK)
            result = committed;
    }
    return result == FACTOR_CONFLICT ? FACTOR_FAILED : result;
}

/* Stores what follows from a success with it. */
static enum factor_result store_success(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    if (call->on_success == NULL)
        return FACTOR_OK;
    enum db_result result = call->on_success(call, tx, try->recovery_code);
    return result == DB_CONFLICT ? FACTOR_MOVED : factor_result_of(result, FACTOR_FAILED);
}

static void log_event(struct factor_call *call, const char *type, const char *description,
                      const struct authenticator *authenticator, const char *reason)
{
    mfa_log(call->tenant, call->arena, call->x, type, description, call->user->user_id, authenticator,
            reason);
}

/* --- sending --- */

static enum factor_result take_message(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    enum factor_result result = limit_tries(call, tx, &try->retry_ms);
    return result == FACTOR_OK ? try->factor->limit(call, tx, &try->authenticator, &try->retry_ms) : result;
}

static enum factor_result send_message(struct factor_call *call, const struct factor *factor,
                                       const struct authenticator *authenticator, int64_t *retry_ms)
{
    struct try try = {.factor = factor, .authenticator = *authenticator};
    enum factor_result result = in_write(call, take_message, &try);
    *retry_ms = try.retry_ms;
    if (result == FACTOR_TOO_MANY_MESSAGES && strcmp(factor->kind, "phone") == 0)
        log_event(call, "limit_phone", "Too many phone messages", authenticator, NULL);
    else if (result == FACTOR_TOO_MANY_MESSAGES)
        log_event(call, factor->log_limited, "Guardian - Too many messages", authenticator, NULL);
    if (result != FACTOR_OK)
        return result;
    result = factor->challenge(call, authenticator);
    if (result == FACTOR_OK)
        log_event(call, factor->log_sent, "Guardian - Message sent", authenticator, NULL);
    else
        log_event(call, factor->log_send_failed, "Guardian - Message could not be sent", authenticator,
                  "the provider did not take the message");
    return result;
}

/* --- enrolling --- */

/* Whether this user may add a factor now, and this one. */
static enum factor_result check_may_enroll(struct factor_call *call, struct db_tx *tx,
                                           const struct factor *factor)
{
    struct mfa_choice choice;
    enum db_result read = mfa_choice_read(call->tenant, tx, call->arena, call->settings, call->user->user_id,
                                          call->provider, &choice);
    if (read != DB_OK)
        return factor_result_of(read, FACTOR_FAILED);
    if (choice.enrolled_count > 0 && !call->additional)
        return FACTOR_ALREADY_ENROLLED;
    for (size_t i = 0; i < choice.enrollable_count; i++)
        if (choice.enrollable[i] == factor)
            return FACTOR_OK;
    return FACTOR_NOT_ENROLLED;
}

/* Removes a pending authenticator of this user, if it still is one. */
static enum factor_result drop_replaced(struct factor_call *call, struct db_tx *tx, const char *id)
{
    struct authenticator old;
    enum db_result result = authenticator_by_id(tx, call->arena, call->tenant->keyring, id, &old);
    if (result == DB_OK && !old.confirmed && strcmp(old.user_id, call->user->user_id) == 0)
        result = authenticator_delete(tx, id);
    return result == DB_NOT_FOUND ? FACTOR_OK : factor_result_of(result, FACTOR_OK);
}

static enum factor_result begin_enrollment(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    enum factor_result result = limit_tries(call, tx, &try->retry_ms);
    if (result == FACTOR_OK)
        result = check_may_enroll(call, tx, try->factor);
    if (result == FACTOR_OK && call->replaces != NULL)
        result = drop_replaced(call, tx, call->replaces);
    return result == FACTOR_OK ? try->factor->enroll(call, tx, try->phone, try->offer) : result;
}

/* An enrolment whose first message did not leave has not begun. */
static enum factor_result undo_enrollment(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    return drop_replaced(call, tx, try->offer->authenticator.id);
}

enum factor_result mfa_enroll(struct factor_call *call, const struct factor *factor, const char *phone,
                              struct enrollment_offer *offer, int64_t *retry_ms)
{
    *offer = (struct enrollment_offer){0};
    struct try try = {.factor = factor, .phone = phone, .offer = offer};
    enum factor_result result = in_write(call, begin_enrollment, &try);
    *retry_ms = try.retry_ms;
    if (result != FACTOR_OK)
        return result;
    log_event(call, "gd_start_enroll", "Guardian - Enrollment started", &offer->authenticator, NULL);
    if (!factor->enrolls_by_message)
        return FACTOR_OK;
    result = send_message(call, factor, &offer->authenticator, retry_ms);
    if (result != FACTOR_OK && in_write(call, undo_enrollment, &try) != FACTOR_OK)
        LOG_WARN("mfa.pending_left", LOG_TEXT("authenticator", offer->authenticator.id));
    return result;
}

/* A pending authenticator of this user by its id. */
static enum factor_result find_pending(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    enum db_result found = authenticator_by_id(tx, call->arena, call->tenant->keyring, try->authenticator.id,
                                               &try->authenticator);
    if (found != DB_OK)
        return factor_result_of(found, FACTOR_NOT_ENROLLED);
    if (try->authenticator.confirmed || strcmp(try->authenticator.user_id, call->user->user_id) != 0)
        return FACTOR_NOT_ENROLLED;
    try->factor = factor_by_kind(try->authenticator.kind);
    return try->factor != NULL ? FACTOR_OK : FACTOR_NOT_ENROLLED;
}

enum factor_result mfa_resume(struct factor_call *call, const char *authenticator_id,
                              struct enrollment_offer *offer)
{
    struct db_tx *tx;
    struct try try = {.authenticator = {.id = authenticator_id}};
    *offer = (struct enrollment_offer){0};
    if (db_begin_read(call->tenant->db, &tx) != DB_OK)
        return FACTOR_FAILED;
    enum factor_result result = find_pending(call, tx, &try);
    offer->authenticator = try.authenticator;
    if (result == FACTOR_OK)
        result = try.factor->show(call, tx, offer);
    db_end(&tx);
    return result;
}

enum factor_result mfa_enroll_again(struct factor_call *call, const char *authenticator_id, int64_t *retry_ms)
{
    struct enrollment_offer offer;
    *retry_ms = 0;
    enum factor_result result = mfa_resume(call, authenticator_id, &offer);
    if (result != FACTOR_OK)
        return result;
    const struct factor *factor = factor_by_kind(offer.authenticator.kind);
    return factor->enrolls_by_message ? send_message(call, factor, &offer.authenticator, retry_ms)
                                      : FACTOR_OK;
}

/* --- confirming --- */

static enum factor_result check_code(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    enum factor_result result = try->factor->confirm(call, tx, &try->authenticator, try->code);
    if (result == FACTOR_WRONG_CODE || result == FACTOR_EXPIRED)
        return limit_count_failure(call, tx, result, &try->retry_ms);
    return result;
}

/* The first factor ends all other enrolments of the user that are under way. */
static enum db_result drop_other_pending(struct factor_call *call, struct db_tx *tx)
{
    enum db_result result = DB_OK;
    for (size_t i = 0; i < factors_count && result == DB_OK && !call->additional; i++)
        result = authenticators_delete_pending(tx, call->user->user_id, factors[i]->kind);
    return result;
}

static enum factor_result make_recovery_code(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    struct authenticator *list;
    size_t count;
    if (!mfa_factor_enabled(call->settings, "recovery-code"))
        return FACTOR_OK;
    enum db_result read =
        authenticators_of_user(tx, call->arena, call->tenant->keyring, call->user->user_id, &list, &count);
    if (read != DB_OK)
        return factor_result_of(read, FACTOR_FAILED);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].kind, "recovery-code") == 0)
            return FACTOR_OK;
    return recovery_code_create(call, tx, &try->recovery_code);
}

enum factor_result mfa_settle_recovery_code(struct factor_call *call, struct db_tx *tx)
{
    struct try try = {0};
    struct mfa_settings *settings = arena_alloc(call->arena, sizeof *settings);
    if (call->announced_code == NULL)
        return FACTOR_OK;
    enum factor_result result =
        factor_result_of(mfa_lock_user(tx, call->arena, call->user->user_id), FACTOR_NOT_ENROLLED);
    if (result == FACTOR_OK)
        result = factor_result_of(mfa_settings_read(tx, call->arena, settings), FACTOR_FAILED);
    call->settings = settings;
    return result == FACTOR_OK ? make_recovery_code(call, tx, &try) : result;
}

/* Everything that a confirmed enrolment changes, in the one write. */
static enum factor_result confirm_enrollment(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    const char *id = try->authenticator.id;
    try->recovery_code = NULL;
    enum factor_result result = limit_tries(call, tx, &try->retry_ms);
    if (result == FACTOR_OK)
        result = find_pending(call, tx, try);
    if (result == FACTOR_OK)
        result = check_may_enroll(call, tx, try->factor);
    if (result == FACTOR_OK)
        result = check_code(call, tx, try);
    if (result == FACTOR_OK && try->ticket_hash != NULL)
        result =
            factor_result_of(enrollment_ticket_use(tx, try->ticket_hash, call->now), FACTOR_TICKET_SPENT);
    if (result == FACTOR_OK)
        result = factor_result_of(drop_other_pending(call, tx), FACTOR_FAILED);
    if (result == FACTOR_OK && !call->page_shows_recovery_code)
        result = make_recovery_code(call, tx, try);
    if (result == FACTOR_OK)
        result = factor_result_of(mfa_sync_user(tx, call->arena, call->user->user_id, true, call->now),
                                  FACTOR_CONFLICT);
    if (result == FACTOR_OK)
        result = store_success(call, tx, try);
    try->authenticator.id = id;
    return result;
}

enum factor_result mfa_confirm(struct factor_call *call, const char *authenticator_id, const char *code,
                               const char *ticket_hash, const char **recovery_code, int64_t *retry_ms)
{
    struct try try = {
        .authenticator = {.id = authenticator_id},
        .code = code_typed(call->arena, code),
        .ticket_hash = ticket_hash,
    };
    enum factor_result result = in_write(call, confirm_enrollment, &try);
    *retry_ms = try.retry_ms;
    *recovery_code = NULL;
    const struct factor *factor = try.factor;
    if (result == FACTOR_OK) {
        *recovery_code = try.recovery_code;
        log_event(call, "gd_enrollment_complete",
                  arena_printf(call->arena, "Guardian - Enrollment complete (%s)", factor->name),
                  &try.authenticator, NULL);
        log_event(call, factor->log_passed, "Guardian - Second factor passed", &try.authenticator, NULL);
    } else if (factor != NULL && (result == FACTOR_WRONG_CODE || result == FACTOR_EXPIRED)) {
        log_event(call, factor->log_failed, "Guardian - Wrong code", &try.authenticator, NULL);
    } else if (result == FACTOR_TOO_MANY) {
        log_event(call, factor != NULL ? factor->log_limited : "gd_otp_rate_limit_exceed",
                  "Guardian - Too many wrong codes", NULL, NULL);
    }
    return result;
}

static enum factor_result take_enrollment(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    struct authenticator confirmed;
    try->recovery_code = NULL;
    enum db_result found =
        authenticator_by_id(tx, call->arena, call->tenant->keyring, try->authenticator.id, &confirmed);
    if (found != DB_OK)
        return factor_result_of(found, FACTOR_NOT_ENROLLED);
    if (strcmp(confirmed.user_id, call->user->user_id) != 0)
        return FACTOR_NOT_ENROLLED;
    if (!confirmed.confirmed)
        return FACTOR_PENDING;
    enum factor_result result = make_recovery_code(call, tx, try);
    return result == FACTOR_OK ? store_success(call, tx, try) : result;
}

enum factor_result mfa_take_enrollment(struct factor_call *call, const char *authenticator_id,
                                       const char **recovery_code)
{
    struct try try = {.authenticator = {.id = authenticator_id}};
    enum factor_result result = in_write(call, take_enrollment, &try);
    *recovery_code = result == FACTOR_OK ? try.recovery_code : NULL;
    return result;
}

/* --- challenging --- */

enum factor_result mfa_challenge(struct factor_call *call, const struct authenticator *authenticator,
                                 int64_t *retry_ms)
{
    const struct factor *factor = factor_by_kind(authenticator->kind);
    *retry_ms = 0;
    if (!call->again)
        log_event(call, "gd_start_auth", "Guardian - Second factor started", authenticator, NULL);
    return factor->challenge != NULL ? send_message(call, factor, authenticator, retry_ms) : FACTOR_OK;
}

static enum factor_result verify_code(struct factor_call *call, struct db_tx *tx, struct try *try)
{
    struct authenticator
        current; /* as it is now: the step that was used last, and whether it still is there */
    try->recovery_code = NULL;
    if (try->code == NULL && !try->factor->is_answered_elsewhere)
        return FACTOR_BAD_FORMAT;
    enum factor_result result = limit_tries(call, tx, &try->retry_ms);
    if (result != FACTOR_OK)
        return result;
    enum db_result found =
        authenticator_by_id(tx, call->arena, call->tenant->keyring, try->authenticator.id, &current);
    if (found != DB_OK)
        return factor_result_of(found, FACTOR_NOT_ENROLLED);
    if (!current.confirmed || strcmp(current.user_id, call->user->user_id) != 0)
        return FACTOR_NOT_ENROLLED;
    result = try->factor->verify(call, tx, &current, try->code, &try->recovery_code);
    if (result == FACTOR_WRONG_CODE || result == FACTOR_EXPIRED)
        return limit_count_failure(call, tx, result, &try->retry_ms);
    return result == FACTOR_OK ? store_success(call, tx, try) : result;
}

enum factor_result mfa_verify(struct factor_call *call, const struct authenticator *authenticator,
                              const char *code, const char **next_recovery_code, int64_t *retry_ms)
{
    struct try try = {
        .factor = factor_by_kind(authenticator->kind),
        .authenticator = *authenticator,
        .code = code != NULL ? code_typed(call->arena, code) : NULL,
    };
    enum factor_result result = in_write(call, verify_code, &try);
    *next_recovery_code = result == FACTOR_OK ? try.recovery_code : NULL;
    *retry_ms = try.retry_ms;
    if (result == FACTOR_OK)
        log_event(call, try.factor->log_passed, "Guardian - Second factor passed", authenticator, NULL);
    else if (result == FACTOR_WRONG_CODE || result == FACTOR_EXPIRED)
        log_event(call, try.factor->log_failed, "Guardian - Wrong code", authenticator, NULL);
    else if (result == FACTOR_TOO_MANY)
        log_event(call, try.factor->log_limited, "Guardian - Too many wrong codes", authenticator, NULL);
    return result;
}
