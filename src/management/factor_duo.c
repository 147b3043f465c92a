/* Duo's credentials (guardian/factors/duo/settings), one sealed document. As with Auth0, who may read factors sees them. */
#include "management/resources.h"
#include "mfa/duo.h"
#include "store/settings.h"

#include <string.h>

static const char document[] = "guardian.duo";

static enum db_result read_settings(struct call *call, struct db_tx *tx, yyjson_mut_doc **doc)
{
    yyjson_val *stored = NULL;
    enum db_result result = settings_get_sealed(tx, call->arena, call->tenant->keyring, document, &stored);
    *doc = stored != NULL ? json_thaw(call->arena, stored) : json_new_object(call->arena);
    return result == DB_NOT_FOUND ? DB_OK : result;
}

static void show_duo(struct call *call)
{
    struct db_tx *tx = NULL;
    yyjson_mut_doc *doc = NULL;
    if (!call_read(call, &tx))
        return;
    enum db_result result = read_settings(call, tx, &doc);
    db_end(&tx);
    if (result != DB_OK)
        (void)management_store_failed(call->x);
    else
        http_reply_json(call->x, 200, doc);
}

/* People are sent to that host: it is told here, not at somebody's login, that it is no host of Duo's. */
static bool check_host(struct call *call)
{
    const char *host = json_text(call->body, "host");
    return host == NULL || *host == '\0' || duo_host_is_fine(host) ||
           management_bad_body(call->x, "host must be the API hostname of Duo's application, such as "
                                        "api-01234567.duosecurity.com");
}

static enum db_result store_duo(struct call *call, struct db_tx *tx, bool keeps, yyjson_mut_doc **doc)
{
    *doc = json_new_object(call->arena);
    enum db_result result = keeps ? read_settings(call, tx, doc) : DB_OK;
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(call->body, index, count, name, value)
    {
        json_set(*doc, yyjson_mut_doc_get_root(*doc), yyjson_get_str(name), yyjson_val_mut_copy(*doc, value));
    }
    if (result == DB_OK)
        result = settings_put_sealed(tx, call->arena, call->tenant->keyring, document,
                                     json_write_doc(call->arena, *doc));
    return result;
}

static void set_duo(struct call *call)
{
    struct db_tx *tx = NULL;
    yyjson_mut_doc *doc = NULL;
    if (!check_host(call) || !call_write(call, &tx))
        return;
    if (store_duo(call, tx, strcmp(call->operation->method, "PATCH") == 0, &doc) != DB_OK) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (!call_commit(call, &tx))
        return;
    tenant_log(call->tenant, call->x,
               (struct log_entry){.type = "gd_tenant_update",
                                  .description = "Guardian - Updates tenant settings",
                                  .client_id = call->caller.client_id});
    http_reply_json(call->x, 200, doc);
}

static const struct operation list[] = {
    {"GET", "/guardian/factors/duo/settings", show_duo, NULL},
    {"PUT", "/guardian/factors/duo/settings", set_duo, NULL},
    {"PATCH", "/guardian/factors/duo/settings", set_duo, NULL},
};
const struct operations factor_duo_operations = {list, ARRAY_LENGTH(list)};
