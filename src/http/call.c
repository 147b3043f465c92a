#include "http/call.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "http/form.h"
#include "http/forwarded.h"
#include "http/headers.h"
#include "http/streams.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { STREAM_BLOCK_BYTES = 1024 };

enum { MOST_HEADERS = 100, DRAIN_FACTOR = 4 /* of the largest body: what a refused client may still send */ };

/*
 * libmicrohttpd's bookkeeping in a connection's memory: for a header or parameter, and its own lines of an
 * answer.
 */
enum { ENTRY_BYTES = 72, OWN_HEAD_BYTES = 512 };

/* The head as it is gathered, with what decides how the body is framed. */
struct head {
    struct call *call;
    struct http_pair *items;
    size_t count;
    unsigned hosts;
    unsigned lengths;
    unsigned encodings;
    uint64_t length;
    bool is_wrong;
    bool is_continued; /* waits for 100 Continue */
};

struct call *call_create(struct call_site *site, struct MHD_Connection *mhd, const char *target)
{
    struct arena *arena = arena_create();
    struct call *call = arena_alloc(arena, sizeof *call);
    uint64_t id = atomic_fetch_add_explicit(&site->id_next, 1, memory_order_relaxed);
    *call = (struct call){
        .site = site,
        .mhd = mhd,
        .target = arena_strdup(arena, target),
        .exchange = {.arena = arena,
                     .response = {.status = 200},
                     .context = site->context,
                     .request = {.request_id =
                                     arena_printf(arena, "%016" PRIx64 "%08" PRIx64, site->id_prefix, id)}},
    };
    return call;
}

void call_destroy(struct call **call)
{
    struct arena *arena = (*call)->exchange.arena;
    *call = NULL;
    arena_destroy(&arena);
}

/* --- errors of the server's own --- */

static const char *reason(int status)
{
    const char *phrase = MHD_get_reason_phrase_for((unsigned)status);
    return phrase != NULL ? phrase : "Error";
}

/* People who navigate get a line of text; everything else the APIs' form of an error. */
void call_refuse(struct call *call, int status, const char *message)
{
    struct http_exchange *x = &call->exchange;
    const char *accept = http_header(x, "accept");

    call->stage = CALL_REFUSED;
    call->began = clock_monotonic_ns();
    call->closes = status != 503;
    x->response.headers = NULL;
    if (accept != NULL && strstr(accept, "text/html") != NULL) {
        http_set_header(x, "Cache-Control", "no-store");
        http_reply(x, status, "text/plain",
                   arena_printf(x->arena, "%d %s: %s\n", status, reason(status), message));
        return;
    }
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_int(doc, root, "statusCode", status);
    json_set_text(doc, root, "error", reason(status));
    json_set_text(doc, root, "message", message);
    http_reply_json(x, status, doc);
}

/* --- the head --- */

static char *lower_copy(struct arena *arena, const char *text, size_t size)
{
    char *lower = arena_strndup(arena, text, size);
    for (char *c = lower; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return lower;
}

/* A value as text: what is not UTF-8 (old programs send Latin-1) loses those bytes. */
static const char *clean_value(struct arena *arena, const char *value, size_t size)
{
    if (utf8_valid(value, size))
        return value;
    char *copy = arena_strndup(arena, value, size);
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return copy;
}

static bool has_control(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
            return true;
    return false;
}

static void note_framing(struct head *head, const char *name, const char *value)
{
    if (strcmp(name, "host") == 0) {
        head->hosts++;
    } else if (strcmp(name, "content-length") == 0) {
        char *end;
        head->lengths++;
        head->length = strtoull(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end != '\0')
            head->is_wrong = true;
    } else if (strcmp(name, "transfer-encoding") == 0) {
        head->encodings++;
        if (strcasecmp(value, "chunked") != 0)
            head->is_wrong = true;
    } else if (strcmp(name, "expect") == 0) {
        head->is_continued = true;
    }
}

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                   const char *value, size_t value_size)
{
    struct head *head = context;
    struct arena *arena = head->call->exchange.arena;

    (void)kind;
    if (value == NULL) {
        value = "";
        value_size = 0;
    }
    if (head->count == MOST_HEADERS || name_size == 0 || has_control(name, name_size) ||
        has_control(value, value_size)) {
        head->is_wrong = true;
        return MHD_NO;
    }
    struct http_pair *pair = &head->items[head->count++];
    pair->name = lower_copy(arena, name, name_size);
    pair->value = clean_value(arena, value, value_size);
    note_framing(head, pair->name, pair->value);
    return MHD_YES;
}

/* A request whose frame two programs could read differently is never read on (RFC 9112 section 6.3). */
static bool is_framed_well(const struct head *head)
{
    return !head->is_wrong && head->hosts <= 1 && head->lengths <= 1 && head->encodings <= 1 &&
           head->lengths + head->encodings <= 1;
}

static bool read_headers(struct call *call, struct head *head)
{
    struct http_exchange *x = &call->exchange;
    int count = MHD_get_connection_values_n(call->mhd, MHD_HEADER_KIND, NULL, NULL);
    size_t most = count < 0 ? 0 : (size_t)count;
    *head = (struct head){.call = call, .items = arena_calloc(x->arena, most, sizeof(struct http_pair))};
    MHD_get_connection_values_n(call->mhd, MHD_HEADER_KIND, take_header, head);
    x->request.headers = (struct http_pairs){.items = head->items, .count = head->count};
    return is_framed_well(head);
}

static bool read_target(struct call *call)
{
    struct http_request *request = &call->exchange.request;
    struct arena *arena = call->exchange.arena;
    size_t path_size = strcspn(call->target, "?");
    const char *query = call->target[path_size] == '?' ? call->target + path_size + 1 : "";
    const char *path = arena_strndup(arena, call->target, path_size);
    char *decoded = percent_decode(arena, path, path_size, false);

    if (path[0] != '/' || has_control(call->target, strlen(call->target)) ||
        strchr(call->target, '#') != NULL || decoded == NULL || !utf8_valid(decoded, strlen(decoded)))
        return false;
    request->path = path;
    request->query_string = query;
    return form_parse(arena, query, strlen(query), &request->query);
}

static bool read_client(struct call *call, const struct address *peer)
{
    struct http_exchange *x = &call->exchange;
    struct forwarded forwarded = {.client = *peer};

    x->request.is_tls = call->site->config.certificate_file != NULL;
    enum forwarded_result result =
        forwarded_read(x->arena, &call->site->trusted, peer, &x->request.headers, &forwarded);
    if (result == FORWARDED_CONFLICT)
        return false;
    if (result == FORWARDED_CLIENT)
        x->request.is_tls = forwarded.is_tls;
    char *text = arena_alloc(x->arena, ADDRESS_TEXT_SIZE);
    address_format(&forwarded.client, text);
    x->request.client_ip = text;
    return true;
}

static void find_route(struct call *call, const char *method)
{
    struct http_exchange *x = &call->exchange;
    const struct http_router *router = call->site->router;
    bool is_head = strcmp(method, "HEAD") == 0;

    call->is_head = is_head;
    x->request.method = is_head ? "GET" : arena_strdup(x->arena, method);
    call->route =
        http_router_match(router, x->arena, x->request.method, x->request.path, &x->request.parameters);
    if (call->route != NULL || strcmp(method, "OPTIONS") != 0)
        return;
    const char *wanted = http_header(x, "access-control-request-method");
    if (wanted == NULL || http_header(x, "origin") == NULL)
        return;
    const struct http_route *route =
        http_router_match(router, x->arena, wanted, x->request.path, &x->request.parameters);
    if (route != NULL && (route->flags & HTTP_CORS) != 0) {
        call->route = route;
        call->is_preflight = true;
    }
}

bool call_open(struct call *call, const char *method, const struct address *peer)
{
    struct http_exchange *x = &call->exchange;
    const struct http_server_config *config = &call->site->config;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct head head;

    call->stage = CALL_READING;
    call->head_bytes = info != NULL ? info->header_size : 0;
    x->request.method = "";
    x->request.path = "/";
    x->request.query_string = "";
    x->request.client_ip = "";
    bool is_fine = read_headers(call, &head);
    if (!read_client(call, peer))
        is_fine = false;
    if (!is_fine)
        call_refuse(call, 400, "The request's headers contradict themselves or are malformed.");
    else if (!read_target(call))
        call_refuse(call, 400, "The address or its query is not well encoded.");
    else if (call->head_bytes > config->header_bytes)
        call_refuse(call, 431, "The request's headers are too large.");
    else if (head.length > config->body_bytes)
        call_refuse(call, 413, "The request's body is too large.");
    if (call->stage == CALL_REFUSED) {
        /*
         * Whoever sends a body that can be read to its end sees the answer; others would only see a broken
         * connection.
         */
        return is_fine && !head.is_continued && head.length > 0 &&
               head.length <= config->body_bytes * DRAIN_FACTOR;
    }
    for (size_t i = 0; i < x->request.headers.count; i++)
        if (strcmp(x->request.headers.items[i].name, "cookie") == 0 && x->request.cookies.count == 0)
            cookies_parse(x->arena, x->request.headers.items[i].value, &x->request.cookies);
    find_route(call, method);
    call->body = buffer_create(x->arena, config->body_bytes);
    return true;
}

bool call_gather(struct call *call, const char *data, size_t size)
{
    if (call->stage == CALL_READING) {
        buffer_add_bytes(&call->body, data, size);
        if (!call->body.overflowed)
            return true;
        call_refuse(call, 413, "The request's body is too large.");
    }
    call->dropped += size;
    return call->dropped <= call->site->config.body_bytes * DRAIN_FACTOR;
}

void call_complete(struct call *call)
{
    call->began = clock_monotonic_ns();
    call->exchange.request.body =
        (struct bytes){.data = (const uint8_t *)call->body.data, .size = call->body.size};
}

/* --- the answer --- */

/* Public routes that never block are open to every origin; others ask the owner's rules. */
static void add_cross_origin(struct call *call)
{
    struct http_exchange *x = &call->exchange;
    const char *origin = http_header(x, "origin");

    if (call->route == NULL || (call->route->flags & HTTP_CORS) == 0)
        return;
    if ((call->route->flags & HTTP_ON_LOOP) != 0) {
        http_set_header(x, "Access-Control-Allow-Origin", "*");
        return;
    }
    http_add_header(x, "Vary", "Origin");
    if (origin != NULL && call->site->config.cross_origin != NULL)
        call->site->config.cross_origin(x, origin);
}

void call_run(struct call *call)
{
    struct http_exchange *x = &call->exchange;
    if (call->is_preflight) {
        http_reply_empty(x, 204);
    } else if (call->route != NULL) {
        call->route->handler(x);
    } else {
        x->response.status = 404;
        http_router_not_found(call->site->router)(x);
    }
    add_cross_origin(call);
    call->stage = CALL_ANSWERED;
}

static bool has_header(const struct http_header_list *headers, const char *name)
{
    for (; headers != NULL; headers = headers->next)
        if (strcasecmp(headers->name, name) == 0)
            return true;
    return false;
}

/* A browser that is told to use TLS only keeps to it for every port of the name: never for this machine's. */
static bool names_this_machine(const char *host)
{
    static const char name[] = "localhost";
    char next;
    if (host == NULL || strncasecmp(host, name, sizeof name - 1) != 0)
        return false;
    next = host[sizeof name - 1];
    return next == '\0' || next == ':';
}

static void add_standing_headers(struct call *call)
{
    static const struct http_pair standing[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Frame-Options", "DENY"},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    };
    struct http_exchange *x = &call->exchange;

    for (size_t i = 0; i < ARRAY_LENGTH(standing); i++)
        if (!has_header(x->response.headers, standing[i].name))
            http_add_header(x, standing[i].name, standing[i].value);
    if (x->request.is_tls && !names_this_machine(http_header(x, "host")) &&
        !has_header(x->response.headers, "Strict-Transport-Security"))
        http_add_header(x, "Strict-Transport-Security", "max-age=31536000");
    http_set_header(x, "X-Request-Id", x->request.request_id);
    /* Clients that know when a connection ends do not send their next request into its end. */
    if (call->closes)
        http_set_header(x, "Connection", "close");
    else
        http_set_header(x, "Keep-Alive", call->site->keep_alive);
}

/*
 * Whether the answer's head finds room beside the request's in the connection's memory, where libmicrohttpd
 * would otherwise close without a word.
 */
static bool has_room(const struct call *call)
{
    const struct http_request *request = &call->exchange.request;
    size_t entries = request->headers.count + request->query.count + request->cookies.count;
    size_t needed = call->head_bytes + entries * ENTRY_BYTES + OWN_HEAD_BYTES;

    for (const struct http_header_list *header = call->exchange.response.headers; header != NULL;
         header = header->next)
        needed += strlen(header->name) + strlen(header->value) + sizeof ": \r\n";
    return needed <= call->site->config.header_bytes + CALL_ANSWER_HEAD_BYTES;
}

/* NULL, and `made` is gone, where a header cannot be added. */
static struct MHD_Response *with_headers(const struct call *call, struct MHD_Response *made)
{
    if (made == NULL)
        return NULL;
    for (const struct http_header_list *header = call->exchange.response.headers; header != NULL;
         header = header->next)
        if (header->value[0] != '\0' &&
            MHD_add_response_header(made, header->name, header->value) != MHD_YES) {
            MHD_destroy_response(made);
            return NULL;
        }
    return made;
}

struct MHD_Response *call_response(struct call *call)
{
    struct http_response *response = &call->exchange.response;
    bool is_bare = response->status == 204 || response->status == 304;

    if (response->status < 200 || response->status > 599) {
        call_refuse(call, 500, "The request could not be answered.");
        is_bare = false;
    }
    add_standing_headers(call);
    if (!has_room(call)) {
        LOG_ERROR("http.answer_head_too_large",
                  LOG_TEXT("route", call->route != NULL ? call->route->pattern : ""));
        call_refuse(call, 500, "The answer's headers are too large.");
        is_bare = false;
        add_standing_headers(call);
    }
    struct MHD_Response *made = MHD_create_response_from_buffer(
        is_bare ? 0 : response->body.size, (void *)(uintptr_t)response->body.data, MHD_RESPMEM_PERSISTENT);
    return with_headers(call, made);
}

/* --- streams --- */

const char *call_stream_head(struct call *call)
{
    struct http_exchange *x = &call->exchange;
    struct buffer head = buffer_create(x->arena, CALL_ANSWER_HEAD_BYTES);
    char date[sizeof "Thu, 01 Jan 1970 00:00:00 GMT"];
    struct tm when;
    time_t now = (time_t)(clock_now_ms() / 1000);

    bool is_socket = x->response.stream->kind == HTTP_STREAM_SOCKET;
    call->closes = !is_socket;
    add_standing_headers(call);
    if (is_socket) {
        http_set_header(x, "Connection", "Upgrade");
        http_set_header(x, "Keep-Alive", "");
    }
    gmtime_r(&now, &when);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &when);
    buffer_printf(&head, "HTTP/1.1 %s\r\nDate: %s\r\n", is_socket ? "101 Switching Protocols" : "200 OK",
                  date);
    for (const struct http_header_list *header = x->response.headers; header != NULL; header = header->next)
        if (header->value[0] != '\0')
            buffer_printf(&head, "%s: %s\r\n", header->name, header->value);
    buffer_add(&head, "\r\n");
    return head.overflowed ? NULL : buffer_text(&head);
}

static void suspend(void *mhd)
{
    MHD_suspend_connection(mhd);
}

static ssize_t read_stream(void *context, uint64_t position, char *data, size_t size)
{
    struct call *call = context;
    (void)position;
    int64_t count = stream_read(call->stream, data, size, suspend);
    return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)count;
}

struct MHD_Response *call_stream_response(struct call *call)
{
    call->closes = true;
    add_standing_headers(call);
    return with_headers(call, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES,
                                                                read_stream, call, NULL));
}
