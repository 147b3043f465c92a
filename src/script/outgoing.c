#include "script/outgoing.h"

#include "base/encode.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ANSWER_BYTES_MOST = 1024 * 1024, HEADERS_MOST = 100, REDIRECTS_MOST = 20 };

struct script_http {
    struct script_outlet *outlet;
    struct script_http *next;
    struct script_http **link;
    struct http_pending *pending;
    void (*notify)(void *context);
    void *context;
    bool is_done;
    bool is_left; /* nobody waits for it */
    char *origin;
};

struct script_outlet {
    struct http_client *client;
    unsigned most;
    pthread_mutex_t lock;      /* taken within the client's */
    struct script_http *calls; /* under way, and those that were left and are done */
    unsigned under_way;
};

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
        yyjson_mut_obj_add_str(doc, root, "code", answer->code != NULL ? answer->code : "ECONNRESET");
        return json_write_doc(arena, doc);
    }
    yyjson_mut_obj_add_int(doc, root, "status", answer->status);
    json_set_text(doc, root, "url", answer->url);
    yyjson_mut_val *headers = yyjson_mut_obj_add_arr(doc, root, "headers");
    for (size_t i = 0; i < answer->headers.count; i++) {
        yyjson_mut_val *pair = yyjson_mut_arr_add_arr(doc, headers);
        yyjson_mut_arr_add_str(doc, pair, answer->headers.items[i].name);
        yyjson_mut_arr_add_str(doc, pair, answer->headers.items[i].value);
    }
    yyjson_mut_obj_add_str(doc, root, "body", base64_encode(arena, answer->body));
    return json_write_doc(arena, doc);
}

/* --- the outlet --- */

struct script_outlet *script_outlet_create(struct http_client *client, unsigned most)
{
    struct script_outlet *outlet = calloc(1, sizeof *outlet);
    if (outlet == NULL)
        abort();
    outlet->client = client;
    outlet->most = most;
    pthread_mutex_init(&outlet->lock, NULL);
    return outlet;
}

/* Called with the lock held. */
static void unlink_call(struct script_http *http)
{
    *http->link = http->next;
    if (http->next != NULL)
        http->next->link = http->link;
    if (!http->is_done)
        http->outlet->under_way--;
}

static void destroy(struct script_http *http)
{
    free(http->origin);
    free(http);
}

/* Takes out one that was left and is done (or any, where `all`); NULL where there is none. */
static struct script_http *take_left(struct script_outlet *outlet, bool all)
{
    pthread_mutex_lock(&outlet->lock);
    struct script_http *http = outlet->calls;
    while (http != NULL && !all && !(http->is_left && http->is_done))
        http = http->next;
    if (http != NULL)
        unlink_call(http);
    pthread_mutex_unlock(&outlet->lock);
    return http;
}

static void end_left(struct script_outlet *outlet, bool all)
{
    for (struct script_http *http = take_left(outlet, all); http != NULL; http = take_left(outlet, all)) {
        if (http->pending != NULL)
            http_abandon(&http->pending, true);
        destroy(http);
    }
}

void script_outlet_free(struct script_outlet **outlet)
{
    if (*outlet == NULL)
        return;
    end_left(*outlet, true);
    pthread_mutex_destroy(&(*outlet)->lock);
    free(*outlet);
    *outlet = NULL;
}

/* The client's word that a call is over. */
static void note_done(void *context)
{
    struct script_http *http = context;
    struct script_outlet *outlet = http->outlet;
    pthread_mutex_lock(&outlet->lock);
    http->is_done = true;
    outlet->under_way--;
    if (http->notify != NULL)
        http->notify(http->context);
    pthread_mutex_unlock(&outlet->lock);
}

/* Where the URL leads as far as its path: "https://host:port", in lower case. */
static char *origin_of(const char *url)
{
    const char *host = strstr(url, "//");
    size_t length = host == NULL ? strlen(url) : (size_t)(host + 2 - url) + strcspn(host + 2, "/?#");
    char *origin = strndup(url, length);
    if (origin == NULL)
        abort();
    for (char *c = origin; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return origin;
}

/* Whether a call to that origin has a place: one origin gets three of four at most. Called with the lock held. */
static bool has_place(const struct script_outlet *outlet, const char *origin)
{
    unsigned same = 0;
    if (outlet->under_way >= outlet->most)
        return false;
    if (outlet->under_way < outlet->most / 4)
        return true;
    for (const struct script_http *http = outlet->calls; http != NULL; http = http->next)
        same += !http->is_done && strcmp(http->origin, origin) == 0 ? 1 : 0;
    return same < outlet->most - outlet->most / 4;
}

static struct script_http *take_place(struct script_outlet *outlet, const char *url,
                                      void (*notify)(void *context), void *context)
{
    struct script_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        abort();
    *http = (struct script_http){
        .outlet = outlet, .notify = notify, .context = context, .origin = origin_of(url)};
    pthread_mutex_lock(&outlet->lock);
    bool is_free = has_place(outlet, http->origin);
    if (is_free) {
        http->next = outlet->calls;
        http->link = &outlet->calls;
        if (http->next != NULL)
            http->next->link = &http->next;
        outlet->calls = http;
        outlet->under_way++;
    }
    pthread_mutex_unlock(&outlet->lock);
    if (is_free)
        return http;
    destroy(http);
    return NULL;
}

/* --- calls --- */

/* False, with one sentence in *error, where the arguments are no call. */
static bool read_call(struct arena *arena, yyjson_val *arguments, unsigned most_ms, struct http_call *call,
                      const char **error)
{
    const char *method = json_text(arguments, "method");
    const char *url = json_text(arguments, "url");
    const char *body = json_text(arguments, "body");
    *call = (struct http_call){.method = method, .url = url, .largest_answer = ANSWER_BYTES_MOST};
    if (method == NULL || url == NULL || !is_token(method) ||
        !read_headers(arena, json_member(arguments, "headers"), &call->headers)) {
        *error = "not a request that can be sent";
        return false;
    }
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        *error = arena_printf(arena, "Invalid URI \"%.200s\"", url);
        return false;
    }
    if (body != NULL && !base64_decode(arena, body, strlen(body), &call->body)) {
        *error = "the body is not base64";
        return false;
    }
    int64_t wished_ms = json_int(arguments, "timeout_ms", most_ms);
    call->timeout_ms = wished_ms > 0 && wished_ms < most_ms ? (unsigned)wished_ms : most_ms;
    int64_t redirects = json_int(arguments, "redirects", 0);
    call->redirects = redirects < 0 ? 0 : redirects > REDIRECTS_MOST ? REDIRECTS_MOST : (unsigned)redirects;
    return true;
}

struct script_http *script_http_begin(struct script_outlet *outlet, struct arena *arena,
                                      yyjson_val *arguments, unsigned most_ms, void (*notify)(void *context),
                                      void *context, const char **error)
{
    struct http_call call;
    if (outlet->client == NULL) {
        *error = "scripts may not call out";
        return NULL;
    }
    if (!read_call(arena, arguments, most_ms, &call, error))
        return NULL;
    end_left(outlet, false);
    struct script_http *http = take_place(outlet, call.url, notify, context);
    if (http == NULL) {
        *error = "too many calls are under way";
        return NULL;
    }
    http->pending = http_begin(outlet->client, &call, note_done, http);
    return http;
}

bool script_http_is_done(struct script_http *http)
{
    pthread_mutex_lock(&http->outlet->lock);
    bool is_done = http->is_done;
    pthread_mutex_unlock(&http->outlet->lock);
    return is_done;
}

const char *script_http_end(struct script_http **http, struct arena *arena, struct script_http_facts *facts)
{
    struct http_answer answer;
    struct script_outlet *outlet = (*http)->outlet;
    http_end(&(*http)->pending, arena, &answer);
    pthread_mutex_lock(&outlet->lock);
    unlink_call(*http);
    pthread_mutex_unlock(&outlet->lock);
    destroy(*http);
    *http = NULL;
    *facts = (struct script_http_facts){.status = answer.status,
                                        .bytes = answer.body.size,
                                        .error = answer.status == 0 ? answer.error : NULL};
    return answer_json(arena, &answer);
}

void script_http_abandon(struct script_http **http, bool cuts)
{
    struct script_http *left = *http;
    struct script_outlet *outlet = left->outlet;
    *http = NULL;
    if (cuts) {
        http_abandon(&left->pending, true);
        pthread_mutex_lock(&outlet->lock);
        unlink_call(left);
        pthread_mutex_unlock(&outlet->lock);
        destroy(left);
        return;
    }
    pthread_mutex_lock(&outlet->lock);
    left->notify = NULL;
    left->is_left = true;
    pthread_mutex_unlock(&outlet->lock);
}
