#include "mfa/mfa.h"

#include "store/settings.h"

#include <string.h>

enum {
    REMEMBER_IDLE_S = 604800,
    REMEMBER_OVERALL_S = 2592000,
    CODE_DIGITS = 6,
    CODE_LIFETIME_S = 300,
    FEWEST_DIGITS = 4,
    MOST_DIGITS = 10
};

/* SMS needs the phone factor, and message types that do not leave it out (none named means SMS alone). */
static bool sms_allowed(yyjson_val *message_types)
{
    yyjson_val *types = json_member(message_types, "message_types");
    return yyjson_arr_size(types) == 0 || json_array_has_text(types, "sms");
}

enum db_result mfa_settings_read(struct db_tx *tx, struct arena *arena, struct mfa_settings *settings)
{
    yyjson_val *factor_switches, *policies, *remember, *phone, *message_types, *push;
    const struct {
        const char *name;
        yyjson_val **doc;
    } wanted[] = {
        {"guardian.factors", &factor_switches},
        {"guardian.policies", &policies},
        {"guardian.settings", &remember},
        {"guardian.phone.settings", &phone},
        {"guardian.phone.message-types", &message_types},
        {"guardian.push.settings", &push},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        enum db_result result = settings_get(tx, arena, wanted[i].name, wanted[i].doc);
        if (result != DB_OK && result != DB_NOT_FOUND)
            return result;
    }

    *settings = (struct mfa_settings){
        .duo = json_bool(factor_switches, "duo", false),
        .policy_always = json_array_has_text(policies, "all-applications"),
        .show_remember_checkbox = json_bool(remember, "display_remember_me_checkbox", true),
        .remember_default = json_bool(remember, "remember_me_default_value", false),
        .remember_idle_s = json_int(remember, "mfa_session_inactivity_timeout", REMEMBER_IDLE_S),
        .remember_overall_s = json_int(remember, "mfa_session_overall_timeout", REMEMBER_OVERALL_S),
        .phone_code_lifetime_s = json_int(phone, "otp_expiration_time", CODE_LIFETIME_S),
        .push_number_required = json_bool(push, "number_matching_required", false),
        .push_block_reported = json_bool(push, "block_reported", false),
    };
    int64_t digits = json_int(phone, "otp_length", CODE_DIGITS);
    settings->phone_code_digits =
        digits >= FEWEST_DIGITS && digits <= MOST_DIGITS ? (unsigned)digits : CODE_DIGITS;
    for (size_t i = 0; i < factors_count; i++) {
        settings->enabled[i] = json_bool(factor_switches, factors[i]->name, false);
        if (strcmp(factors[i]->name, "sms") == 0 && !sms_allowed(message_types))
            settings->enabled[i] = false;
    }
    return DB_OK;
}

bool mfa_factor_enabled(const struct mfa_settings *settings, const char *name)
{
    for (size_t i = 0; i < factors_count; i++)
        if (strcmp(factors[i]->name, name) == 0)
            return settings->enabled[i];
    return false;
}
