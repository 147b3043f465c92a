#include "login/reset_change.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/password.h"
#include "login/mail_link.h"
#include "login/password_rules.h"
#include "session/protection.h"
#include "session/session.h"
#include "store/clients.h"

#include <string.h>

static void show_bad_link(struct mail_link_call *call)
{
    const char *kind = "Generic";
    if (call->found && call->link.used)
        kind = "Used";
    else if (call->found && call->link.expired)
        kind = "Expired";
    json_set_text(call->variables, call->root, "kind", kind);
    mail_link_show(call, 400, "reset-password-error", NULL);
}

/* The connection's policy; false where the store fails, and the answer is made. */
static bool read_policy(struct mail_link_call *call, struct password_policy *policy)
{
    struct db_tx *tx = NULL;
    yyjson_val *connection = NULL;
    enum db_result result = db_begin_read(call->tenant->db, &tx);
    if (result == DB_OK)
        result = connection_by_name(tx, call->arena, call->user.connection, &connection);
    db_end(&tx);
    if (result != DB_OK) {
        mail_link_store_failure(call);
        return false;
    }
    *policy = password_policy_of(connection);
    return true;
}

static void show_form(struct mail_link_call *call, const struct password_policy *policy, int status,
                      const char *error)
{
    bool again = error != NULL && strcmp(error, "password-mismatch") == 0;
    json_set_text(call->variables, call->root, "email", json_text(call->user.doc, "email"));
    json_set_bool(call->variables, call->root, "againError", again);
    json_set_bool(call->variables, call->root, "passwordError", error != NULL && !again);
    password_rules_add(call->arena, call->variables, call->root, tenant_page_language(call->x, &call->frame),
                       policy);
    mail_link_show(call, status, "reset-password", error);
}

void reset_get_verify(struct http_exchange *x)
{
    struct mail_link_call call;
    if (!mail_link_open(x, LINK_PASSWORD_RESET, &call))
        return;
    if (mail_link_is_good(&call))
        http_redirect(x, 302,
                      arena_printf(x->arena, "/u/reset-password/change?ticket=%s",
                                   percent_encode(x->arena, call.ticket)));
    else
        show_bad_link(&call);
}

void reset_get_change(struct http_exchange *x)
{
    struct mail_link_call call;
    struct password_policy policy;
    if (!mail_link_open(x, LINK_PASSWORD_RESET, &call))
        return;
    if (!mail_link_is_good(&call))
        show_bad_link(&call);
    else if (read_policy(&call, &policy))
        show_form(&call, &policy, 200, NULL);
}

/* The profile after a change: when it was, and that its address is theirs, as the link came by it. */
static enum db_result update_profile(struct mail_link_call *call, struct db_tx *tx)
{
    struct user user;
    enum db_result result = user_by_id(tx, call->arena, call->user.user_id, &user);
    if (result != DB_OK)
        return result;
    yyjson_mut_doc *doc = json_thaw(call->arena, user.doc);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const char *now = clock_iso8601(call->arena, clock_now_ms());
    json_set_bool(doc, root, "email_verified", true);
    json_set_text(doc, root, "last_password_reset", now);
    json_set_text(doc, root, "updated_at", now);
    return user_update(tx, call->arena, user.user_id, user.version, doc);
}

static enum db_result store_change(struct mail_link_call *call, struct db_tx *tx, const char *hash)
{
    const char *user_id = call->user.user_id;
    enum db_result result = link_use(tx, call->arena, LINK_PASSWORD_RESET, call->ticket);
    if (result == DB_OK)
        result = user_password_put(tx, user_id, hash);
    if (result == DB_OK)
        result = update_profile(call, tx);
    if (result == DB_OK)
        result = sessions_end_of_user(tx, user_id);
    if (result == DB_OK)
        result = protection_unlock(tx, protection_key_of_user(&call->user), NULL);
    return result;
}

static void change(struct mail_link_call *call, const char *hash)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = store_change(call, tx, hash);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_NOT_FOUND) {
        /* Another request spent it between our read and our write. */
        call->link.used = true;
        mail_link_log(call, "fcp", "The link was used already.");
        show_bad_link(call);
    } else if (result != DB_OK) {
        mail_link_store_failure(call);
    } else {
        mail_link_log(call, "scp", NULL);
        mail_link_show(call, 200, "reset-password-success", NULL);
    }
}

/* What is wrong with the two passwords: the key of a text, or NULL. */
static const char *fault_of(struct mail_link_call *call, const struct password_policy *policy,
                            const char *password)
{
    if (password == NULL || *password == '\0')
        return "no-password";
    const char *again = http_pair(&call->form, "re-enter-password");
    if (again == NULL || strcmp(password, again) != 0)
        return "password-mismatch";
    return password_fault_key(password_policy_check(policy, call->arena, password, call->user.doc));
}

void reset_post_change(struct http_exchange *x)
{
    struct mail_link_call call;
    struct password_policy policy;
    if (!mail_link_open(x, LINK_PASSWORD_RESET, &call))
        return;
    if (!mail_link_is_good(&call)) {
        show_bad_link(&call);
        return;
    }
    if (!read_policy(&call, &policy))
        return;
    const char *password = http_pair(&call.form, "password-reset");
    const char *fault = fault_of(&call, &policy, password);
    char *hash = NULL;
    if (fault != NULL) {
        mail_link_log(&call, "fcp", "The new password was refused.");
        show_form(&call, &policy, 400, fault);
    } else if (!password_hash(call.tenant->passwords, call.arena, password, &hash)) {
        show_form(&call, &policy, 429, "too-many-requests");
    } else {
        change(&call, hash);
    }
}
