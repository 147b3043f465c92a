#include "guardian/phone.h"

#include "guardian/routes.h"
#include "notify/push.h"

bool phone_body(struct http_exchange *x, yyjson_val **body)
{
    if (http_json(x, body) == JSON_FINE && yyjson_is_obj(*body))
        return true;
    guardian_reply_fault(x, "invalid_body", "The body must be a JSON object.");
    return false;
}

bool phone_authenticate(struct http_exchange *x, struct authenticator *device)
{
    struct tenant *tenant = tenant_of(x);
    guardian_allow_origin(x);
    const char *bearer = http_credentials(x, "Bearer"), *id = http_parameter(x, "id");
    if (bearer == NULL) {
        guardian_reply_error(x, "invalid_bearer_format");
        return false;
    }
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant->db, &tx) != DB_OK) {
        guardian_reply_store_failure(x);
        return false;
    }
    struct authenticator named;
    bool is_known = push_device_authenticate(tenant, tx, x->arena, bearer, "api/device-accounts", device);
    bool exists = authenticator_by_id(tx, x->arena, tenant->keyring, id, &named) == DB_OK;
    db_end(&tx);
    if (is_known && text_equal_secret(device->id, id))
        return true;
    /* A phone whose account was removed learns that, and forgets it; nobody else learns which ids there are. */
    guardian_reply_error(x, !is_known && !exists ? "enrollment_not_found" : "invalid_token");
    return false;
}

/* Public, for our own phone: whom it enrols with. */
void phone_tenant_info(struct http_exchange *x)
{
    struct tenant *tenant = tenant_of(x);
    struct db_tx *tx = NULL;
    guardian_allow_origin(x);
    if (db_begin_read(tenant->db, &tx) != DB_OK) {
        guardian_reply_store_failure(x);
        return;
    }
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "name", tenant_name(tenant, x->arena));
    json_set_text(doc, root, "friendly_name", tenant_friendly_name(tenant, tx, x->arena));
    db_end(&tx);
    /* Ours, for our own phone: what it subscribes to pushes with. */
    json_set_text(doc, root, "vapid_key", notifier_web_push_key(tenant->notifier, x->arena));
    http_reply_json(x, 200, doc);
}

/* --- routes --- */

#define PATH(method, path, handler)                                                                          \
    {                                                                                                        \
        method, path, handler, 0, "phone"                                                                    \
    }
#define PREFLIGHT(path)                                                                                      \
    {                                                                                                        \
        "OPTIONS", path, guardian_answer_preflight, HTTP_ON_LOOP, "phone"                                    \
    }
#define UNDER(prefix)                                                                                        \
    PATH("POST", prefix "/api/enroll", phone_enroll), PREFLIGHT(prefix "/api/enroll"),                       \
        PATH("POST", prefix "/api/resolve-transaction", phone_resolve),                                      \
        PREFLIGHT(prefix "/api/resolve-transaction"),                                                        \
        PATH("PATCH", prefix "/api/device-accounts/{id}", phone_update),                                     \
        PATH("DELETE", prefix "/api/device-accounts/{id}", phone_remove),                                    \
        PREFLIGHT(prefix "/api/device-accounts/{id}"),                                                       \
        PATH("GET", prefix "/api/device-accounts/{id}/pending", phone_list_pending),                         \
        PREFLIGHT(prefix "/api/device-accounts/{id}/pending"),                                               \
        PATH("GET", prefix "/api/device-accounts/{id}/events", phone_listen),                                \
        PREFLIGHT(prefix "/api/device-accounts/{id}/events"),                                                \
        PATH("GET", prefix "/api/tenant-info", phone_tenant_info)

static const struct http_route routes[] = {
    UNDER("/appliance-mfa"),
    UNDER("/guardian"),
    UNDER(""),
    PATH("GET", "/rich-consents/{id}", phone_consent),
    PREFLIGHT("/rich-consents/{id}"),
};

const struct http_routes device_routes = {routes, ARRAY_LENGTH(routes)};
