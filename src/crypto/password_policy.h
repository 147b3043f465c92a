/*
 * Password policies of database connections: Auth0's five levels (options.passwordPolicy), its minimum length
 * (options.password_complexity_options.min_length), personal data and dictionaries, and the error that tells
 * a client which rule was broken (authentication.md 1.10: PasswordStrengthError).
 */
#ifndef COUNTERSIGN_CRYPTO_PASSWORD_POLICY_H
#define COUNTERSIGN_CRYPTO_PASSWORD_POLICY_H

#include "json/json.h"

struct password_policy {
    const char *level;         /* "none", "low", "fair", "good" or "excellent" */
    size_t minimum_characters; /* Unicode characters; from the level, or min_length where the connection sets
                                  it */
    bool forbids_personal;     /* password_no_personal_info.enable */
    bool forbids_common; /* password_dictionary.enable: the operator's words and those that zxcvbn knows */
    yyjson_val *words;   /* password_dictionary.dictionary; may be NULL */
};

/* The policy in a connection's document (its `options`); NULL, or options that are silent, give "good", as a
 * new tenant has. */
struct password_policy password_policy_of(yyjson_val *connection) NODISCARD;

enum password_fault {
    PASSWORD_FITS = 0,
    PASSWORD_TOO_WEAK = 1,   /* a rule of the level: code invalid_password, name PasswordStrengthError */
    PASSWORD_TOO_COMMON = 2, /* code password_dictionary_error */
    PASSWORD_PERSONAL = 3,   /* code password_no_user_info_error */
    PASSWORD_TOO_LONG =
        4, /* over PASSWORD_MAXIMUM_BYTES, which holds at every entry that sets one (known-faults A14) */
};

/* Judges a new password. `user` is the profile that personal data is taken from; NULL where there is none. */
enum password_fault password_policy_check(const struct password_policy *policy, struct arena *arena,
                                          const char *password, yyjson_val *user) NODISCARD;

/*
 * The body of Auth0's PasswordStrengthError for that password: name, message, code, statusCode, description
 * {rules, verified}, policy. For PASSWORD_TOO_WEAK.
 */
yyjson_mut_doc *password_strength_error(const struct password_policy *policy, struct arena *arena,
                                        const char *password) NODISCARD;

/* The rules in words, a line each, as `policy` of that body has them. */
const char *password_policy_text(const struct password_policy *policy, struct arena *arena) NODISCARD;

/* The rules with `password` judged against each: the array description.rules, for pages that tick them off.
 */
yyjson_mut_val *password_policy_rules(const struct password_policy *policy, struct arena *arena,
                                      yyjson_mut_doc *doc, const char *password) NODISCARD;

#endif
