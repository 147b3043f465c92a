#include "login/login.h"

#include "base/encode.h"
#include "session/expired.h"

#include <string.h>

static const struct {
    const char *step;
    const char *path;
} step_paths[] = {
    {"login-id", "/u/login/identifier"},           {"login-password", "/u/login/password"},
    {"signup-id", "/u/signup/identifier"},         {"signup-password", "/u/signup/password"},
    {"mfa", "/u/mfa-detect-browser-capabilities"}, {"resume", "/authorize/resume"},
};

const char *login_step_path(const char *step)
{
    for (size_t i = 0; step != NULL && i < ARRAY_LENGTH(step_paths); i++) {
        if (strcmp(step_paths[i].step, step) == 0)
            return step_paths[i].path;
    }
    return "/authorize/resume";
}

void login_reply_store_failure(struct login_call *call)
{
    tenant_reply_error_page(call->x, 500, &call->frame, "generic", "server_error", NULL);
}

static bool read_form(struct login_call *call)
{
    struct http_exchange *x = call->x;
    if (strcmp(x->request.method, "POST") != 0)
        return true;
    if (!tenant_is_own_form(x)) {
        tenant_reply_error_page(x, 403, NULL, "generic", "invalid_request",
                                "The form came from another site.");
        return false;
    }
    if (!http_form(x, &call->form)) {
        tenant_reply_error_page(x, 400, NULL, "generic", "invalid_request", "The form could not be read.");
        return false;
    }
    return true;
}

static enum db_result read_client(struct login_call *call, struct db_tx *tx)
{
    const char *client_id = json_mut_text(call->transaction->root, "client_id");
    if (client_id == NULL)
        return DB_OK;
    enum db_result found = client_by_id(tx, call->arena, call->tenant->keyring, client_id, &call->client);
    return found == DB_NOT_FOUND ? DB_OK : found;
}

static void fill_frame(struct login_call *call, struct db_tx *tx)
{
    yyjson_mut_val *root = call->transaction->root;
    call->frame = (struct page_frame){
        .ui_locales = json_mut_text(root, "ui_locales"),
        .client_name = json_text(call->client.doc, "name"),
        .company_name = tenant_friendly_name(call->tenant, tx, call->arena),
        .leads_to = json_mut_text(root, "redirect_uri"),
    };
    call->language = tenant_page_language(call->x, &call->frame);
}

bool login_open(struct http_exchange *x, struct login_call *call)
{
    *call = (struct login_call){.x = x, .tenant = tenant_of(x), .arena = x->arena};
    if (!read_form(call))
        return false;
    const char *state = http_pair(&call->form, "state");
    state = state != NULL ? state : http_query(x, "state");
    struct db_tx *tx = NULL;
    enum transaction_fault fault = TRANSACTION_FAILED;
    if (db_begin_read(call->tenant->db, &tx) == DB_OK) {
        fault = login_transaction_load(x, tx, state, &call->transaction);
        if (fault == TRANSACTION_FINE && read_client(call, tx) != DB_OK)
            fault = TRANSACTION_FAILED;
        if (fault == TRANSACTION_FINE)
            fill_frame(call, tx);
    }
    db_end(&tx);
    if (fault == TRANSACTION_UNKNOWN)
        transaction_reply_expired(x);
    else if (fault == TRANSACTION_FAILED)
        login_reply_store_failure(call);
    if (fault != TRANSACTION_FINE)
        return false;
    call->variables = json_new_object(call->arena);
    call->root = yyjson_mut_doc_get_root(call->variables);
    json_set_text(call->variables, call->root, "state", call->transaction->id);
    return true;
}

const char *login_field(const struct login_call *call, const char *name)
{
    const char *value = http_pair(&call->form, name);
    return value != NULL ? value : "";
}

const char *login_action(const struct login_call *call)
{
    const char *action = login_field(call, "action");
    return *action != '\0' ? action : "default";
}

const char *login_trimmed(const struct login_call *call, const char *name)
{
    static const char white[] = " \t\r\n";
    const char *text = login_field(call, name);
    text += strspn(text, white);
    size_t length = strlen(text);
    while (length > 0 && strchr(white, text[length - 1]) != NULL)
        length--;
    return arena_strndup(call->arena, text, length);
}

bool login_at_entry(struct login_call *call)
{
    static const char *const entries[] = {"login-id", "login-password", "signup-id", "signup-password"};
    const char *step = json_mut_text(call->transaction->root, "step");
    bool known = json_mut_text(call->transaction->root, "user_id") != NULL;
    for (size_t i = 0; !known && i < ARRAY_LENGTH(entries); i++) {
        if (step == NULL || strcmp(step, entries[i]) == 0)
            return true;
    }
    login_go(call, login_step_path(step));
    return false;
}

void login_show(struct login_call *call, int status, const char *screen, const char *error)
{
    json_set_text(call->variables, call->root, "error", error);
    tenant_reply_page(call->x, status, screen, &call->frame, call->variables);
}

const char *login_url(const struct login_call *call, const char *path)
{
    return arena_printf(call->arena, "%s?state=%s", path, percent_encode(call->arena, call->transaction->id));
}

void login_go(struct login_call *call, const char *path)
{
    http_redirect(call->x, 302, login_url(call, path));
}

void login_reply_conflict(struct login_call *call)
{
    const char *state = call->transaction->id;
    struct db_tx *tx = NULL;
    enum transaction_fault fault = TRANSACTION_FAILED;
    if (db_begin_read(call->tenant->db, &tx) == DB_OK)
        fault = login_transaction_load(call->x, tx, state, &call->transaction);
    db_end(&tx);
    if (fault == TRANSACTION_FINE)
        login_go(call, login_step_path(json_mut_text(call->transaction->root, "step")));
    else if (fault == TRANSACTION_UNKNOWN)
        transaction_reply_expired(call->x);
    else
        login_reply_store_failure(call);
}

bool login_end_write(struct login_call *call, struct db_tx **tx, enum db_result result)
{
    if (result == DB_OK)
        result = db_commit(tx);
    db_rollback(tx);
    if (result == DB_CONFLICT)
        login_reply_conflict(call);
    else if (result != DB_OK)
        login_reply_store_failure(call);
    return result == DB_OK;
}

bool login_save(struct login_call *call)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = login_transaction_save(tx, call->arena, call->transaction);
    return login_end_write(call, &tx, result);
}

void login_fail(struct login_call *call, const char *error, const char *description)
{
    struct login_transaction *transaction = call->transaction;
    json_set_text(transaction->doc, transaction->root, "error", error);
    json_set_text(transaction->doc, transaction->root, "error_description", description);
    json_set_text(transaction->doc, transaction->root, "step", "resume");
    if (login_save(call))
        login_go(call, "/authorize/resume");
}

void login_log(struct login_call *call, const char *type, const char *description, const char *user_id,
               const char *user_name)
{
    tenant_log(call->tenant, call->x,
               (struct log_entry){.type = type,
                                  .description = description,
                                  .connection = json_mut_text(call->transaction->root, "connection"),
                                  .client_id = json_mut_text(call->transaction->root, "client_id"),
                                  .client_name = json_text(call->client.doc, "name"),
                                  .strategy = "auth0",
                                  .user_id = user_id,
                                  .user_name = user_name});
}
