/*
 * What is made of a phone's or a question's id under a key from outside the store, so that it need not be stored: tickets of
 * QR codes, challenges, and the tokens that a push carries. For the files of this folder.
 */
#ifndef COUNTERSIGN_MFA_PUSH_TOKENS_H
#define COUNTERSIGN_MFA_PUSH_TOKENS_H

#include "mfa/push.h"

/* enrollment_tx_id of a pending phone: 32 alphanumerics. */
const char *push_ticket(struct tenant *tenant, struct arena *arena, const char *authenticator_id) NODISCARD;

/* `c` of a question, which comes back as sub of its answer. */
const char *push_challenge_text(struct tenant *tenant, struct arena *arena,
                                const char *challenge_id) NODISCARD;

/* `txtkn`: a JWT of its own audience with sub = user id and txid = the question's id, as long as the question. */
const char *push_transaction_token(struct tenant *tenant, struct arena *arena,
                                   const struct push_challenge *challenge) NODISCARD;
/* The question's and the user's id of a txtkn that is ours; false where it is not. Its time is the question's own to tell. */
bool push_transaction_token_read(struct tenant *tenant, struct arena *arena, const char *txtkn,
                                 const char **challenge_id, const char **user_id) NODISCARD;

/* The doc of a question to that phone: what is shown there, from the request and call->request. */
yyjson_val *push_challenge_doc(struct factor_call *call, const struct authenticator *phone,
                               const char *number) NODISCARD;
/* Queues the push within the write. */
enum db_result push_send(struct factor_call *call, struct db_tx *tx, const struct authenticator *phone,
                         const struct push_challenge *challenge) NODISCARD;

/* Writes the phone into its pending authenticator. */
enum db_result push_device_enroll(struct db_tx *tx, struct arena *arena,
                                  const struct authenticator *authenticator,
                                  const struct push_device *device) NODISCARD;

#endif
