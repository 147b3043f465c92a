#include "oauth/oauth.h"

#include "base/encode.h"
#include "oauth/redirect_uri.h"

#include <string.h>

void oauth_fail(struct http_exchange *x, int status, const char *error, const char *description)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_str(doc, root, "error", error);
    yyjson_mut_obj_add_str(doc, root, "error_description", description);
    http_reply_json(x, status, doc);
}

void oauth_fail_internally(struct http_exchange *x)
{
    oauth_fail(x, 500, "server_error", "The server could not complete the request.");
}

void oauth_fail_limited(struct http_exchange *x, int64_t retry_ms)
{
    http_set_header(x, "Retry-After", arena_printf(x->arena, "%lld", (long long)((retry_ms + 999) / 1000)));
    oauth_fail(x, 429, "access_denied", "Global rate limit exceeded");
}

void oauth_page_headers(struct http_exchange *x, const char *content_security_policy, bool framable)
{
    http_set_header(x, "Content-Security-Policy", content_security_policy);
    http_set_header(x, "X-Frame-Options", framable ? "" : "DENY");
    http_set_header(x, "X-Content-Type-Options", "nosniff");
    http_set_header(x, "Referrer-Policy", "no-referrer");
    http_set_header(x, "Cache-Control", "no-store");
}

const char *oauth_url(const struct http_exchange *x, const char *path)
{
    return arena_printf(x->arena, "%s%s", tenant_of(x)->config->issuer, path);
}

const char *url_origin(struct arena *arena, const char *url)
{
    const char *host = strstr(url, "://");
    if (host == NULL || host == url)
        return NULL;
    size_t length = (size_t)(host - url) + 3 + strcspn(host + 3, "/?#\\");
    return length == (size_t)(host - url) + 3 ? NULL : arena_strndup(arena, url, length);
}

const char *url_with_parameter(struct arena *arena, const char *url, const char *name, const char *value)
{
    size_t before = strcspn(url, "#");
    const char *query = memchr(url, '?', before);
    const char *mark = query == NULL ? "?" : query + 1 == url + before || url[before - 1] == '&' ? "" : "&";
    return arena_printf(arena, "%.*s%s%s=%s%s", (int)before, url, mark, name, percent_encode(arena, value),
                        url + before);
}

const char *repeated_parameter(const struct http_pairs *pairs)
{
    enum { PAIRS_MAXIMUM = 256 };
    if (pairs->count > PAIRS_MAXIMUM)
        return pairs->items[PAIRS_MAXIMUM].name;
    for (size_t i = 0; i < pairs->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(pairs->items[i].name, pairs->items[j].name) == 0)
                return pairs->items[i].name;
    return NULL;
}

const char *given_parameter(const struct http_pairs *pairs, const char *name)
{
    const char *value = http_pair(pairs, name);
    return value == NULL || *value == '\0' ? NULL : value;
}

bool scope_has(const char *scopes, const char *scope)
{
    size_t length = strlen(scope);
    for (const char *at = scopes; at != NULL && *at != '\0';) {
        size_t word = strcspn(at, " ");
        if (word == length && strncmp(at, scope, length) == 0)
            return true;
        at += word + strspn(at + word, " ");
    }
    return false;
}

const char *scope_next(struct arena *arena, const char **at)
{
    if (*at == NULL)
        return NULL;
    *at += strspn(*at, " ");
    size_t length = strcspn(*at, " ");
    if (length == 0)
        return NULL;
    const char *word = arena_strndup(arena, *at, length);
    *at += length;
    return word;
}

const char *scope_add(struct arena *arena, const char *scopes, const char *scope)
{
    if (scopes == NULL || *scopes == '\0')
        return scope;
    return scope_has(scopes, scope) ? scopes : arena_printf(arena, "%s %s", scopes, scope);
}

bool client_is_confidential(const struct client *client)
{
    const char *method = json_text(client->doc, "token_endpoint_auth_method");
    if (method != NULL)
        return strcmp(method, "none") != 0;
    const char *type = json_text(client->doc, "app_type");
    return type == NULL || (strcmp(type, "spa") != 0 && strcmp(type, "native") != 0);
}

bool client_may_use(const struct client *client, const char *grant)
{
    /* Whoever proves nothing has no tokens of its own: anybody could ask in its name (RFC 6749 section 4.4). */
    if (strcmp(grant, "client_credentials") == 0 && !client_is_confidential(client))
        return false;
    return json_array_has_text(json_member(client->doc, "grant_types"), grant);
}

const char *user_log_name(yyjson_val *user)
{
    const char *name = json_text(user, "email");
    if (name == NULL)
        name = json_text(user, "username");
    if (name == NULL)
        name = json_text(user, "phone_number");
    return name != NULL ? name : json_text(user, "user_id");
}

/* Whether one of the client's addresses in that member has the origin; entries may be origins or whole URLs. */
static bool has_origin(struct arena *arena, const struct client *client, const char *member,
                       const char *origin)
{
    size_t index, count;
    yyjson_val *entry;
    yyjson_arr_foreach(json_member(client->doc, member), index, count, entry)
    {
        const char *allowed = yyjson_is_str(entry) ? url_origin(arena, yyjson_get_str(entry)) : NULL;
        if (allowed != NULL && redirect_uri_matches(allowed, origin))
            return true;
    }
    return false;
}

void cors_allow_client(struct http_exchange *x, const struct client *client)
{
    const char *origin = http_header(x, "origin");
    if (origin == NULL)
        return;
    if (!has_origin(x->arena, client, "web_origins", origin) &&
        !has_origin(x->arena, client, "allowed_origins", origin) &&
        !has_origin(x->arena, client, "callbacks", origin))
        return;
    http_set_header(x, "Access-Control-Allow-Origin", origin);
    http_set_header(x, "Access-Control-Expose-Headers",
                    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After");
}
