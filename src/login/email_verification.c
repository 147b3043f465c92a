#include "login/email_verification.h"

#include "base/clock.h"
#include "login/mail_link.h"

static void show(struct mail_link_call *call, bool verified, const char *kind)
{
    json_set_bool(call->variables, call->root, "verified", verified);
    json_set_text(call->variables, call->root, "kind", kind);
    mail_link_show(call, verified ? 200 : 400, "email-verification-result", NULL);
}

static enum db_result store(struct mail_link_call *call, struct db_tx *tx)
{
    struct user user;
    enum db_result result = link_use(tx, call->arena, LINK_EMAIL_VERIFICATION, call->ticket);
    if (result == DB_OK)
        result = user_by_id(tx, call->arena, call->user.user_id, &user);
    if (result != DB_OK)
        return result;
    yyjson_mut_doc *doc = json_thaw(call->arena, user.doc);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_bool(doc, root, "email_verified", true);
    json_set_text(doc, root, "updated_at", clock_iso8601(call->arena, clock_now_ms()));
    return user_update(tx, call->arena, user.user_id, user.version, doc);
}

static enum db_result verify(struct mail_link_call *call)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = store(call, tx);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

void email_verification_get(struct http_exchange *x)
{
    struct mail_link_call call;
    if (!mail_link_open(x, LINK_EMAIL_VERIFICATION, &call))
        return;
    if (!mail_link_is_good(&call)) {
        bool done = call.found && call.link.used && call.user.user_id != NULL &&
                    json_bool(call.user.doc, "email_verified", false);
        if (!done)
            mail_link_log(&call, "fv", "The link is not valid.");
        show(&call, done, done ? "alreadyVerified" : "invalidAccountOrCode");
        return;
    }
    switch (verify(&call)) {
    case DB_OK:
        mail_link_log(&call, "sv", "Your email was verified. You can continue using the application.");
        show(&call, true, "verified");
        break;
    case DB_NOT_FOUND:
        show(&call, true, "alreadyVerified");
        break;
    default:
        mail_link_log(&call, "fv", "The store failed.");
        show(&call, false, "unknownError");
    }
}
