#include "script/outgoing.h"

#include "base/encode.h"

#include <string.h>
#include <strings.h>

enum { ANSWER_BYTES_MOST = 1024 * 1024, HEADERS_MOST = 100, REDIRECTS_MOST = 20 };

static bool is_token(const char *text)
{
    return text[0] != '\0' && strlen(text) <= 100 &&
           strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
               strlen(text);
}

/* What the client itself says of the connection and the body. */
static bool is_the_clients_own(const char *name)
{
    static const char *const names[] = {"host",   "content-length", "connection", "transfer-encoding",
                                        "expect", "upgrade"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

/* False where one is no header that may be sent. */
static bool read_headers(struct arena *arena, yyjson_val *list, struct http_pairs *headers)
{
    size_t count = yyjson_arr_size(list);
    if (count > HEADERS_MOST)
        return false;
    struct http_pair *pairs = arena_calloc(arena, count + 1, sizeof *pairs);
    headers->items = pairs;
    for (size_t i = 0; i < count; i++) {
        yyjson_val *pair = yyjson_arr_get(list, i);
        const char *name = yyjson_get_str(yyjson_arr_get(pair, 0));
        const char *value = yyjson_get_str(yyjson_arr_get(pair, 1));
        if (name == NULL || value == NULL || !is_token(name) || strpbrk(value, "\r\n") != NULL)
            return false;
        if (!is_the_clients_own(name))
            pairs[headers->count++] = (struct http_pair){name, value};
    }
    return true;
}

static const char *answer_json(struct arena *arena, const struct http_answer *answer)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    if (answer->status == 0) {
        yyjson_mut_obj_add_str(doc, root, "error", answer->error != NULL ? answer->error : "no answer came");
        yyjson_mut_obj_add_str(doc, root, "code", "ECONNREFUSED");
        return json_write_doc(arena, doc);
    }
    yyjson_mut_obj_add_int(doc, root, "status", answer->status);
    yyjson_mut_val *headers = yyjson_mut_obj_add_arr(doc, root, "headers");
    for (size_t i = 0; i < answer->headers.count; i++) {
        yyjson_mut_val *pair = yyjson_mut_arr_add_arr(doc, headers);
        yyjson_mut_arr_add_str(doc, pair, answer->headers.items[i].name);
        yyjson_mut_arr_add_str(doc, pair, answer->headers.items[i].value);
    }
    yyjson_mut_obj_add_str(doc, root, "body", base64_encode(arena, answer->body));
    return json_write_doc(arena, doc);
}

const char *script_http(struct http_client *client, struct arena *arena, yyjson_val *arguments,
                        unsigned most_ms, const char **error)
{
    const char *method = json_text(arguments, "method");
    const char *url = json_text(arguments, "url");
    const char *body = json_text(arguments, "body");
    struct http_call call = {.method = method, .url = url, .largest_answer = ANSWER_BYTES_MOST};
    if (client == NULL) {
        *error = "scripts may not call out";
        return NULL;
    }
    if (method == NULL || url == NULL || !is_token(method) ||
        !read_headers(arena, json_member(arguments, "headers"), &call.headers)) {
        *error = "not a request that can be sent";
        return NULL;
    }
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        *error = arena_printf(arena, "Invalid URI \"%.200s\"", url);
        return NULL;
    }
    if (body != NULL && !base64_decode(arena, body, strlen(body), &call.body)) {
        *error = "the body is not base64";
        return NULL;
    }
    int64_t wished_ms = json_int(arguments, "timeout_ms", most_ms);
    call.timeout_ms = wished_ms > 0 && wished_ms < most_ms ? (unsigned)wished_ms : most_ms;
    int64_t redirects = json_int(arguments, "redirects", 0);
    call.redirects = redirects < 0 ? 0 : redirects > REDIRECTS_MOST ? REDIRECTS_MOST : (unsigned)redirects;
    struct http_answer answer;
    http_call(client, arena, &call, &answer);
    return answer_json(arena, &answer);
}
