#include "tenant/page.h"

#include "page/page.h"

#include <ctype.h>
#include <string.h>

static const struct page_frame no_frame;

const char *tenant_page_language(const struct http_exchange *x, const struct page_frame *frame)
{
    return page_language(frame != NULL ? frame->ui_locales : NULL, http_header(x, "accept-language"));
}

/* The scheme of a URI with its colon, or "" where it has none of the form that a CSP source may have. */
static const char *scheme_of(struct arena *arena, const char *uri)
{
    size_t length = 0;
    while (isalnum((unsigned char)uri[length]) ||
           (length > 0 && uri[length] != '\0' && strchr("+-.", uri[length]) != NULL))
        length++;
    return length > 0 && uri[length] == ':' ? arena_strndup(arena, uri, length + 1) : "";
}

static const char *content_security_policy(struct arena *arena, const struct page_frame *frame)
{
    const char *more = "";
    if (frame->leads_to != NULL)
        more = arena_printf(arena, " https: %s", scheme_of(arena, frame->leads_to));
    return arena_printf(
        arena,
        "default-src 'none'; style-src 'self'; img-src 'self'; %sbase-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self'%s",
        frame->waits ? "script-src 'self'; connect-src 'self'; " : "", more);
}

static const char *company_name(struct http_exchange *x)
{
    struct tenant *tenant = tenant_of(x);
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant->db, &tx) != DB_OK)
        return tenant_name(tenant, x->arena);
    const char *name = tenant_friendly_name(tenant, tx, x->arena);
    db_end(&tx);
    return name;
}

static void add_headers(struct http_exchange *x, const struct page_frame *frame, const char *language)
{
    http_set_header(x, "Content-Security-Policy", content_security_policy(x->arena, frame));
    http_set_header(x, "X-Frame-Options", "deny");
    http_set_header(x, "X-Content-Type-Options", "nosniff");
    /* Not no-referrer: that would make browsers send "Origin: null" with our own forms. */
    http_set_header(x, "Referrer-Policy", "same-origin");
    http_set_header(x, "Cache-Control", "no-store");
    http_set_header(x, "Content-Language", language);
    http_set_header(x, "Vary", "Accept-Language");
    if (tenant_of(x)->config->secure)
        http_set_header(x, "Strict-Transport-Security", "max-age=31536000");
}

void tenant_reply_page(struct http_exchange *x, int status, const char *template,
                       const struct page_frame *frame, yyjson_mut_doc *variables)
{
    frame = frame != NULL ? frame : &no_frame;
    variables = variables != NULL ? variables : json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(variables);
    const char *company = frame->company_name != NULL ? frame->company_name : company_name(x);
    json_set_text(variables, root, "companyName", company);
    json_set_text(variables, root, "clientName", frame->client_name != NULL ? frame->client_name : company);
    const char *language = tenant_page_language(x, frame);
    add_headers(x, frame, language);
    http_reply(x, status, "text/html", page_render(x->arena, template, language, root));
}

void tenant_reply_error_page(struct http_exchange *x, int status, const struct page_frame *frame,
                             const char *problem, const char *code, const char *description)
{
    yyjson_mut_doc *variables = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(variables);
    json_set_text(variables, root, "problem", problem);
    if (code != NULL || description != NULL) {
        yyjson_mut_val *details = yyjson_mut_obj(variables);
        json_set_text(variables, details, "code", code);
        json_set_text(variables, details, "description", description);
        json_set_text(variables, details, "requestId", x->request.request_id);
        json_set(variables, root, "details", details);
    }
    tenant_reply_page(x, status, "error", frame, variables);
}

bool tenant_is_own_form(const struct http_exchange *x)
{
    const char *origin = http_header(x, "origin");
    if (origin == NULL)
        return true;
    const char *issuer = tenant_of(x)->config->issuer;
    size_t length = strlen(issuer);
    if (length > 0 && issuer[length - 1] == '/')
        length--;
    return strlen(origin) == length && strncmp(origin, issuer, length) == 0;
}
