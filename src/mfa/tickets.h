/* Enrolment tickets (POST /api/v2/guardian/enrollments/ticket): made, mailed, listed, revoked. */
#ifndef COUNTERSIGN_MFA_TICKETS_H
#define COUNTERSIGN_MFA_TICKETS_H

#include "mfa/mfa.h"

enum { ENROLLMENT_TICKET_S = 432000 };

struct ticket_wish {
    const char *email;        /* other recipient; NULL: the user's */
    bool send_mail;
    const char *email_locale; /* may be NULL */
    const char *factor;       /* "phone", "otp", …; NULL: the user chooses */
    bool allow_multiple_enrollments;
};

/* Makes a ticket within the write, and queues the mail where wished; call notify_wake after the commit. */
enum db_result ticket_create(struct tenant *tenant, struct db_tx *tx, struct arena *arena, const struct user *user,
                             const struct ticket_wish *wish, const char **ticket_id, const char **ticket_url) NODISCARD;

#endif
