#include "cli/demo_steps.h"

#include "base/encode.h"
#include "cli/demo_assets.h"
#include "store/clients.h"

#include <string.h>

enum { CALL_MS = 15000, LARGEST_ANSWER = 256 * 1024 };

const char demo_rule_name[] = "User-initiated MFA demo";

struct step {
    struct tenant *tenant;
    struct arena *arena;
    struct demo_transcript *transcript;
    const char *token;
};

static yyjson_mut_val *calls_of(struct demo_transcript *transcript)
{
    return json_mut_member(yyjson_mut_doc_get_root(transcript->doc), "calls");
}

/* Does one call and adds it to the transcript; `shown` is what the transcript shows as its body, NULL: the body itself. */
static int call(struct step *step, const char *method, const char *path, const char *body, const char *shown)
{
    yyjson_mut_doc *doc = step->transcript->doc;
    const char *url = arena_printf(step->arena, "%s%s", step->tenant->config->issuer, path);
    struct http_pair headers[2] = {{"content-type", "application/json"}};
    size_t count = 1;
    if (step->token != NULL)
        headers[count++] =
            (struct http_pair){"authorization", arena_printf(step->arena, "Bearer %s", step->token)};
    struct http_answer answer;
    http_call(step->tenant->http, step->arena,
              &(struct http_call){.method = method,
                                  .url = url,
                                  .headers = {.items = headers, .count = count},
                                  .body = bytes_of_text(body),
                                  .timeout_ms = CALL_MS,
                                  .largest_answer = LARGEST_ANSWER,
                                  .operator_chose_address = true},
              &answer);

    yyjson_val *response = NULL;
    if (answer.status != 0 && json_parse(step->arena, answer.body, &json_limits_body, &response) != JSON_FINE)
        response = NULL;
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, calls_of(step->transcript));
    json_set_text(doc, entry, "method", method);
    json_set_text(doc, entry, "url", url);
    json_set(doc, entry, "request",
             yyjson_val_mut_copy(doc, json_parse_own(step->arena, shown != NULL ? shown : body)));
    json_set_int(doc, entry, "status", answer.status);
    if (response != NULL)
        json_set(doc, entry, "response", yyjson_val_mut_copy(doc, response));
    if (answer.error != NULL)
        json_set_text(doc, entry, "error", answer.error);
    step->transcript->last = response;
    return answer.status;
}

/* The secret of one of the demo's applications. */
static const char *secret_of(struct step *step, const char *client_id)
{
    struct db_tx *tx;
    struct client client;
    if (db_begin_read(step->tenant->db, &tx) != DB_OK)
        return NULL;
    enum db_result result = client_by_id(tx, step->arena, step->tenant->keyring, client_id, &client);
    db_end(&tx);
    return result == DB_OK ? client.secret : NULL;
}

static const char *token_request(struct step *step, const char *client_id, const char *secret)
{
    yyjson_mut_doc *doc = json_new_object(step->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "grant_type", "client_credentials");
    json_set_text(doc, root, "client_id", client_id);
    json_set_text(doc, root, "client_secret", secret);
    json_set_text(doc, root, "audience",
                  arena_printf(step->arena, "%sapi/v2/", step->tenant->config->issuer));
    return json_write_doc(step->arena, doc);
}

/* Begins a step with the token of its application. */
static bool begin(struct step *step, const char *client_id)
{
    yyjson_mut_doc *doc = json_new_object(step->arena);
    json_set(doc, yyjson_mut_doc_get_root(doc), "calls", yyjson_mut_arr(doc));
    *step->transcript = (struct demo_transcript){.doc = doc};

    const char *secret = secret_of(step, client_id);
    if (secret == NULL)
        return false;
    const char *body = token_request(step, client_id, secret);
    if (call(step, "POST", "oauth/token", body, token_request(step, client_id, "(kept by the server)")) !=
        200)
        return false;
    step->token = json_text(step->transcript->last, "access_token");
    return step->token != NULL;
}

static void end(struct step *step, bool ok)
{
    step->transcript->ok = ok;
    json_set_bool(step->transcript->doc, yyjson_mut_doc_get_root(step->transcript->doc), "ok", ok);
}

/* The tutorial's rule (web/demo/rule.js) with the demo page's client_id in place. */
static const char *rule_script(struct arena *arena, const char *client_id)
{
    static const char placeholder[] = "REPLACE_WITH_YOUR_CLIENT_ID";
    for (size_t i = 0; i < demo_assets_count; i++) {
        if (strcmp(demo_assets[i].name, "rule.js") != 0)
            continue;
        const char *text = arena_strndup(arena, (const char *)demo_assets[i].content, demo_assets[i].size);
        const char *found = strstr(text, placeholder);
        if (found != NULL)
            return arena_printf(arena, "%.*s%s%s", (int)(found - text), text, client_id,
                                found + strlen(placeholder));
    }
    return "";
}

static const char *rule_body(struct arena *arena, const char *client_id)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "name", demo_rule_name);
    json_set_bool(doc, root, "enabled", true);
    json_set_text(doc, root, "script", rule_script(arena, client_id));
    return json_write_doc(arena, doc);
}

void demo_turn_on_factors(struct tenant *tenant, struct arena *arena, const struct demo_clients *clients,
                          struct demo_transcript *transcript)
{
    struct step step = {.tenant = tenant, .arena = arena, .transcript = transcript};
    bool ok = begin(&step, clients->step_ids[DEMO_FACTORS]) &&
              call(&step, "PUT", "api/v2/guardian/factors/sms", "{\"enabled\":true}", NULL) == 200 &&
              call(&step, "PUT", "api/v2/guardian/factors/otp", "{\"enabled\":true}", NULL) == 200;
    if (ok) {
        int status = call(&step, "POST", "api/v2/rules", rule_body(arena, clients->page_id), NULL);
        ok = status == 201 || status == 409; /* 409: it was put in before */
    }
    end(&step, ok);
}

void demo_flag_user(struct tenant *tenant, struct arena *arena, const struct demo_clients *clients,
                    const char *user_id, bool on, struct demo_transcript *transcript)
{
    struct step step = {.tenant = tenant, .arena = arena, .transcript = transcript};
    const char *path = arena_printf(arena, "api/v2/users/%s", percent_encode(arena, user_id));
    const char *body = on ? "{\"app_metadata\":{\"use_mfa\":true}}" : "{\"app_metadata\":{\"use_mfa\":null}}";
    end(&step, begin(&step, clients->step_ids[DEMO_FLAG]) && call(&step, "PATCH", path, body, NULL) == 200);
}

void demo_make_ticket(struct tenant *tenant, struct arena *arena, const struct demo_clients *clients,
                      const char *user_id, struct demo_transcript *transcript)
{
    struct step step = {.tenant = tenant, .arena = arena, .transcript = transcript};
    yyjson_mut_doc *doc = json_new_object(arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "user_id", user_id);
    json_set_bool(doc, yyjson_mut_doc_get_root(doc), "send_mail", false);
    end(&step, begin(&step, clients->step_ids[DEMO_TICKET]) &&
                   call(&step, "POST", "api/v2/guardian/enrollments/ticket", json_write_doc(arena, doc),
                        NULL) == 200);
}
