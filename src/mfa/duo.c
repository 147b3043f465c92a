#include "mfa/duo.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "store/settings.h"

#include <string.h>

enum {
    REQUEST_S = 300, /* a signed request's life */
    LEEWAY_S = 60,
    CHECK_MS = 5000,
    REDEEM_MS = 10000,
    LARGEST_ANSWER = 64 * 1024,
    JTI_LENGTH = 36,
    LONGEST_HOST = 253
};

bool duo_host_is_fine(const char *host)
{
    static const char *const domains[] = {".duosecurity.com", ".duofederal.com"};
    size_t length = strlen(host);
    if (length > LONGEST_HOST || host[0] == '.' || host[0] == '-' || strstr(host, "..") != NULL)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = host[i];
        bool is_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.';
        if (!is_name)
            return false;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(domains); i++) {
        size_t tail = strlen(domains[i]);
        if (length > tail && strcasecmp(host + length - tail, domains[i]) == 0)
            return true;
    }
    return false;
}

static const char *purpose_of(struct arena *arena, const char *transaction_id)
{
    return arena_printf(arena, "login_transactions:%s:duo", token_hash(arena, transaction_id));
}

char *duo_seal(const struct keyring *keyring, struct arena *arena, const char *transaction_id,
               yyjson_val *multifactor)
{
    if (!yyjson_is_obj(multifactor))
        return NULL;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    static const char *const members[] = {"ikey", "skey", "host", "username"};
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++)
        json_set_text(doc, root, members[i], json_text(multifactor, members[i]));
    if (yyjson_mut_obj_size(root) == 0)
        return NULL;
    return keyring_seal(keyring, arena, purpose_of(arena, transaction_id),
                        bytes_of_text(json_write_doc(arena, doc)));
}

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static const char *name_of(yyjson_val *wish, const struct user *user)
{
    const char *names[] = {json_text(wish, "username"), json_text(user->doc, "email"),
                           json_text(user->doc, "username")};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (is_set(names[i]))
            return names[i];
    return user->user_id;
}

enum db_result duo_read(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                        const char *transaction_id, const char *sealed, const struct user *user,
                        struct duo *duo)
{
    yyjson_val *wish = NULL, *settings = NULL;
    struct bytes plain;
    if (sealed != NULL) {
        if (!keyring_open(tenant->keyring, arena, purpose_of(arena, transaction_id), sealed, &plain))
            return DB_NOT_FOUND;
        wish = json_parse_own(arena, (const char *)plain.data);
    }
    /* All of one place: a rule's host with the tenant's secret would be nobody's application. */
    yyjson_val *source = wish;
    if (json_text(wish, "ikey") == NULL && json_text(wish, "skey") == NULL &&
        json_text(wish, "host") == NULL) {
        enum db_result result = settings_get_sealed(tx, arena, tenant->keyring, "guardian.duo", &settings);
        if (result != DB_OK)
            return result;
        source = settings;
    }
    const char *host = json_text(source, "host");
    duo->ikey = json_text(source, "ikey");
    duo->skey = json_text(source, "skey");
    duo->username = name_of(wish, user);
    if (!is_set(duo->ikey) || !is_set(duo->skey) || host == NULL || !duo_host_is_fine(host))
        return DB_NOT_FOUND;
    duo->base =
        tenant->config->duo_url != NULL ? tenant->config->duo_url : arena_printf(arena, "https://%s", host);
    return DB_OK;
}

/* --- what is signed --- */

static struct bytes secret_of(const struct duo *duo)
{
    return bytes_of_text(duo->skey);
}

/* Who calls, for the endpoint of that address. */
static char *assertion_for(struct arena *arena, const struct duo *duo, const char *endpoint)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, claims, "iss", duo->ikey);
    json_set_text(doc, claims, "sub", duo->ikey);
    json_set_text(doc, claims, "aud", endpoint);
    json_set_int(doc, claims, "iat", clock_now());
    json_set_int(doc, claims, "exp", clock_now() + REQUEST_S);
    json_set_text(doc, claims, "jti", random_text(arena, RANDOM_ALPHANUMERIC, JTI_LENGTH));
    return jwt_sign_hs512(arena, secret_of(duo), claims);
}

char *duo_prompt_url(struct arena *arena, const struct duo *duo, const char *redirect_uri, const char *state,
                     const char *nonce)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, claims, "response_type", "code");
    json_set_text(doc, claims, "scope", "openid");
    json_set_text(doc, claims, "client_id", duo->ikey);
    json_set_text(doc, claims, "iss", duo->ikey);
    json_set_text(doc, claims, "aud", duo->base);
    json_set_text(doc, claims, "redirect_uri", redirect_uri);
    json_set_text(doc, claims, "state", state);
    json_set_text(doc, claims, "nonce", nonce);
    json_set_text(doc, claims, "duo_uname", duo->username);
    json_set_bool(doc, claims, "use_duo_code_attribute", true);
    json_set_int(doc, claims, "exp", clock_now() + REQUEST_S);
    return arena_printf(arena, "%s/oauth/v1/authorize?response_type=code&client_id=%s&request=%s", duo->base,
                        percent_encode(arena, duo->ikey), jwt_sign_hs512(arena, secret_of(duo), claims));
}

/* --- calls to Duo --- */

static enum duo_result post(struct tenant *tenant, struct arena *arena, const char *url, const char *form,
                            unsigned timeout_ms, yyjson_val **body, const char **reason)
{
    struct http_pair headers[] = {{"content-type", "application/x-www-form-urlencoded"},
                                  {"accept", "application/json"}};
    struct http_call call = {
        .method = "POST",
        .url = url,
        .headers = {headers, ARRAY_LENGTH(headers)},
        .body = bytes_of_text(form),
        .timeout_ms = timeout_ms,
        .largest_answer = LARGEST_ANSWER,
        .operator_chose_address = tenant->config->duo_url != NULL,
    };
    struct http_answer answer;
    http_call(tenant->http, arena, &call, &answer);
    *body = NULL;
    if (answer.status == 0 || answer.status >= 500 || answer.status == 429) {
        *reason = answer.status == 0 ? answer.error : arena_printf(arena, "Duo answered %d", answer.status);
        return DUO_UNREACHABLE;
    }
    if (json_parse(arena, answer.body, &json_limits_body, body) != JSON_FINE)
        *body = NULL;
    if (answer.status == 200 && yyjson_is_obj(*body))
        return DUO_PASSED;
    *reason = arena_printf(arena, "Duo answered %d, code %lld", answer.status,
                           (long long)json_int(*body, "code", 0));
    return DUO_REFUSED;
}

enum duo_result duo_check(struct tenant *tenant, struct arena *arena, const struct duo *duo,
                          const char **reason)
{
    const char *endpoint = arena_printf(arena, "%s/oauth/v1/health_check", duo->base);
    const char *form = arena_printf(arena, "client_id=%s&client_assertion=%s",
                                    percent_encode(arena, duo->ikey), assertion_for(arena, duo, endpoint));
    yyjson_val *body;
    enum duo_result result = post(tenant, arena, endpoint, form, CHECK_MS, &body, reason);
    if (result != DUO_PASSED)
        return result;
    const char *stat = json_text(body, "stat");
    if (stat != NULL && strcmp(stat, "OK") == 0)
        return DUO_PASSED;
    *reason =
        arena_printf(arena, "Duo's health check failed, code %lld", (long long)json_int(body, "code", 0));
    return DUO_REFUSED;
}

static const char *token_endpoint(struct arena *arena, const struct duo *duo)
{
    return arena_printf(arena, "%s/oauth/v1/token", duo->base);
}

enum duo_result duo_judge(struct arena *arena, const struct duo *duo, const char *id_token, const char *nonce,
                          int64_t now, const char **reason)
{
    struct jwt jwt;
    if (id_token == NULL || !jwt_parse(arena, id_token, &jwt) || !jwt_verify_hs512(&jwt, secret_of(duo))) {
        *reason = "Duo's token is not signed by our secret";
        return DUO_REFUSED;
    }
    const char *issuer = json_text(jwt.claims, "iss");
    const char *name = json_text(jwt.claims, "preferred_username");
    if (issuer == NULL || strcmp(issuer, token_endpoint(arena, duo)) != 0 ||
        !jwt_has_audience(&jwt, duo->ikey))
        *reason = "Duo's token is by or for another";
    else if (json_member(jwt.claims, "iat") == NULL || !jwt_is_current(&jwt, now, LEEWAY_S))
        *reason = "Duo's token is not of this time";
    else if (!text_equal_secret(json_text(jwt.claims, "nonce"), nonce))
        *reason = "Duo's token is of another login";
    else if (name == NULL || strcmp(name, duo->username) != 0)
        *reason = "Duo's token is of another person";
    else
        *reason = NULL;
    if (*reason != NULL)
        return DUO_REFUSED;
    const char *verdict = json_text(json_member(jwt.claims, "auth_result"), "result");
    if (verdict != NULL && strcmp(verdict, "allow") == 0)
        return DUO_PASSED;
    *reason = "Duo denied it";
    return DUO_DENIED;
}

enum duo_result duo_redeem(struct tenant *tenant, struct arena *arena, const struct duo *duo,
                           const char *redirect_uri, const char *code, const char *nonce, const char **reason)
{
    const char *endpoint = token_endpoint(arena, duo);
    const char *form = arena_printf(
        arena,
        "grant_type=authorization_code&code=%s&redirect_uri=%s&client_id=%s&client_assertion_type="
        "urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer&client_assertion=%s",
        percent_encode(arena, code), percent_encode(arena, redirect_uri), percent_encode(arena, duo->ikey),
        assertion_for(arena, duo, endpoint));
    yyjson_val *body;
    enum duo_result result = post(tenant, arena, endpoint, form, REDEEM_MS, &body, reason);
    if (result != DUO_PASSED)
        return result;
    return duo_judge(arena, duo, json_text(body, "id_token"), nonce, clock_now(), reason);
}
