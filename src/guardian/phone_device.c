/* A phone's account here: made by a ticket, changed and removed by the phone itself (A3, A4). */
#include "guardian/phone.h"

#include "base/encode.h"

#include <string.h>

enum { LONGEST_IDENTIFIER = 256, LONGEST_NAME = 256, LONGEST_TOKEN = 4096 };

static const char *const services[] = {"APNS", "GCM", "FCM", "WEBPUSH", "NONE"};

/* A text member within its length. False where it is there and is not one. */
static bool read_text(yyjson_val *object, const char *name, size_t longest, const char **text)
{
    yyjson_val *member = json_member(object, name);
    *text = yyjson_get_str(member);
    return member == NULL || (*text != NULL && strlen(*text) <= longest);
}

/* "FCM" is what Guardian.Android calls "GCM" (C4-18). */
static bool read_service(yyjson_val *credentials, const char **service)
{
    const char *named = json_text(credentials, "service");
    *service = NULL;
    for (size_t i = 0; named != NULL && i < ARRAY_LENGTH(services); i++)
        if (strcmp(named, services[i]) == 0)
            *service = strcmp(named, "FCM") == 0 ? "GCM" : services[i];
    return *service != NULL;
}

/* What both enrolment and update may say. NULL, or what is wrong. */
static const char *read_device(yyjson_val *body, struct push_device *device)
{
    yyjson_val *credentials = json_member(body, "push_credentials");
    if (!read_text(body, "identifier", LONGEST_IDENTIFIER, &device->identifier))
        return "identifier must be a text of at most 256 bytes.";
    if (!read_text(body, "name", LONGEST_NAME, &device->name))
        return "name must be a text of at most 256 bytes.";
    if (credentials == NULL)
        return NULL;
    if (!read_service(credentials, &device->service))
        return "push_credentials.service must be APNS, GCM, FCM, WEBPUSH or NONE.";
    if (!read_text(credentials, "token", LONGEST_TOKEN, &device->token) || device->token == NULL)
        return "push_credentials.token must be a text of at most 4096 bytes.";
    return NULL;
}

static const char *read_new_device(struct http_exchange *x, yyjson_val *body, struct push_device *device)
{
    const char *fault = read_device(body, device);
    if (fault != NULL)
        return fault;
    if (device->identifier == NULL || device->identifier[0] == '\0')
        return "identifier is required.";
    if (device->service == NULL)
        return "push_credentials is required.";
    if (!device_key_parse(x->arena, json_member(body, "public_key"), &device->key, &fault))
        return arena_printf(x->arena, "public_key: %s.", fault);
    return NULL;
}

/* Guardian.swift refuses an algorithm in capitals, and Guardian.Android a totp that is null (A3). */
static void add_totp(struct http_exchange *x, yyjson_mut_doc *doc, yyjson_mut_val *root, struct bytes secret)
{
    if (secret.size == 0)
        return;
    yyjson_mut_val *totp = yyjson_mut_obj(doc);
    json_set_text(doc, totp, "secret", base32_encode(x->arena, secret));
    json_set_text(doc, totp, "algorithm", "sha1");
    json_set_int(doc, totp, "digits", 6);
    json_set_int(doc, totp, "period", 30);
    json_set(doc, root, "totp", totp);
}

static void reply_enrolled(struct http_exchange *x, const struct push_enrolled *enrolled)
{
    struct tenant *tenant = tenant_of(x);
    const char *issuer = tenant->config->issuer;
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "id", enrolled->id);
    json_set_text(doc, root, "url", arena_printf(x->arena, "%.*s", (int)(strlen(issuer) - 1), issuer));
    json_set_text(doc, root, "issuer", tenant_name(tenant, x->arena));
    json_set_text(doc, root, "user_id", enrolled->user_id);
    json_set_text(doc, root, "token", enrolled->token);
    add_totp(x, doc, root, enrolled->secret);
    json_set_text(doc, root, "recovery_code", enrolled->recovery);
    http_reply_json(x, 200, doc);
}

void phone_enroll(struct http_exchange *x)
{
    struct push_device device = {0};
    struct push_enrolled enrolled;
    yyjson_val *body;
    guardian_allow_origin(x);
    const char *ticket = guardian_ticket(x);
    if (ticket == NULL) {
        guardian_reply_error(x, "invalid_token");
        return;
    }
    if (!phone_body(x, &body))
        return;
    const char *fault = read_new_device(x, body, &device);
    if (fault != NULL) {
        guardian_reply_fault(x, "invalid_body", fault);
        return;
    }
    switch (push_enroll(tenant_of(x), x, ticket, &device, &enrolled)) {
    case FACTOR_OK:
        reply_enrolled(x, &enrolled);
        return;
    case FACTOR_ALREADY_ENROLLED:
        guardian_reply_error(x, "enrollment_conflict");
        return;
    case FACTOR_NOT_ENROLLED: /* removed meanwhile, or the factor is off */
    case FACTOR_TICKET_SPENT:
        guardian_reply_error(x, "enrollment_transaction_not_found");
        return;
    case FACTOR_TOO_MANY:
        guardian_reply_error(x, "too_many_otp_attempts");
        return;
    default:
        guardian_reply_store_failure(x);
    }
}

/* Both SDKs need every member (A4). */
static void reply_device(struct http_exchange *x, const struct authenticator *device)
{
    yyjson_val *credentials = json_member(device->doc, "push_credentials");
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *shown = yyjson_mut_obj(doc);
    json_set_text(doc, root, "id", device->id);
    json_set_text(doc, root, "identifier", json_text(device->doc, "identifier"));
    json_set_text(doc, root, "name", json_text(device->doc, "name"));
    json_set_text(doc, shown, "service", json_text(credentials, "service"));
    json_set_text(doc, shown, "token", json_text(credentials, "token"));
    json_set(doc, root, "push_credentials", shown);
    http_reply_json(x, 200, doc);
}

/* Stores the change on the account as it is now, which is then in *device. */
static enum db_result update(struct http_exchange *x, struct authenticator *device,
                             const struct push_device *wish)
{
    enum { ATTEMPTS = 4 };
    struct tenant *tenant = tenant_of(x);
    const char *id = device->id;
    enum db_result result = DB_CONFLICT;
    for (int attempt = 0; attempt < ATTEMPTS && result == DB_CONFLICT; attempt++) {
        struct db_tx *tx = NULL;
        result = db_begin_write(tenant->db, &tx);
        if (result == DB_OK)
            result = authenticator_by_id(tx, x->arena, tenant->keyring, id, device);
        if (result == DB_OK)
            result = push_device_update(tx, x->arena, device, wish);
        if (result == DB_OK)
            result = authenticator_by_id(tx, x->arena, tenant->keyring, id, device);
        if (result == DB_OK)
            result = db_commit(&tx);
        db_rollback(&tx);
    }
    return result;
}

void phone_update(struct http_exchange *x)
{
    struct authenticator device;
    struct push_device wish = {0};
    yyjson_val *body;
    if (!phone_authenticate(x, &device) || !phone_body(x, &body))
        return;
    const char *fault = read_device(body, &wish);
    if (fault != NULL) {
        guardian_reply_fault(x, "invalid_body", fault);
        return;
    }
    enum db_result result = update(x, &device, &wish);
    if (result == DB_NOT_FOUND)
        guardian_reply_error(x, "enrollment_not_found");
    else if (result != DB_OK)
        guardian_reply_store_failure(x);
    else
        reply_device(x, &device);
    if (result == DB_OK)
        tenant_log(tenant_of(x), x,
                   (struct log_entry){.type = "gd_update_device_account",
                                      .description = "Guardian - Updates device account",
                                      .user_id = device.user_id});
}

void phone_remove(struct http_exchange *x)
{
    struct tenant *tenant = tenant_of(x);
    struct authenticator device;
    if (!phone_authenticate(x, &device))
        return;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant->db, &tx);
    if (result == DB_OK)
        result = mfa_remove(tenant, tx, x->arena, device.user_id, device.id);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_OK)
        http_reply_empty(x, 204);
    else if (result == DB_NOT_FOUND)
        guardian_reply_error(x, "enrollment_not_found");
    else
        guardian_reply_store_failure(x);
}
