/* GET /authorize/resume: a person comes back from a page of ours. GET and POST /continue: from a page that a rule named. */
#include "oauth/endpoints.h"

#include "oauth/proceed.h"

#include <string.h>

/* Reads the transaction and its client; false where the answer is made. */
static bool open_transaction(struct http_exchange *x, const char *state,
                             struct login_transaction **transaction, struct client *client)
{
    struct db_tx *tx = NULL;
    enum transaction_fault fault = TRANSACTION_FAILED;
    if (db_begin_read(tenant_of(x)->db, &tx) == DB_OK) {
        fault = login_transaction_load(x, tx, state, transaction);
        const char *client_id =
            fault == TRANSACTION_FINE ? json_mut_text((*transaction)->root, "client_id") : NULL;
        if (fault == TRANSACTION_FINE && client_id == NULL)
            fault = TRANSACTION_UNKNOWN;
        if (fault == TRANSACTION_FINE) {
            enum db_result found = client_by_id(tx, x->arena, tenant_of(x)->keyring, client_id, client);
            fault = found == DB_OK          ? TRANSACTION_FINE
                    : found == DB_NOT_FOUND ? TRANSACTION_UNKNOWN
                                            : TRANSACTION_FAILED;
        }
    }
    db_end(&tx);
    if (fault == TRANSACTION_UNKNOWN)
        login_reply_expired(x);
    else if (fault == TRANSACTION_FAILED)
        login_reply_failure(x);
    return fault == TRANSACTION_FINE;
}

void endpoint_resume(struct http_exchange *x)
{
    struct login_transaction *transaction = NULL;
    struct client client;
    if (!open_transaction(x, http_query(x, "state"), &transaction, &client))
        return;
    struct login login = {.x = x, .client = &client, .transaction = transaction};
    const char *step = json_mut_text(transaction->root, "step");
    if (step != NULL && strcmp(step, "redirect") == 0) {
        login_reply_expired(x);
        return;
    }
    login_proceed(&login);
}

static yyjson_val *object_of_pairs(struct arena *arena, const struct http_pairs *pairs)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    for (size_t i = 0; i < pairs->count; i++)
        json_set_text(doc, yyjson_mut_doc_get_root(doc), pairs->items[i].name, pairs->items[i].value);
    return json_parse_own(arena, json_write_doc(arena, doc));
}

void endpoint_continue(struct http_exchange *x)
{
    struct http_pairs form = {.count = 0};
    bool posted = strcmp(x->request.method, "POST") == 0;
    if (posted && !http_form(x, &form)) {
        tenant_reply_error_page(x, 400, NULL, "generic", "invalid_request", "The request could not be read.");
        return;
    }
    if (form.count > 256 || x->request.query.count > 256) {
        tenant_reply_error_page(x, 400, NULL, "generic", "invalid_request",
                                "The request has too many parameters.");
        return;
    }
    const char *state = http_query(x, "state");
    struct login_transaction *transaction = NULL;
    struct client client;
    if (!open_transaction(x, state != NULL ? state : http_pair(&form, "state"), &transaction, &client))
        return;
    const char *step = json_mut_text(transaction->root, "step");
    if (step == NULL || strcmp(step, "redirect") != 0) {
        login_reply_expired(x);
        return;
    }
    json_set_text(transaction->doc, transaction->root, "step", "resume");
    struct login login = {
        .x = x,
        .client = &client,
        .transaction = transaction,
        .callback_query = object_of_pairs(x->arena, &x->request.query),
        .callback_body = posted ? object_of_pairs(x->arena, &form) : NULL,
    };
    login_proceed(&login);
}
