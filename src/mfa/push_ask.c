/* What a question to a phone says, and its way there (../protocol/guardian.md A5). */
#include "mfa/factors.h"
#include "mfa/push_tokens.h"

#include "base/clock.h"
#include "notify/push.h"
#include "tenant/geoip.h"
#include "tenant/user_agent.h"

#include <string.h>

/* "Chrome 120.0.0" as {"n","v"}, from `text` up to `length`. */
static yyjson_mut_val *name_and_version(yyjson_mut_doc *doc, const char *text, size_t length)
{
    size_t name = length;
    while (name > 0 && text[name - 1] != ' ')
        name--;
    yyjson_mut_val *product = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_val(doc, product, "n", yyjson_mut_strncpy(doc, text, name > 0 ? name - 1 : length));
    yyjson_mut_obj_add_val(doc, product, "v",
                           yyjson_mut_strncpy(doc, text + name, name > 0 ? length - name : 0));
    return product;
}

/* Browser and system of whoever signs in; an empty object where there is no browser. */
static yyjson_mut_val *source_of(struct factor_call *call, yyjson_mut_doc *doc)
{
    static const char between[] = " / ";
    yyjson_mut_val *source = yyjson_mut_obj(doc);
    const char *header = call->x != NULL ? http_header(call->x, "user-agent") : NULL;
    if (header == NULL)
        return source;
    const char *text = user_agent_text(call->arena, header);
    const char *slash = strstr(text, between);
    if (slash == NULL)
        return source;
    const char *system = slash + strlen(between);
    json_set(doc, source, "b", name_and_version(doc, text, (size_t)(slash - text)));
    json_set(doc, source, "os", name_and_version(doc, system, strlen(system)));
    return source;
}

/* Where the browser is, as "City, CC" with its position; NULL where no database knows it. */
static yyjson_mut_val *location_of(struct factor_call *call, yyjson_mut_doc *doc)
{
    const char *ip = call->x != NULL ? call->x->request.client_ip : NULL;
    if (ip == NULL)
        return NULL;
    struct geoip_place place = geoip_find(call->tenant->geoip, call->arena, ip);
    if (place.country_code == NULL)
        return NULL;
    const char *name = place.city_name != NULL
                           ? arena_printf(call->arena, "%s, %s", place.city_name, place.country_code)
                           : place.country_name;
    yyjson_mut_val *location = yyjson_mut_obj(doc);
    json_set_text(doc, location, "n", name != NULL ? name : place.country_code);
    if (place.has_position) {
        json_set_text(doc, location, "lat", arena_printf(call->arena, "%.4f", place.latitude));
        json_set_text(doc, location, "long", arena_printf(call->arena, "%.4f", place.longitude));
    }
    return location;
}

/* What the person shall consent to beside the login itself; NULL where nothing was said. */
static yyjson_mut_val *consent_of(struct factor_call *call, yyjson_mut_doc *doc)
{
    const struct push_request *request = call->request;
    if (request == NULL || (request->binding_message == NULL && request->authorization_details == NULL))
        return NULL;
    yyjson_mut_val *consent = yyjson_mut_obj(doc), *scopes = yyjson_mut_arr(doc);
    json_set_text(doc, consent, "audience", request->audience);
    for (const char *at = request->scope; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, " ");
        if (length > 0)
            yyjson_mut_arr_append(scopes, yyjson_mut_strncpy(doc, at, length));
        at += length + (at[length] == ' ');
    }
    json_set(doc, consent, "scope", scopes);
    json_set_text(doc, consent, "binding_message", request->binding_message);
    if (request->authorization_details != NULL)
        json_set(doc, consent, "authorization_details",
                 yyjson_val_mut_copy(doc, request->authorization_details));
    return consent;
}

yyjson_val *push_challenge_doc(struct factor_call *call, const struct authenticator *phone,
                               const char *number)
{
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *location = location_of(call, doc),
                   *consent = consent_of(call, doc);
    json_set_text(doc, root, "number", number);
    bool is_shown = call->request == NULL || !call->request->has_no_screen;
    json_set_bool(doc, root, "needs_number", is_shown && push_knows_numbers(phone));
    json_set_bool(doc, root, "own_phone", push_knows_numbers(phone));
    json_set_text(doc, root, "client_name", call->request != NULL ? call->request->client_name : NULL);
    json_set_text(doc, root, "ip", call->x != NULL ? call->x->request.client_ip : NULL);
    json_set(doc, root, "source", source_of(call, doc));
    if (location != NULL)
        json_set(doc, root, "location", location);
    if (consent != NULL)
        json_set(doc, root, "consent", consent);
    return json_parse_own(call->arena, json_write_doc(call->arena, doc));
}

/* The service's host: bare where its port is the default one, as Guardian.Android needs it (A5). */
static const char *service_host(struct tenant *tenant, struct arena *arena)
{
    const char *issuer = tenant->config->issuer, *host = tenant->config->host;
    if (tenant->config->secure && strchr(host, ':') == NULL)
        return host;
    return arena_printf(arena, "%.*s", (int)(strlen(issuer) - 1), issuer);
}

yyjson_mut_val *push_payload(struct tenant *tenant, struct arena *arena, yyjson_mut_doc *doc,
                             const struct push_challenge *challenge)
{
    yyjson_mut_val *payload = yyjson_mut_obj(doc);
    yyjson_val *location = json_member(challenge->doc, "location");
    json_set_text(doc, payload, "dai", challenge->authenticator_id);
    json_set_text(doc, payload, "txtkn", push_transaction_token(tenant, arena, challenge));
    json_set_text(doc, payload, "c", push_challenge_text(tenant, arena, challenge->id));
    json_set_text(doc, payload, "d", clock_iso8601(arena, challenge->created_at));
    json_set_text(doc, payload, "sh", service_host(tenant, arena));
    if (json_member(challenge->doc, "consent") != NULL)
        json_set_text(doc, payload, "txlnkid", push_consent_id(arena, challenge->id));
    json_set(doc, payload, "s", yyjson_val_mut_copy(doc, json_member(challenge->doc, "source")));
    if (location != NULL)
        json_set(doc, payload, "l", yyjson_val_mut_copy(doc, location));
    /* Ours, read by our own phone: whether it asks for the number of the login page, until when, and for what application. */
    if (json_bool(challenge->doc, "own_phone", false)) {
        json_set_bool(doc, payload, "nm", json_bool(challenge->doc, "needs_number", false));
        json_set_text(doc, payload, "e", clock_iso8601(arena, challenge->expires_at));
        json_set_text(doc, payload, "app", json_text(challenge->doc, "client_name"));
        json_set_text(doc, payload, "ip", json_text(challenge->doc, "ip"));
    }
    return payload;
}

enum db_result push_send(struct factor_call *call, struct db_tx *tx, const struct authenticator *phone,
                         const struct push_challenge *challenge)
{
    struct arena *arena = call->arena;
    yyjson_val *credentials = json_member(phone->doc, "push_credentials");
    if (json_bool(phone->doc, "dead", false))
        return DB_OK;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_doc_set_root(doc, push_payload(call->tenant, arena, doc, challenge));
    struct push_message message = {
        .service = json_text(credentials, "service"),
        .token = json_text(credentials, "token"),
        .authenticator_id = phone->id,
        .user_id = phone->user_id,
        .title = tenant_friendly_name(call->tenant, tx, arena),
        .body = arena_printf(arena, "Approve sign-in for %s?", factor_account(call->user)),
        .payload = json_write_doc(arena, doc),
        .expires_at = challenge->expires_at,
    };
    return notifier_queue_push(call->tenant->notifier, tx, arena, &message);
}
