/* Recovery codes: one a user, for the day when the phone is lost; used once, and then another takes its place. */
#include "mfa/factors.h"

#include "base/random.h"
#include "crypto/digest.h"

#include <ctype.h>
#include <string.h>

enum { CODE_LENGTH = 24 };

const char *recovery_code_invent(struct arena *arena)
{
    return random_text(arena, RANDOM_UPPER_ALPHANUMERIC, CODE_LENGTH);
}

enum factor_result recovery_code_create(struct factor_call *call, struct db_tx *tx, const char **code)
{
    const char *fresh =
        call->announced_code != NULL ? call->announced_code : recovery_code_invent(call->arena);
    struct authenticator authenticator = {
        .id = random_id(call->arena, "dev_", 16),
        .user_id = call->user->user_id,
        .kind = "recovery-code",
        .created_at = call->now,
    };
    enum db_result result = authenticator_insert(tx, call->arena, call->tenant->keyring, &authenticator,
                                                 token_hash(call->arena, fresh));
    if (result == DB_OK)
        result = authenticator_confirm(tx, authenticator.id, 0, call->now);
    *code = result == DB_OK ? fresh : NULL;
    return factor_result_of(result, FACTOR_FAILED);
}

static enum factor_result verify_recovery(struct factor_call *call, struct db_tx *tx,
                                          const struct authenticator *authenticator, const char *code,
                                          const char **next_code)
{
    char *upper = arena_strdup(call->arena, code);
    for (char *c = upper; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    if (strlen(upper) != CODE_LENGTH || strspn(upper, RANDOM_UPPER_ALPHANUMERIC) != CODE_LENGTH)
        return FACTOR_BAD_FORMAT;
    const char *fresh = recovery_code_invent(call->arena);
    enum db_result result =
        authenticator_replace_code(tx, authenticator->user_id, token_hash(call->arena, upper),
                                   token_hash(call->arena, fresh), call->now);
    *next_code = result == DB_OK ? fresh : NULL;
    return factor_result_of(result, FACTOR_WRONG_CODE);
}

/* Made with the first factor, not by itself. */
static enum factor_result enroll_recovery(struct factor_call *call, struct db_tx *tx, const char *phone,
                                          struct enrollment_offer *offer)
{
    (void)call;
    (void)tx;
    (void)phone;
    (void)offer;
    return FACTOR_NOT_ENROLLED;
}

static enum factor_result show_recovery(struct factor_call *call, struct db_tx *tx,
                                        struct enrollment_offer *offer)
{
    (void)call;
    (void)tx;
    (void)offer;
    return FACTOR_NOT_ENROLLED;
}

static enum factor_result confirm_recovery(struct factor_call *call, struct db_tx *tx,
                                           const struct authenticator *authenticator, const char *code)
{
    (void)call;
    (void)tx;
    (void)authenticator;
    (void)code;
    return FACTOR_NOT_ENROLLED;
}

const struct factor recovery_factor = {
    .name = "recovery-code",
    .kind = "recovery-code",
    .type = "recovery-code",
    .counts_as_enrolled = false,
    .log_passed = "gd_recovery_succeed",
    .log_failed = "gd_recovery_failed",
    .log_limited = "gd_recovery_rate_limit_exceed",
    .enroll = enroll_recovery,
    .show = show_recovery,
    .confirm = confirm_recovery,
    .verify = verify_recovery,
    .describe = factor_describe,
};
