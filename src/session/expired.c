#include "session/expired.h"

#include "base/encode.h"
#include "crypto/digest.h"
#include "store/clients.h"
#include "store/settings.h"
#include "tenant/page.h"

#include <string.h>

static const char *uri_in(yyjson_val *doc, const char *name)
{
    const char *uri = json_text(doc, name);
    return uri != NULL && *uri != '\0' ? uri : NULL;
}

/* Only its client_id is used, which leads nowhere but to what the operator configured: no browser needs to be proved. */
static const char *client_of_state(struct http_exchange *x, struct db_tx *tx)
{
    const char *state = http_query(x, "state");
    struct db_value *row = NULL;
    if (state == NULL || db_row(tx, x->arena, &row, "SELECT doc FROM login_transactions WHERE id_hash = ?",
                                "t", token_hash(x->arena, state)) != DB_OK)
        return NULL;
    return json_text(json_parse_own(x->arena, row[0].text), "client_id");
}

static const char *entrance(struct http_exchange *x, struct db_tx *tx)
{
    const char *client_id = client_of_state(x, tx);
    struct client client;
    if (client_id != NULL && client_by_id(tx, x->arena, tenant_of(x)->keyring, client_id, &client) == DB_OK &&
        uri_in(client.doc, "initiate_login_uri") != NULL)
        return uri_in(client.doc, "initiate_login_uri");
    yyjson_val *settings = NULL;
    if (settings_get(tx, x->arena, "tenant", &settings) == DB_OK)
        return uri_in(settings, "default_redirection_uri");
    return NULL;
}

static const char *with_issuer(struct http_exchange *x, const char *uri)
{
    size_t length = strcspn(uri, "#");
    char separator = memchr(uri, '?', length) != NULL ? '&' : '?';
    return arena_printf(x->arena, "%.*s%ciss=%s%s", (int)length, uri, separator,
                        percent_encode(x->arena, tenant_of(x)->config->issuer), uri + length);
}

void transaction_reply_expired(struct http_exchange *x)
{
    struct db_tx *tx = NULL;
    const char *uri = NULL;
    if (db_begin_read(tenant_of(x)->db, &tx) == DB_OK)
        uri = entrance(x, tx);
    db_end(&tx);
    if (uri != NULL) {
        http_redirect(x, 302, with_issuer(x, uri));
        return;
    }
    tenant_reply_error_page(
        x, 400, NULL, "expired", "invalid_request",
        "You may have pressed the back button, refreshed during login, opened too many login "
        "dialogs, or there is some issue with cookies.");
}
