/*
 * Links that people get by mail: to choose a new password, to confirm an address, to unlock an account. The link's ticket
 * is stored hashed, works once, and ends by itself.
 */
#ifndef COUNTERSIGN_SESSION_LINKS_H
#define COUNTERSIGN_SESSION_LINKS_H

#include "store/users.h"
#include "tenant/tenant.h"

enum link_kind { LINK_PASSWORD_RESET = 0, LINK_EMAIL_VERIFICATION = 1, LINK_UNBLOCK = 2 };

enum { LINK_LIFETIME_S = 432000 /* 5 days, as Auth0's tickets */ };

struct link_wish {
    enum link_kind kind;
    const char *user_id;
    const char *email;     /* where the mail goes; kept with the ticket, so that a changed address voids it */
    const char *client_id; /* whose application the way back leads to; may be NULL */
    const char *language;  /* of the mail: one of page_languages; NULL: English */
    const char *ip;        /* LINK_UNBLOCK: the address that was locked */
    const char *user_key;  /* LINK_UNBLOCK: the key of the lock (session/protection.h) */
};

/* Makes the ticket and queues its mail within the write; call notify_wake after the commit. */
enum db_result link_send(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                         const struct link_wish *wish) NODISCARD;

/*
 * Does all that link_send does, and undoes it: for names that nobody has, so that the time which an answer takes does not tell
 * them from others.
 */
enum db_result link_rehearse(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                             const struct link_wish *wish) NODISCARD;

struct link_ticket {
    const char *user_id;
    yyjson_val *doc; /* email, client_id, ip, user_key */
    int64_t expires_at;
    bool used;
    bool expired;
};

/* The ticket of that secret and kind; DB_NOT_FOUND where there never was one, or it was swept away. */
enum db_result link_find(struct db_tx *tx, struct arena *arena, enum link_kind kind, const char *ticket,
                         struct link_ticket *out) NODISCARD;

/* Spends it, and with it every other of its kind and user (known-faults A7). DB_NOT_FOUND: used, expired or unknown. */
enum db_result link_use(struct db_tx *tx, struct arena *arena, enum link_kind kind,
                        const char *ticket) NODISCARD;

/* Voids all of that kind that the user has: their password was set in another way. */
enum db_result links_void(struct db_tx *tx, enum link_kind kind, const char *user_id) NODISCARD;

#endif
