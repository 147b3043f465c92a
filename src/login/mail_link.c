#include "login/mail_link.h"

#include "store/clients.h"

#include <string.h>

static bool read_request(struct mail_link_call *call)
{
    struct http_exchange *x = call->x;
    call->ticket = http_query(x, "ticket");
    if (strcmp(x->request.method, "POST") != 0)
        return true;
    if (!tenant_is_own_form(x) || !http_form(x, &call->form)) {
        tenant_reply_error_page(x, 400, NULL, "generic", "invalid_request", "The form could not be read.");
        return false;
    }
    const char *posted = http_pair(&call->form, "ticket");
    call->ticket = posted != NULL ? posted : call->ticket;
    return true;
}

static enum db_result read_application(struct mail_link_call *call, struct db_tx *tx)
{
    const char *client_id = call->found ? json_text(call->link.doc, "client_id") : NULL;
    if (client_id == NULL)
        return DB_OK;
    struct client client;
    enum db_result result = client_by_id(tx, call->arena, call->tenant->keyring, client_id, &client);
    if (result != DB_OK)
        return result == DB_NOT_FOUND ? DB_OK : result;
    call->frame.client_name = json_text(client.doc, "name");
    const char *home = json_text(client.doc, "initiate_login_uri");
    if (home != NULL && strncmp(home, "https://", 8) == 0)
        call->back_url = home;
    return DB_OK;
}

static enum db_result read_store(struct mail_link_call *call, enum link_kind kind, struct db_tx *tx)
{
    enum db_result result = link_find(tx, call->arena, kind, call->ticket, &call->link);
    call->found = result == DB_OK;
    if (result == DB_OK)
        result = user_by_id(tx, call->arena, call->link.user_id, &call->user);
    if (result == DB_NOT_FOUND)
        call->user = (struct user){.user_id = NULL};
    else if (result != DB_OK)
        return result;
    call->frame.company_name = tenant_friendly_name(call->tenant, tx, call->arena);
    return read_application(call, tx);
}

bool mail_link_open(struct http_exchange *x, enum link_kind kind, struct mail_link_call *call)
{
    *call = (struct mail_link_call){.x = x, .tenant = tenant_of(x), .arena = x->arena};
    if (!read_request(call))
        return false;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(call->tenant->db, &tx);
    if (result == DB_OK)
        result = read_store(call, kind, tx);
    db_end(&tx);
    if (result != DB_OK) {
        mail_link_store_failure(call);
        return false;
    }
    call->variables = json_new_object(call->arena);
    call->root = yyjson_mut_doc_get_root(call->variables);
    json_set_text(call->variables, call->root, "ticket", call->ticket);
    json_set_text(call->variables, call->root, "backUrl", call->back_url);
    return true;
}

bool mail_link_is_good(const struct mail_link_call *call)
{
    if (!call->found || call->link.used || call->link.expired || call->user.user_id == NULL)
        return false;
    const char *mailed = json_text(call->link.doc, "email");
    const char *current = json_text(call->user.doc, "email");
    if (mailed == NULL || current == NULL)
        return false;
    const char *a = email_canonical(call->arena, mailed);
    const char *b = email_canonical(call->arena, current);
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

void mail_link_show(struct mail_link_call *call, int status, const char *screen, const char *error)
{
    json_set_text(call->variables, call->root, "error", error);
    tenant_reply_page(call->x, status, screen, &call->frame, call->variables);
}

void mail_link_store_failure(struct mail_link_call *call)
{
    tenant_reply_error_page(call->x, 500, &call->frame, "generic", "server_error", NULL);
}

void mail_link_log(struct mail_link_call *call, const char *type, const char *description)
{
    bool has_user = call->user.user_id != NULL;
    tenant_log(call->tenant, call->x,
               (struct log_entry){.type = type,
                                  .description = description,
                                  .connection = has_user ? call->user.connection : NULL,
                                  .client_id = call->found ? json_text(call->link.doc, "client_id") : NULL,
                                  .client_name = call->frame.client_name,
                                  .strategy = "auth0",
                                  .user_id = call->user.user_id,
                                  .user_name = has_user ? json_text(call->user.doc, "email") : NULL});
}
