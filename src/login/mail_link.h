/* Pages that are reached by a link from a mail (session/links.h), without a login transaction. */
#ifndef COUNTERSIGN_LOGIN_MAIL_LINK_H
#define COUNTERSIGN_LOGIN_MAIL_LINK_H

#include "session/links.h"
#include "tenant/page.h"

struct mail_link_call {
    struct http_exchange *x;
    struct tenant *tenant;
    struct arena *arena;
    struct http_pairs form; /* of a POST */
    const char *ticket;     /* as sent; may be NULL */
    bool found;             /* whether `link` holds it */
    struct link_ticket link;
    struct user user; /* the link's; user_id NULL where there is none */
    struct page_frame frame;
    const char *back_url; /* where the application begins a login (initiate_login_uri); NULL: not known */
    yyjson_mut_doc *variables;
    yyjson_mut_val *root;
};

/* Reads the request, its ticket of that kind, its user and application. On false the answer is made. */
bool mail_link_open(struct http_exchange *x, enum link_kind kind, struct mail_link_call *call) NODISCARD;

/* Whether the ticket can still be spent, by its user, at the address that it was mailed to. */
bool mail_link_is_good(const struct mail_link_call *call) NODISCARD;

/* Shows a screen with call->variables and, where it is known, the way back. */
void mail_link_show(struct mail_link_call *call, int status, const char *screen, const char *error);

void mail_link_store_failure(struct mail_link_call *call);

/* A log entry about the link's user. */
void mail_link_log(struct mail_link_call *call, const char *type, const char *description);

#endif
