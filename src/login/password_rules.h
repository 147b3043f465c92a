/* What a connection's passwords need, in the reader's words, for the screens that set one. */
#ifndef COUNTERSIGN_LOGIN_PASSWORD_RULES_H
#define COUNTERSIGN_LOGIN_PASSWORD_RULES_H

#include "crypto/password_policy.h"

/* The variable `passwordRules` of signup-password and reset-password. */
void password_rules_add(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *variables,
                        const char *language, const struct password_policy *policy);

/* The key of the text that says what is wrong with a password; NULL for PASSWORD_FITS. */
const char *password_fault_key(enum password_fault fault) NODISCARD;

#endif
