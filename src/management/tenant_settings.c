/* The tenant's settings: of Auth0's members those that have an effect here. One document, "tenant" (store/settings.h). */
#include "management/resources.h"
#include "script/liquid.h"
#include "store/settings.h"

#include <string.h>

static void show_settings(struct call *call)
{
    struct db_tx *tx = NULL;
    yyjson_val *stored = NULL;
    if (!call_read(call, &tx)) {
        return;
    }
    enum db_result result = settings_get(tx, call->arena, "tenant", &stored);
    db_end(&tx);
    if (result != DB_OK && result != DB_NOT_FOUND) {
        (void)management_store_failed(call->x);
        return;
    }
    http_reply_json(call->x, 200,
                    stored != NULL ? json_thaw(call->arena, stored) : json_new_object(call->arena));
}

/* The page is tried out before it is kept: a login that finds it broken goes on with our own pages. */
static bool check_page(struct call *call)
{
    static const char variables[] =
        "{\"mfaServerUrl\":\"https://tenant.test/"
        "appliance-mfa\",\"requestToken\":\"a.b.c\",\"postActionURL\":"
        "\"https://tenant.test/u/"
        "mfa-widget\",\"globalTrackingId\":\"1\",\"stateCheckingMechanism\":\"polling\","
        "\"errors\":[],\"allowRememberBrowser\":true,\"userData\":{\"userId\":\"auth0|1\",\"email\":\"a@b."
        "test\","
        "\"friendlyUserId\":\"a@b.test\",\"tenant\":\"tenant\",\"tenantFriendlyName\":\"Tenant\"}}";
    const char *html = json_text(json_member(call->body, "guardian_mfa_page"), "html");
    const char *error = NULL;
    if (html == NULL || html[0] == '\0' || call->tenant->scripts == NULL) {
        return true;
    }
    yyjson_mut_doc *doc = json_thaw(call->arena, json_parse_own(call->arena, variables));
    if (liquid_render(call->tenant->scripts, call->arena, html, yyjson_mut_doc_get_root(doc), &error) !=
        NULL) {
        return true;
    }
    return management_bad_body(call->x, arena_printf(call->arena, "Invalid guardian_mfa_page template: %s.",
                                                     error != NULL ? error : "it cannot be rendered"));
}

/* A member sent takes the place of the one stored; null removes it; the others stay. */
static enum db_result merge(struct call *call, struct db_tx *tx, yyjson_mut_doc **merged)
{
    yyjson_val *stored = NULL;
    enum db_result result = settings_lock(tx, call->arena, "tenant");
    if (result == DB_OK) {
        result = settings_get(tx, call->arena, "tenant", &stored);
    }
    if (result != DB_OK) {
        return result;
    }
    yyjson_mut_doc *doc = stored != NULL ? json_thaw(call->arena, stored) : json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(call->body, index, count, name, value)
    {
        if (yyjson_is_null(value)) {
            json_remove(root, yyjson_get_str(name));
        } else {
            json_set(doc, root, yyjson_get_str(name), yyjson_val_mut_copy(doc, value));
        }
    }
    *merged = doc;
    return settings_put(tx, "tenant", json_write_doc(call->arena, doc));
}

static void change_settings(struct call *call)
{
    struct db_tx *tx = NULL;
    yyjson_mut_doc *merged = NULL;
    if (!check_page(call) || !call_write(call, &tx)) {
        return;
    }
    if (merge(call, tx, &merged) != DB_OK) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (call_commit(call, &tx)) {
        http_reply_json(call->x, 200, merged);
    }
}

static const struct operation list[] = {
    {"GET", "/tenants/settings", show_settings, NULL},
    {"PATCH", "/tenants/settings", change_settings, NULL},
};
const struct operations tenant_settings_operations = {list, ARRAY_LENGTH(list)};
