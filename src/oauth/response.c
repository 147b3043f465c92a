#include "oauth/response.h"

#include "base/buffer.h"
#include "base/encode.h"
#include "base/random.h"
#include "oauth/oauth.h"

#include <string.h>

enum { PAGE_MAXIMUM = 256 * 1024, NONCE_LENGTH = 24 };

static void send_query(struct http_exchange *x, const char *uri, const struct http_pairs *members)
{
    for (size_t i = 0; i < members->count; i++)
        uri = url_with_parameter(x->arena, uri, members->items[i].name, members->items[i].value);
    http_redirect(x, 302, uri);
}

static void send_fragment(struct http_exchange *x, const char *uri, const struct http_pairs *members)
{
    struct buffer location = buffer_create(x->arena, PAGE_MAXIMUM);
    buffer_add(&location, uri);
    for (size_t i = 0; i < members->count; i++) {
        buffer_add_char(&location, i == 0 ? '#' : '&');
        buffer_add(&location, members->items[i].name);
        buffer_add_char(&location, '=');
        buffer_add(&location, percent_encode(x->arena, members->items[i].value));
    }
    http_redirect(x, 302, buffer_text(&location));
}

static void send_form(struct http_exchange *x, const char *uri, const struct http_pairs *members)
{
    const char *nonce = random_text(x->arena, RANDOM_ALPHANUMERIC, NONCE_LENGTH);
    struct buffer page = buffer_create(x->arena, PAGE_MAXIMUM);
    buffer_printf(&page,
                  "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Signing "
                  "in</title></head>\n"
                  "<body>\n<form method=\"post\" action=\"%s\">\n",
                  html_escape(x->arena, uri));
    for (size_t i = 0; i < members->count; i++)
        buffer_printf(&page, "<input type=\"hidden\" name=\"%s\" value=\"%s\">\n", members->items[i].name,
                      html_escape(x->arena, members->items[i].value));
    buffer_printf(&page,
                  "<noscript><button type=\"submit\">Continue</button></noscript>\n</form>\n"
                  "<script nonce=\"%s\">document.forms[0].submit()</script>\n</body>\n</html>\n",
                  nonce);
    /* No form-action: browsers apply it to the redirects that follow the post, wherever the application sends those. */
    oauth_page_headers(
        x,
        arena_printf(x->arena,
                     "default-src 'none'; script-src 'nonce-%s'; base-uri 'none'; frame-ancestors 'none'",
                     nonce),
        false);
    http_reply(x, 200, "text/html", buffer_text(&page));
}

/* JSON that may stand in a script element: what HTML or older JavaScript reads otherwise is written as an escape. */
static void add_script_json(struct buffer *page, const char *json)
{
    for (const char *at = json; *at != '\0'; at++) {
        if (*at == '<' || *at == '>' || *at == '&')
            buffer_printf(page, "\\u%04x", (unsigned)*at);
        else if (strncmp(at, "\xe2\x80\xa8", 3) == 0 || strncmp(at, "\xe2\x80\xa9", 3) == 0) {
            buffer_add(page, at[2] == '\xa8' ? "\\u2028" : "\\u2029");
            at += 2;
        } else
            buffer_add_char(page, *at);
    }
}

static void send_message(struct http_exchange *x, const char *uri, const struct http_pairs *members)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *message = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *response = yyjson_mut_obj(doc);
    json_set_text(doc, message, "type", "authorization_response");
    for (size_t i = 0; i < members->count; i++)
        json_set_text(doc, response, members->items[i].name, members->items[i].value);
    json_set(doc, message, "response", response);
    yyjson_mut_doc *target = json_new(x->arena);
    const char *nonce = random_text(x->arena, RANDOM_ALPHANUMERIC, NONCE_LENGTH);
    struct buffer page = buffer_create(x->arena, PAGE_MAXIMUM);
    buffer_printf(&page,
                  "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Signing "
                  "in</title></head>\n"
                  "<body>\n<script nonce=\"%s\">\n(window.opener || window.parent).postMessage(",
                  nonce);
    add_script_json(&page, json_write_doc(x->arena, doc));
    buffer_add(&page, ", ");
    add_script_json(&page, json_write_mut(x->arena, yyjson_mut_str(target, url_origin(x->arena, uri))));
    buffer_add(&page, ");\n</script>\n</body>\n</html>\n");
    oauth_page_headers(
        x,
        arena_printf(x->arena,
                     "default-src 'none'; script-src 'nonce-%s'; base-uri 'none'; form-action 'none'", nonce),
        true);
    http_reply(x, 200, "text/html", buffer_text(&page));
}

void response_send(struct http_exchange *x, const struct response_target *target,
                   const struct http_pairs *members)
{
    struct http_pair *items = arena_calloc(x->arena, members->count + 1, sizeof *items);
    struct http_pairs all = {.items = items, .count = members->count};
    for (size_t i = 0; i < members->count; i++)
        items[i] = members->items[i];
    if (target->state != NULL)
        items[all.count++] = (struct http_pair){.name = "state", .value = target->state};
    http_set_header(x, "Cache-Control", "no-store");
    if (strcmp(target->mode, "form_post") == 0)
        send_form(x, target->redirect_uri, &all);
    else if (strcmp(target->mode, "web_message") == 0)
        send_message(x, target->redirect_uri, &all);
    else if (strcmp(target->mode, "fragment") == 0)
        send_fragment(x, target->redirect_uri, &all);
    else
        send_query(x, target->redirect_uri, &all);
}

void response_send_error(struct http_exchange *x, const struct response_target *target, const char *error,
                         const char *description)
{
    const struct http_pair items[] = {{.name = "error", .value = error},
                                      {.name = "error_description", .value = description}};
    response_send(x, target, &(struct http_pairs){.items = items, .count = ARRAY_LENGTH(items)});
}
