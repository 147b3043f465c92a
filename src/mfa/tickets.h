/* Enrolment tickets (POST /api/v2/guardian/enrollments/ticket): made, mailed, listed, revoked. */
#ifndef COUNTERSIGN_MFA_TICKETS_H
#define COUNTERSIGN_MFA_TICKETS_H

#include "mfa/mfa.h"

enum { ENROLLMENT_TICKET_S = 432000 };

struct ticket_wish {
    const char *email; /* other recipient; NULL: the user's */
    bool send_mail;
    const char *email_locale; /* may be NULL */
    const char *factor;       /* "phone", "otp", …; NULL: the user chooses */
    bool allow_multiple_enrollments;
};

/*
 * Makes a ticket in a write of its own and queues the mail with it where wished. Not to be called within a
 * write: an operator's mail template runs in a script worker first. *ticket_id and *ticket_url as the
 * Management API answers them.
 */
enum db_result ticket_create(struct tenant *tenant, const struct http_exchange *x, struct arena *arena,
                             const struct user *user, const struct ticket_wish *wish, const char **ticket_id,
                             const char **ticket_url) NODISCARD;

#endif
