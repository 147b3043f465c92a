/* Phones as authenticators: enrolled, known again, changed, retired. */
#include "mfa/factors.h"
#include "mfa/push_tokens.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"

#include <ctype.h>
#include <string.h>

enum { DEVICE_TOKEN_LENGTH = 43 };

/* --- the record --- */

static void set_credentials(yyjson_mut_doc *doc, const char *service, const char *token)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *credentials = yyjson_mut_obj(doc);
    json_set_text(doc, credentials, "service", service);
    json_set_text(doc, credentials, "token", token);
    json_set(doc, root, "push_credentials", credentials);
    json_remove(root, "dead");
}

static enum db_result store_doc(struct db_tx *tx, struct arena *arena, const struct authenticator *device,
                                yyjson_mut_doc *doc)
{
    return authenticator_set_doc(tx, device->id, device->version, json_write_doc(arena, doc));
}

enum db_result push_device_enroll(struct db_tx *tx, struct arena *arena,
                                  const struct authenticator *authenticator, const struct push_device *device)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "identifier", device->identifier);
    json_set_text(doc, root, "name", device->name);
    set_credentials(doc, device->service, device->token);
    json_set(doc, root, "public_key", device_key_jwk(&device->key, arena, doc));
    enum db_result result = store_doc(tx, arena, authenticator, doc);
    if (result == DB_OK)
        result = authenticator_set_code(tx, authenticator->id, token_hash(arena, device->bearer));
    return result;
}

enum db_result push_device_update(struct db_tx *tx, struct arena *arena,
                                  const struct authenticator *authenticator, const struct push_device *device)
{
    yyjson_mut_doc *doc = json_thaw(arena, authenticator->doc);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_val *old = json_member(authenticator->doc, "push_credentials");
    if (device->identifier != NULL)
        json_set_text(doc, root, "identifier", device->identifier);
    if (device->name != NULL)
        json_set_text(doc, root, "name", device->name);
    if (device->service != NULL || device->token != NULL)
        set_credentials(doc, device->service != NULL ? device->service : json_text(old, "service"),
                        device->token != NULL ? device->token : json_text(old, "token"));
    return store_doc(tx, arena, authenticator, doc);
}

enum db_result push_device_retire(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                  const char *authenticator_id, const char *token)
{
    struct authenticator device;
    enum db_result result = authenticator_by_id(tx, arena, keyring, authenticator_id, &device);
    if (result == DB_NOT_FOUND)
        return DB_OK;
    const char *current = json_text(json_member(device.doc, "push_credentials"), "token");
    if (result != DB_OK || current == NULL || strcmp(current, token) != 0)
        return result;
    yyjson_mut_doc *doc = json_thaw(arena, device.doc);
    json_set_bool(doc, yyjson_mut_doc_get_root(doc), "dead", true);
    return store_doc(tx, arena, &device, doc);
}

void push_token_is_dead(void *context, const char *authenticator_id, const char *token)
{
    struct tenant *tenant = context;
    struct arena *arena = arena_create();
    struct db_tx *tx;
    if (db_begin_write(tenant->db, &tx) == DB_OK) {
        if (push_device_retire(tx, arena, tenant->keyring, authenticator_id, token) != DB_OK ||
            db_commit(&tx) != DB_OK)
            db_rollback(&tx);
    }
    arena_destroy(&arena);
}

bool push_knows_numbers(const struct authenticator *phone)
{
    const char *service = json_text(json_member(phone->doc, "push_credentials"), "service");
    const char *type = json_text(json_member(phone->doc, "public_key"), "kty");
    return (service != NULL && (strcmp(service, "WEBPUSH") == 0 || strcmp(service, "NONE") == 0)) ||
           (type != NULL && strcmp(type, "EC") == 0);
}

/* --- who speaks --- */

/* scheme://host[:port]/… with scheme and host in small letters, without a default port and an ending slash. */
static const char *normal_url(struct arena *arena, const char *url)
{
    char *normal = arena_strdup(arena, url);
    char *host = strstr(normal, "://");
    if (host == NULL)
        return normal;
    bool is_https = strncasecmp(normal, "https:", 6) == 0;
    host += 3;
    size_t end = (size_t)(host - normal) + strcspn(host, "/?#");
    for (size_t i = 0; i < end; i++)
        normal[i] = (char)tolower((unsigned char)normal[i]);
    const char *port = is_https ? ":443" : ":80";
    size_t length = strlen(port);
    if (end >= length && strncmp(normal + end - length, port, length) == 0)
        memmove(normal + end - length, normal + end, strlen(normal + end) + 1);
    size_t size = strlen(normal);
    if (size > 0 && normal[size - 1] == '/')
        normal[size - 1] = '\0';
    return normal;
}

bool push_is_audience(const struct tenant *tenant, struct arena *arena, const struct jwt *jwt,
                      const char *path)
{
    static const char *const prefixes[] = {"appliance-mfa/", "guardian/", ""};
    yyjson_val *aud = json_member(jwt->claims, "aud");
    const char *claimed = yyjson_get_str(yyjson_is_arr(aud) ? yyjson_arr_get_first(aud) : aud);
    if (claimed == NULL || (yyjson_is_arr(aud) && yyjson_arr_size(aud) != 1))
        return false;
    const char *normal = normal_url(arena, claimed);
    for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
        const char *base = arena_printf(arena, "%s%s", tenant->config->issuer, prefixes[i]);
        if (strcmp(normal, normal_url(arena, base)) == 0 ||
            strcmp(normal, normal_url(arena, arena_printf(arena, "%s%s", base, path))) == 0)
            return true;
    }
    return false;
}

bool push_is_url(const struct tenant *tenant, struct arena *arena, const char *url, const char *path)
{
    const char *own = arena_printf(arena, "%s%s", tenant->config->issuer, path);
    return strcmp(normal_url(arena, url), normal_url(arena, own)) == 0;
}

/* A token that the phone signed itself, as its apps do since Guardian.swift 1.1 and Guardian.Android 0.6. */
static bool is_signed_by(struct tenant *tenant, struct arena *arena, const struct jwt *jwt, const char *path,
                         const struct authenticator *device)
{
    struct device_key key;
    const char *fault, *subject = json_text(jwt->claims, "sub");
    return device_key_parse(arena, json_member(device->doc, "public_key"), &key, &fault) &&
           device_key_verify(&key, jwt) && subject != NULL && strcmp(subject, device->user_id) == 0 &&
           push_is_audience(tenant, arena, jwt, path) && jwt_is_current(jwt, clock_now(), PUSH_SKEW_S);
}

bool push_device_authenticate(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                              const char *bearer, const char *path, struct authenticator *device)
{
    struct jwt jwt;
    if (!jwt_parse(arena, bearer, &jwt))
        return authenticator_by_code(tx, arena, tenant->keyring, "push", token_hash(arena, bearer), device) ==
                   DB_OK &&
               device->confirmed;
    const char *id = json_text(jwt.claims, "iss");
    return id != NULL && authenticator_by_id(tx, arena, tenant->keyring, id, device) == DB_OK &&
           strcmp(device->kind, "push") == 0 && device->confirmed &&
           is_signed_by(tenant, arena, &jwt, path, device);
}

/* --- enrolling --- */

/* What a ticket is for: a pending phone, which is made where the ticket is one of the Management API. */
struct ticket_holder {
    struct user user;
    const char *authenticator_id;
    struct bytes secret;     /* of its one-time codes */
    yyjson_val *doc;         /* of the pending phone; NULL: the Management API's ticket */
    const char *ticket_hash; /* what the confirmation spends; may be NULL */
    bool additional;
};

static enum factor_result find_holder(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                      const char *ticket, struct ticket_holder *holder)
{
    struct authenticator pending;
    struct enrollment_ticket found;
    const char *user_id;
    enum db_result result =
        authenticator_by_code(tx, arena, tenant->keyring, "push", token_hash(arena, ticket), &pending);
    if (result == DB_OK) {
        if (pending.confirmed)
            return FACTOR_TICKET_SPENT;
        user_id = pending.user_id;
        holder->authenticator_id = pending.id;
        holder->secret = pending.secret;
        holder->doc = pending.doc;
        holder->ticket_hash = json_text(pending.doc, "ticket");
        holder->additional = json_bool(pending.doc, "additional", false);
    } else if (result == DB_NOT_FOUND) {
        result = enrollment_ticket_by_secret(tx, arena, ticket, &found);
        if (result == DB_OK &&
            (found.used_at != 0 || found.voided_at != 0 || found.expires_at <= clock_now_ms()))
            return FACTOR_TICKET_SPENT;
        user_id = found.user_id;
        holder->ticket_hash = token_hash(arena, ticket);
        holder->additional = json_bool(found.doc, "allow_multiple_enrollments", false);
    }
    if (result == DB_OK)
        result = user_by_id(tx, arena, user_id, &holder->user);
    return factor_result_of(result, FACTOR_TICKET_SPENT);
}

/* A ticket of the Management API that a phone brings by itself: the phone it enrols is made first. */
static enum factor_result begin_by_ticket(struct factor_call *call, struct ticket_holder *holder,
                                          const char **ticket)
{
    struct enrollment_offer offer;
    int64_t retry_ms;
    enum factor_result result = mfa_enroll(call, &push_factor, NULL, &offer, &retry_ms);
    holder->authenticator_id = offer.authenticator.id;
    holder->secret = offer.authenticator.secret;
    *ticket = offer.enrollment_tx_id;
    return result;
}

enum factor_result push_enroll(struct tenant *tenant, const struct http_exchange *x, const char *ticket,
                               const struct push_device *device, struct push_enrolled *enrolled)
{
    struct arena *arena = x->arena;
    struct ticket_holder holder = {0};
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant->db, &tx) != DB_OK)
        return FACTOR_FAILED;
    enum factor_result result = find_holder(tenant, tx, arena, ticket, &holder);
    db_end(&tx);
    if (result != FACTOR_OK)
        return result;

    struct push_device phone = *device;
    phone.bearer = random_text(arena, RANDOM_ALPHANUMERIC, DEVICE_TOKEN_LENGTH);
    struct factor_call call = {
        .tenant = tenant,
        .arena = arena,
        .x = x,
        .user = &holder.user,
        .provider = json_text(holder.doc, "provider"),
        .additional = holder.additional,
        .now = clock_now_ms(),
        .ticket_hash = holder.ticket_hash,
        .page_shows_recovery_code = json_bool(holder.doc, "browser", false),
        .device = &phone,
    };
    if (holder.authenticator_id == NULL)
        result = begin_by_ticket(&call, &holder, &ticket);
    int64_t retry_ms;
    const char *recovery = NULL;
    if (result == FACTOR_OK)
        result =
            mfa_confirm(&call, holder.authenticator_id, ticket, holder.ticket_hash, &recovery, &retry_ms);
    if (result != FACTOR_OK)
        return result;
    *enrolled = (struct push_enrolled){
        .id = holder.authenticator_id,
        .user_id = holder.user.user_id,
        .token = phone.bearer,
        .recovery = recovery,
    };
    if (mfa_factor_enabled(call.settings, "otp"))
        enrolled->secret = holder.secret;
    return FACTOR_OK;
}
