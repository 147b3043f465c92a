/* The mail that brings an enrolment ticket; for the files of this folder. */
#ifndef COUNTERSIGN_MFA_TICKET_MAIL_H
#define COUNTERSIGN_MFA_TICKET_MAIL_H

#include "mfa/tickets.h"

/*
 * Writes the mail with that link: by the operator's template enrollment_email where one is enabled, else ours in the reader's
 * language. False where the user has no address. Runs a script worker, so never within a write.
 */
bool ticket_mail_write(struct tenant *tenant, const struct http_exchange *x, struct arena *arena,
                       const struct user *user, const struct ticket_wish *wish, const char *url,
                       struct message *mail) NODISCARD;

#endif
