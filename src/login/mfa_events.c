/*
 * What a page that waits hears: one event, "change", when its login is no longer as it was shown (the phone answered or was
 * enrolled, another tab went on, it ended). The page then sends its form, and the server sends it where the login is. Only the browser that
 * holds the transaction's cookie may listen, and the event tells nothing but that.
 */
#include "login/mfa.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "http/stream.h"
#include "mfa/push.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_S = 600 };

const char *mfa_events_url(struct mfa_page *page)
{
    return arena_printf(page->login.arena, "%s&version=%" PRId64, login_url(&page->login, "/u/mfa-events"),
                        page->login.transaction->version);
}

/* Whether the login of that hash is still at that version; a store that fails says so, and the next change tells. */
static bool is_unchanged(struct http_turn *turn, const char *hash, int64_t version)
{
    struct tenant *tenant = turn->context;
    struct db_tx *tx = NULL;
    struct db_value *row = NULL;
    enum db_result result = db_begin_read(tenant->db, &tx);
    if (result == DB_OK)
        result = db_row(tx, turn->arena, &row,
                        "SELECT version, expires_at FROM login_transactions WHERE id_hash = ?", "t", hash);
    db_end(&tx);
    if (result == DB_OK)
        return row[0].number == version && row[1].number > clock_now_ms();
    return result != DB_NOT_FOUND;
}

/* Whether a phone that was asked, or is being enrolled (`enrolling`, "" for none), still has not said anything. */
static bool is_phone_silent(struct http_turn *turn, const char *hash, const char *enrolling)
{
    struct tenant *tenant = turn->context;
    struct db_tx *tx = NULL;
    struct authenticator phone = {.id = NULL};
    enum push_state state = PUSH_NONE;
    enum db_result result = db_begin_read(tenant->db, &tx), found = DB_OK;
    if (result == DB_OK)
        result = push_state_read(tx, turn->arena, hash, clock_now_ms(), &state, NULL);
    if (result == DB_OK && *enrolling != '\0')
        found = authenticator_by_id(tx, turn->arena, tenant->keyring, enrolling, &phone);
    db_end(&tx);
    bool confirmed = *enrolling != '\0' && found == DB_OK && phone.confirmed;
    return result != DB_OK ||
           ((state == PUSH_NONE || state == PUSH_PENDING) && !confirmed && found != DB_NOT_FOUND);
}

/* The key is the hash, the version that the page showed, and the phone that is being enrolled, with a space between. */
static bool tell_change(struct http_turn *turn)
{
    size_t length = strcspn(turn->key, " ");
    const char *hash = arena_strndup(turn->arena, turn->key, length);
    char *end;
    int64_t version = strtoll(turn->key + length, &end, 10);
    if (is_unchanged(turn, hash, version) && is_phone_silent(turn, hash, end + 1))
        return true;
    http_turn_event(turn, "change", "{}");
    return false;
}

void mfa_get_events(struct http_exchange *x)
{
    struct tenant *tenant = tenant_of(x);
    struct login_transaction *transaction = NULL;
    struct db_tx *tx = NULL;
    enum transaction_fault fault = TRANSACTION_FAILED;
    const char *version = http_query(x, "version");
    if (db_begin_read(tenant->db, &tx) == DB_OK)
        fault = login_transaction_load(x, tx, http_query(x, "state"), &transaction);
    db_end(&tx);
    if (fault == TRANSACTION_FAILED) {
        http_reply_empty(x, 503);
        return;
    }
    /* 204: the browser asks no more (HTML, section 9.2.3). */
    if (fault == TRANSACTION_UNKNOWN || version == NULL) {
        http_reply_empty(x, 204);
        return;
    }
    int64_t left = (transaction->expires_at - clock_now_ms()) / 1000 + 1;
    const char *hash = token_hash(x->arena, transaction->id);
    const char *enrolling =
        json_mut_text(json_mut_member(json_mut_member(transaction->root, "mfa"), "enrolling"), "id");
    http_reply_stream(
        x, &(struct http_stream){
               .topic = login_transaction_topic(x->arena, transaction),
               .key = arena_printf(x->arena, "%s %" PRId64 " %s", hash, (int64_t)strtoll(version, NULL, 10),
                                   enrolling != NULL ? enrolling : ""),
               .seconds = (unsigned)(left < LONGEST_S ? left : LONGEST_S),
               .produce = tell_change,
           });
}
