/* How often codes may be tried and messages sent; for the files of this folder. */
#ifndef COUNTERSIGN_MFA_LIMITS_H
#define COUNTERSIGN_MFA_LIMITS_H

#include "mfa/mfa.h"

/* Whether the user has a try left; FACTOR_TOO_MANY with *retry_ms where not. */
enum factor_result limit_tries(struct factor_call *call, struct db_tx *tx, int64_t *retry_ms) NODISCARD;
/* Counts a failure, whatever the factor: FACTOR_TOO_MANY where it took the last try, else `failure`. */
enum factor_result limit_count_failure(struct factor_call *call, struct db_tx *tx, enum factor_result failure,
                                       int64_t *retry_ms) NODISCARD;
/* Takes one message of what the user, the number and the address may have sent;
 * FACTOR_TOO_MANY_MESSAGES with *retry_ms where none is left. */
enum factor_result limit_messages(struct factor_call *call, struct db_tx *tx,
                                  const struct authenticator *authenticator, int64_t *retry_ms) NODISCARD;
/* The same for a question to phones: five, one more every 12 s; and none after five without approval in five minutes. */
enum factor_result limit_pushes(struct factor_call *call, struct db_tx *tx,
                                const struct authenticator *authenticator, int64_t *retry_ms) NODISCARD;

#endif
