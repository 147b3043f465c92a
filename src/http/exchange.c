#include "http/exchange.h"

#include "base/log.h"
#include "http/form.h"
#include "http/headers.h"

#include <string.h>
#include <strings.h>

const char *http_pair(const struct http_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].name, name) == 0)
            return pairs->items[i].value;
    return NULL;
}

size_t http_pair_count(const struct http_pairs *pairs, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < pairs->count; i++)
        count += strcmp(pairs->items[i].name, name) == 0;
    return count;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
    return http_pair(&x->request.headers, name);
}

const char *http_credentials(const struct http_exchange *x, const char *scheme)
{
    const char *header = http_header(x, "authorization");
    size_t length = strlen(scheme);
    if (header == NULL || strncasecmp(header, scheme, length) != 0 || header[length] != ' ')
        return NULL;
    return header + length + strspn(header + length, " ");
}

const char *http_query(const struct http_exchange *x, const char *name)
{
    return http_pair(&x->request.query, name);
}

bool http_accepts_gzip(const struct http_exchange *x)
{
    const char *header = http_header(x, "accept-encoding");
    const char *found = header != NULL ? strstr(header, "gzip") : NULL;
    if (found == NULL)
        return false;
    const char *rest = found + 4;
    rest += strspn(rest, " ");
    return strncmp(rest, ";q=0", 4) != 0 ||
           (rest[4] == '.' && strspn(rest + 5, "0") != strcspn(rest + 5, ", "));
}

const char *http_cookie(const struct http_exchange *x, const char *name)
{
    return http_pair(&x->request.cookies, name);
}

const char *http_parameter(const struct http_exchange *x, const char *name)
{
    return http_pair(&x->request.parameters, name);
}

/* --- bodies --- */

enum json_fault http_json(struct http_exchange *x, yyjson_val **root)
{
    *root = NULL;
    if (x->request.body.size == 0)
        return JSON_FINE;
    return json_parse(x->arena, x->request.body, &json_limits_body, root);
}

/* The text of a scalar; NULL for what is none. */
static const char *scalar_text(struct arena *arena, yyjson_val *value)
{
    if (yyjson_is_str(value))
        return yyjson_get_str(value);
    if (yyjson_is_bool(value))
        return yyjson_get_bool(value) ? "true" : "false";
    if (yyjson_is_num(value) || yyjson_is_raw(value))
        return json_write(arena, value);
    return NULL;
}

static bool form_of_json(struct http_exchange *x, struct http_pairs *form)
{
    yyjson_val *root;
    if (http_json(x, &root) != JSON_FINE)
        return false;
    *form = (struct http_pairs){.items = NULL};
    if (root == NULL)
        return true;
    if (!yyjson_is_obj(root))
        return false;
    struct http_pair *items = arena_calloc(x->arena, yyjson_obj_size(root), sizeof *items);
    size_t count = 0;
    size_t index, most;
    yyjson_val *name, *value;
    yyjson_obj_foreach(root, index, most, name, value)
    {
        const char *text = scalar_text(x->arena, value);
        if (text != NULL)
            items[count++] = (struct http_pair){.name = yyjson_get_str(name), .value = text};
    }
    *form = (struct http_pairs){.items = items, .count = count};
    return true;
}

bool http_form(struct http_exchange *x, struct http_pairs *form)
{
    const char *type = http_header(x, "content-type");
    *form = (struct http_pairs){.items = NULL};
    if (x->request.body.size == 0)
        return true;
    if (content_type_is(type, "application/json"))
        return form_of_json(x, form);
    if (content_type_is(type, "application/x-www-form-urlencoded"))
        return form_parse(x->arena, (const char *)x->request.body.data, x->request.body.size, form);
    return false;
}

/* --- answering --- */

static bool is_token(const char *text)
{
    static const char letters[] =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return text[0] != '\0' && text[strspn(text, letters)] == '\0';
}

static bool is_header_value(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}

void http_add_header(struct http_exchange *x, const char *name, const char *value)
{
    if (!is_token(name) || !is_header_value(value)) {
        LOG_WARN("http.header_dropped", LOG_TEXT("name", is_token(name) ? name : "?"));
        return;
    }
    struct http_header_list **end = &x->response.headers;
    while (*end != NULL)
        end = &(*end)->next;
    *end = arena_alloc(x->arena, sizeof **end);
    **end = (struct http_header_list){.name = name, .value = value};
}

static void remove_header(struct http_exchange *x, const char *name)
{
    struct http_header_list **at = &x->response.headers;
    while (*at != NULL) {
        if (strcasecmp((*at)->name, name) == 0)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

void http_set_header(struct http_exchange *x, const char *name, const char *value)
{
    remove_header(x, name);
    http_add_header(x, name, value);
}

static bool is_text_type(const char *content_type)
{
    static const char *const types[] = {"application/json", "application/javascript", "application/xml",
                                        "image/svg+xml"};
    if (strncmp(content_type, "text/", 5) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (strcmp(content_type, types[i]) == 0)
            return true;
    return false;
}

void http_reply_bytes(struct http_exchange *x, int status, const char *content_type, struct bytes body)
{
    if (is_text_type(content_type) && strchr(content_type, ';') == NULL)
        content_type = arena_printf(x->arena, "%s; charset=utf-8", content_type);
    http_set_header(x, "Content-Type", content_type);
    x->response.status = status;
    x->response.body = body;
}

void http_reply(struct http_exchange *x, int status, const char *content_type, const char *text)
{
    http_reply_bytes(x, status, content_type, bytes_of_text(text));
}

void http_reply_json(struct http_exchange *x, int status, yyjson_mut_doc *doc)
{
    http_set_header(x, "Cache-Control", "no-store");
    http_reply(x, status, "application/json", json_write_doc(x->arena, doc));
}

void http_reply_empty(struct http_exchange *x, int status)
{
    remove_header(x, "Content-Type");
    x->response.status = status;
    x->response.body = (struct bytes){.data = NULL};
}

void http_redirect(struct http_exchange *x, int status, const char *location)
{
    http_reply_empty(x, status);
    http_set_header(x, "Cache-Control", "no-store");
    http_set_header(x, "Location", location);
}

/* RFC 6265 section 4.1.1: no control characters, spaces, quotes, commas, semicolons or backslashes. */
static bool is_cookie_value(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f || strchr("\",;\\", *text) != NULL)
            return false;
    return true;
}

void http_set_cookie(struct http_exchange *x, const char *name, const char *value,
                     const struct http_cookie_options *options)
{
    const char *path = options->path != NULL ? options->path : "/";
    if (!is_token(name) || !is_cookie_value(value) || !is_header_value(path) || strchr(path, ';') != NULL) {
        LOG_WARN("http.cookie_dropped", LOG_TEXT("name", is_token(name) ? name : "?"));
        return;
    }
    const char *age = "";
    if (options->max_age > 0)
        age = arena_printf(x->arena, "; Max-Age=%lld", (long long)options->max_age);
    else if (options->max_age < 0)
        age = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    http_add_header(x, "Set-Cookie",
                    arena_printf(x->arena, "%s=%s; Path=%s%s%s%s%s%s", name, value, path, age,
                                 options->secure ? "; Secure" : "", options->http_only ? "; HttpOnly" : "",
                                 options->same_site != NULL ? "; SameSite=" : "",
                                 options->same_site != NULL ? options->same_site : ""));
}
