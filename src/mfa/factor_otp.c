/* One-time codes from an app (RFC 6238). */
#include "mfa/factors.h"

#include "base/encode.h"
#include "base/random.h"
#include "crypto/otp.h"

#include <string.h>

enum { SECRET_BYTES = 20 /* 32 characters of base32 */, CODE_DIGITS = 6 };

static enum factor_result show_otp(struct factor_call *call, struct db_tx *tx, struct enrollment_offer *offer)
{
    offer->secret_base32 = base32_encode(call->arena, offer->authenticator.secret);
    offer->otpauth_uri = otpauth_uri(call->arena, tenant_friendly_name(call->tenant, tx, call->arena),
                                     factor_account(call->user), offer->secret_base32);
    return FACTOR_OK;
}

static enum factor_result enroll_otp(struct factor_call *call, struct db_tx *tx, const char *phone,
                                     struct enrollment_offer *offer)
{
    (void)phone;
    enum factor_result result = factor_drop_stale(call, tx, "otp");
    if (result != FACTOR_OK)
        return result;
    offer->authenticator = (struct authenticator){
        .id = random_id(call->arena, "dev_", 16),
        .user_id = call->user->user_id,
        .kind = "otp",
        .secret = factor_new_seed(call->arena),
        .created_at = call->now,
    };
    result = factor_result_of(
        authenticator_insert(tx, call->arena, call->tenant->keyring, &offer->authenticator, NULL),
        FACTOR_FAILED);
    return result == FACTOR_OK ? show_otp(call, tx, offer) : result;
}

struct bytes factor_new_seed(struct arena *arena)
{
    uint8_t *seed = arena_alloc(arena, SECRET_BYTES);
    random_fill(seed, SECRET_BYTES);
    return (struct bytes){.data = seed, .size = SECRET_BYTES};
}

static bool is_code(const char *code)
{
    return strlen(code) == CODE_DIGITS && strspn(code, RANDOM_DIGITS) == CODE_DIGITS;
}

static enum factor_result confirm_otp(struct factor_call *call, struct db_tx *tx,
                                      const struct authenticator *authenticator, const char *code)
{
    int64_t step;
    if (!is_code(code))
        return FACTOR_BAD_FORMAT;
    if (!totp_verify(authenticator->secret, code, call->now / 1000, authenticator->last_step, &step))
        return FACTOR_WRONG_CODE;
    return factor_result_of(authenticator_confirm(tx, authenticator->id, step, call->now),
                            FACTOR_NOT_ENROLLED);
}

enum factor_result factor_use_totp(struct factor_call *call, struct db_tx *tx,
                                   const struct authenticator *authenticator, const char *code)
{
    int64_t step;
    if (!is_code(code))
        return FACTOR_BAD_FORMAT;
    if (!totp_verify(authenticator->secret, code, call->now / 1000, authenticator->last_step, &step))
        return FACTOR_WRONG_CODE;
    return factor_result_of(authenticator_use_step(tx, authenticator->id, step, call->now),
                            FACTOR_WRONG_CODE);
}

static enum factor_result verify_otp(struct factor_call *call, struct db_tx *tx,
                                     const struct authenticator *authenticator, const char *code,
                                     const char **next_code)
{
    (void)next_code;
    return factor_use_totp(call, tx, authenticator, code);
}

const struct factor otp_factor = {
    .name = "otp",
    .kind = "otp",
    .type = "totp",
    .counts_as_enrolled = true,
    .log_passed = "gd_auth_succeed",
    .log_failed = "gd_auth_failed",
    .log_limited = "gd_otp_rate_limit_exceed",
    .enroll = enroll_otp,
    .show = show_otp,
    .confirm = confirm_otp,
    .verify = verify_otp,
    .describe = factor_describe,
};
