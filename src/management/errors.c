#include "management/errors.h"

#include <string.h>

static const char *phrase_of(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(phrases); i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Error";
}

static yyjson_mut_doc *error_body(struct http_exchange *x, int status, const char *message)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_int(doc, root, "statusCode", status);
    json_set_text(doc, root, "error", phrase_of(status));
    json_set_text(doc, root, "message", message);
    return doc;
}

bool management_error(struct http_exchange *x, int status, const char *message, const char *code)
{
    yyjson_mut_doc *doc = error_body(x, status, message);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "errorCode", code);
    http_reply_json(x, status, doc);
    return false;
}

bool management_invalid_token(struct http_exchange *x, const char *message)
{
    yyjson_mut_doc *doc = error_body(x, 401, message);
    yyjson_mut_val *attributes = yyjson_mut_obj_add_obj(doc, yyjson_mut_doc_get_root(doc), "attributes");
    json_set_text(doc, attributes, "error", message);
    http_reply_json(x, 401, doc);
    return false;
}

bool management_validation_error(struct http_exchange *x, const char *where, const char *fault)
{
    const char *code = strcmp(where, "Query") == 0  ? "invalid_query_string"
                       : strcmp(where, "Path") == 0 ? "invalid_uri"
                                                    : "invalid_body";
    return management_error(x, 400, arena_printf(x->arena, "%s validation error: %s", where, fault), code);
}

bool management_bad_body(struct http_exchange *x, const char *message)
{
    return management_error(x, 400, message, "invalid_body");
}

bool management_store_failed(struct http_exchange *x)
{
    return management_error(x, 500, "An internal server error occurred", NULL);
}
