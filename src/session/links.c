#include "session/links.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "page/page.h"

#include <string.h>

enum { TICKET_LENGTH = 32 };

static const struct {
    const char *name; /* tickets.kind */
    const char *mail; /* the template */
    const char *path;
} kinds[] = {
    [LINK_PASSWORD_RESET] = {"password-reset", "reset_email", "u/reset-verify"},
    [LINK_EMAIL_VERIFICATION] = {"email-verification", "verify_email", "u/email-verification"},
    [LINK_UNBLOCK] = {"unblock", "blocked_account", "u/brute-force-protection/unblock"},
};

static enum db_result insert_ticket(struct db_tx *tx, struct arena *arena, const struct link_wish *wish,
                                    const char *ticket)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "email", wish->email);
    json_set_text(doc, root, "client_id", wish->client_id);
    json_set_text(doc, root, "ip", wish->ip);
    json_set_text(doc, root, "user_key", wish->user_key);
    int64_t now = clock_now_ms();
    return db_exec(tx, NULL,
                   "INSERT INTO tickets (ticket_hash, kind, user_id, doc, created_at, expires_at) VALUES (?, "
                   "?, ?, ?, ?, ?)",
                   "ttttii", token_hash(arena, ticket), kinds[wish->kind].name, wish->user_id,
                   json_write_doc(arena, doc), now, now + (int64_t)LINK_LIFETIME_S * 1000);
}

enum db_result link_send(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                         const struct link_wish *wish)
{
    const char *ticket = random_text(arena, RANDOM_ALPHANUMERIC, TICKET_LENGTH);
    enum db_result result = insert_ticket(tx, arena, wish, ticket);
    if (result != DB_OK)
        return result;
    yyjson_mut_doc *variables = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(variables);
    json_set_text(variables, root, "companyName", tenant_friendly_name(tenant, tx, arena));
    json_set_text(variables, root, "ip", wish->ip);
    json_set_text(
        variables, root, "url",
        arena_printf(arena, "%s%s?ticket=%s", tenant->config->issuer, kinds[wish->kind].path, ticket));
    const char *mail = kinds[wish->kind].mail;
    struct message message = {
        .channel = "email",
        .to = wish->email,
        .subject = page_text_filled(arena, wish->language, mail, "subject", root),
        .html = page_render(arena, mail, wish->language, root),
        .text = page_render(arena, arena_printf(arena, "%s.txt", mail), wish->language, root),
        .user_id = wish->user_id,
        .tenant = tenant_name(tenant, arena),
        .locale = wish->language,
    };
    return notify_queue(tenant->notifier, tx, arena, &message);
}

enum db_result link_rehearse(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                             const struct link_wish *wish)
{
    enum db_result result = db_exec(tx, NULL, "SAVEPOINT rehearsal", "");
    if (result == DB_OK)
        result = link_send(tenant, tx, arena, wish);
    if (result == DB_OK)
        result = db_exec(tx, NULL, "ROLLBACK TO SAVEPOINT rehearsal", "");
    if (result == DB_OK)
        result = db_exec(tx, NULL, "RELEASE SAVEPOINT rehearsal", "");
    return result;
}

enum db_result link_find(struct db_tx *tx, struct arena *arena, enum link_kind kind, const char *ticket,
                         struct link_ticket *out)
{
    if (ticket == NULL || strlen(ticket) != TICKET_LENGTH)
        return DB_NOT_FOUND;
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT user_id, doc, expires_at, used_at FROM tickets WHERE ticket_hash = ? AND kind = ?",
               "tt", token_hash(arena, ticket), kinds[kind].name);
    if (result != DB_OK)
        return result;
    *out = (struct link_ticket){
        .user_id = row[0].text,
        .doc = json_parse_own(arena, row[1].text),
        .expires_at = row[2].number,
        .used = !row[3].is_null,
        .expired = row[2].number <= clock_now_ms(),
    };
    return DB_OK;
}

enum db_result link_use(struct db_tx *tx, struct arena *arena, enum link_kind kind, const char *ticket)
{
    struct link_ticket found;
    enum db_result result = link_find(tx, arena, kind, ticket, &found);
    if (result != DB_OK)
        return result;
    int64_t now = clock_now_ms();
    int64_t changed = 0;
    result = db_exec(tx, &changed,
                     "UPDATE tickets SET used_at = ? WHERE ticket_hash = ? AND kind = ? AND used_at IS NULL "
                     "AND expires_at > ?",
                     "itti", now, token_hash(arena, ticket), kinds[kind].name, now);
    if (result == DB_OK && changed == 0)
        return DB_NOT_FOUND;
    if (result != DB_OK)
        return result;
    return links_void(tx, kind, found.user_id);
}

enum db_result links_void(struct db_tx *tx, enum link_kind kind, const char *user_id)
{
    return db_exec(tx, NULL,
                   "UPDATE tickets SET used_at = ? WHERE user_id = ? AND kind = ? AND used_at IS NULL", "itt",
                   clock_now_ms(), user_id, kinds[kind].name);
}
