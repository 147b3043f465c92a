#include "login/unblock.h"

#include "login/mail_link.h"
#include "session/protection.h"

/* The page asks before it unlocks: programs that look at links in mails must not do it for an attacker. */
void unblock_get(struct http_exchange *x)
{
    struct mail_link_call call;
    if (!mail_link_open(x, LINK_UNBLOCK, &call))
        return;
    if (mail_link_is_good(&call))
        mail_link_show(&call, 200, "brute-force-protection-unblock", NULL);
    else
        mail_link_show(&call, 400, "brute-force-protection-unblock-failure", NULL);
}

static enum db_result unlock(struct mail_link_call *call)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = link_use(tx, call->arena, LINK_UNBLOCK, call->ticket);
    if (result == DB_OK)
        result =
            protection_unlock(tx, json_text(call->link.doc, "user_key"), json_text(call->link.doc, "ip"));
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

void unblock_post(struct http_exchange *x)
{
    struct mail_link_call call;
    if (!mail_link_open(x, LINK_UNBLOCK, &call))
        return;
    enum db_result result = mail_link_is_good(&call) ? unlock(&call) : DB_NOT_FOUND;
    if (result == DB_OK) {
        mail_link_log(&call, "ublkdu", NULL);
        mail_link_show(&call, 200, "brute-force-protection-unblock-success", NULL);
    } else if (result == DB_NOT_FOUND) {
        mail_link_show(&call, 400, "brute-force-protection-unblock-failure", NULL);
    } else {
        mail_link_store_failure(&call);
    }
}
