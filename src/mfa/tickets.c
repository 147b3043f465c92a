#include "mfa/tickets.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "mfa/ticket_mail.h"

enum { TICKET_LENGTH = 32 };

static const char *doc_of(struct arena *arena, const struct ticket_wish *wish)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "email", wish->email);
    json_set_bool(doc, root, "send_mail", wish->send_mail);
    json_set_text(doc, root, "email_locale", wish->email_locale);
    json_set_text(doc, root, "factor", wish->factor);
    json_set_bool(doc, root, "allow_multiple_enrollments", wish->allow_multiple_enrollments);
    return json_write_doc(arena, doc);
}

enum db_result ticket_create(struct tenant *tenant, const struct http_exchange *x, struct arena *arena,
                             const struct user *user, const struct ticket_wish *wish, const char **ticket_id,
                             const char **ticket_url)
{
    const char *ticket = random_text(arena, RANDOM_ALPHANUMERIC, TICKET_LENGTH);
    int64_t now = clock_now_ms();
    *ticket_id = ticket;
    *ticket_url = arena_printf(arena, "%smfa/enrollment?ticket=%s", tenant->config->issuer, ticket);

    struct message mail;
    bool has_mail = wish->send_mail && ticket_mail_write(tenant, x, arena, user, wish, *ticket_url, &mail);
    struct enrollment_ticket values = {
        .id = random_id(arena, "tkt_", 16),
        .user_id = user->user_id,
        .created_at = now,
        .expires_at = now + (int64_t)ENROLLMENT_TICKET_S * 1000,
    };
    struct db_tx *tx;
    enum db_result result = db_begin_write(tenant->db, &tx);
    if (result != DB_OK)
        return result;
    result = enrollment_ticket_insert(tx, ticket, &values, doc_of(arena, wish));
    if (result == DB_OK && has_mail)
        result = notify_queue(tenant->notifier, tx, arena, &mail);
    if (result != DB_OK) {
        db_rollback(&tx);
        return result;
    }
    result = db_commit(&tx);
    if (result == DB_OK && has_mail)
        notify_wake(tenant->notifier);
    return result;
}
