/*
 * Enrolment tickets: GET /mfa/enrollment?ticket=… opens a transaction of ten minutes for the ticket's user. Opening spends
 * nothing, so that a mail scanner that follows the link does no harm; the confirmed enrolment does.
 */
#include "login/mfa.h"

#include "base/clock.h"
#include "crypto/digest.h"

#include <string.h>

enum { TICKET_TRANSACTION_MS = 600 * 1000 };

void mfa_reply_enroll_result(struct http_exchange *x, const char *status)
{
    bool success = strcmp(status, "enrolled") == 0;
    yyjson_mut_doc *variables = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(variables);
    json_set_text(variables, root, "status", status);
    json_set_bool(variables, root, "success", success);
    tenant_reply_page(x, success ? 200 : 400, "mfa-enroll-result", NULL, variables);
}

/* Why a ticket does not open: a status of the screen mfa-enroll-result, or NULL where it does. */
static const char *ticket_fault(struct http_exchange *x, struct db_tx *tx, const char *ticket,
                                struct enrollment_ticket *found)
{
    struct tenant *tenant = tenant_of(x);
    enum db_result result = enrollment_ticket_by_secret(tx, x->arena, ticket, found);
    if (result == DB_NOT_FOUND)
        return "invalidTicket";
    struct user user;
    struct mfa_settings settings;
    struct mfa_choice choice;
    if (result == DB_OK)
        result = user_by_id(tx, x->arena, found->user_id, &user);
    if (result == DB_NOT_FOUND)
        return "invalidTicket";
    if (result == DB_OK)
        result = mfa_settings_read(tx, x->arena, &settings);
    if (result == DB_OK)
        result = mfa_choice_read(tenant, tx, x->arena, &settings, found->user_id, NULL, &choice);
    if (result != DB_OK)
        return "genericError";
    if (found->used_at != 0)
        return "alreadyUsed";
    bool multiple = json_bool(found->doc, "allow_multiple_enrollments", false);
    if (found->expires_at <= clock_now_ms() || (found->voided_at != 0 && choice.enrolled_count == 0))
        return "expiredTicket";
    if (choice.enrolled_count > 0 && !multiple)
        return "alreadyEnrolled";
    return found->voided_at != 0 ? "expiredTicket" : NULL;
}

/* The factor that a ticket is for, by our name; NULL: the person chooses. */
static const char *factor_of(const struct enrollment_ticket *ticket)
{
    const char *factor = json_text(ticket->doc, "factor");
    return factor != NULL && strcmp(factor, "phone") == 0 ? "sms" : factor;
}

static struct login_transaction *begin_transaction(struct http_exchange *x, const char *ticket,
                                                   const struct enrollment_ticket *found)
{
    struct login_transaction *transaction = login_transaction_begin(x, TICKET_TRANSACTION_MS);
    yyjson_mut_doc *doc = transaction->doc;
    yyjson_mut_val *mfa = yyjson_mut_obj(doc);
    json_set_text(doc, transaction->root, "kind", "enrollment");
    json_set_text(doc, transaction->root, "step", "mfa");
    json_set_text(doc, transaction->root, "user_id", found->user_id);
    json_set_text(doc, transaction->root, "ticket", token_hash(x->arena, ticket));
    json_set_int(doc, mfa, "started_at", clock_now_ms());
    json_set_text(doc, mfa, "factor", factor_of(found));
    json_set_bool(doc, mfa, "additional", json_bool(found->doc, "allow_multiple_enrollments", false));
    json_set(doc, transaction->root, "mfa", mfa);
    return transaction;
}

static bool replied_by_own_page(struct http_exchange *x, const char *ticket,
                                const struct enrollment_ticket *found)
{
    struct user user;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = user_by_id(tx, x->arena, found->user_id, &user);
    db_end(&tx);
    return result == DB_OK && mfa_reply_own_ticket_page(x, ticket, &user);
}

void mfa_get_enrollment_ticket(struct http_exchange *x)
{
    struct tenant *tenant = tenant_of(x);
    const char *ticket = http_query(x, "ticket");
    struct enrollment_ticket found = {0};
    const char *fault = "genericError";
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant->db, &tx) == DB_OK)
        fault = ticket_fault(x, tx, ticket != NULL ? ticket : "", &found);
    db_end(&tx);
    if (fault != NULL) {
        tenant_log(tenant, x,
                   (struct log_entry){.type = "gd_start_enroll_failed",
                                      .description =
                                          arena_printf(x->arena, "Guardian - Enrollment ticket: %s", fault),
                                      .user_id = found.user_id});
        mfa_reply_enroll_result(x, fault);
        return;
    }
    if (replied_by_own_page(x, ticket, &found))
        return;
    struct login_transaction *transaction = begin_transaction(x, ticket, &found);
    enum db_result result = db_begin_write(tenant->db, &tx);
    if (result == DB_OK)
        result = login_transaction_save(tx, x->arena, transaction);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_OK)
        http_redirect(x, 302,
                      arena_printf(x->arena, "/u/mfa-detect-browser-capabilities?state=%s", transaction->id));
    else
        mfa_reply_enroll_result(x, "genericError");
}

/* The end of an enrolment by ticket; loaded again, it says the same. */
void mfa_get_enroll_result(struct http_exchange *x)
{
    struct login_call call;
    if (!login_open(x, &call))
        return;
    yyjson_mut_val *mfa = json_mut_member(call.transaction->root, "mfa");
    const char *status = json_mut_text(mfa, "status");
    if (status != NULL)
        mfa_reply_enroll_result(x, status);
    else
        login_go(&call, "/u/mfa-detect-browser-capabilities");
}
