#include "http/client.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/client_loop.h"
#include "http/egress.h"
#include "http/proxy.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    LARGEST_HEAD = 64 * 1024,
    MOST_HEADERS = 200,
    USUAL_TIMEOUT_MS = 10000,
    USUAL_LARGEST = 1024 * 1024,
    USUAL_CONNECTIONS = 16
};

struct http_client {
    struct arena *arena;
    struct egress egress;
    struct proxies proxies;
    const char *ca_file;
    struct http_home home;
    struct client_loop *loop;
    pthread_mutex_t lock;
};

/* Where a call has got to. */
struct course {
    const char *method;
    const char *url;
    const char *scheme;
    const char *host;
    const char *port;
    bool is_home; /* at the server's own listener */
    bool keeps_body;
    bool keeps_secrets; /* still at the origin that was asked first */
    unsigned hops;
    int64_t deadline;
};

/* A call, in the hands of the loop's thread from its start until `is_done`. */
struct http_pending {
    struct loop_item item; /* first: the loop knows no more of it */
    struct http_client *client;
    struct arena *arena;   /* its own */
    struct http_call call; /* copied into the arena */
    struct course course;
    size_t largest;
    struct http_answer answer;

    /* The hop under way. */
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    struct buffer body;
    struct http_pair *answer_headers;
    size_t answer_header_count;
    size_t answer_header_room;
    size_t head_bytes;
    bool is_free; /* of the egress policy: operator's address, or a proxy takes the call */
    bool is_denied;
    bool is_too_large;
    char reason[CURL_ERROR_SIZE];

    /* Guarded by the client's lock. */
    bool is_done;
    bool is_abandoned; /* nobody will ask for its answer */
    pthread_cond_t done;
    void (*notify)(void *context);
    void *notify_context;
};

/* --- libcurl's callbacks, on the client's thread --- */

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct http_pending *transfer = context;
    buffer_add_bytes(&transfer->body, data, size * count);
    transfer->is_too_large = transfer->body.overflowed;
    return transfer->is_too_large ? 0 : size * count;
}

static char *lower_copy(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_strndup(arena, text, size);
    for (char *c = copy; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return copy;
}

static void reserve_header(struct http_pending *transfer)
{
    if (transfer->answer_header_count < transfer->answer_header_room)
        return;
    size_t room = transfer->answer_header_room == 0 ? 16 : transfer->answer_header_room * 2;
    struct http_pair *grown = arena_calloc(transfer->arena, room, sizeof *grown);
    if (transfer->answer_header_count > 0)
        memcpy(grown, transfer->answer_headers, transfer->answer_header_count * sizeof *grown);
    transfer->answer_headers = grown;
    transfer->answer_header_room = room;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct http_pending *transfer = context;
    size_t length = size * count;
    size_t end = length;

    transfer->head_bytes += length;
    if (transfer->head_bytes > LARGEST_HEAD || transfer->answer_header_count == MOST_HEADERS) {
        transfer->is_too_large = true;
        return 0;
    }
    while (end > 0 && strchr("\r\n \t", data[end - 1]) != NULL)
        end--;
    /* A head after an interim answer or a proxy's. */
    if (end > 5 && strncmp(data, "HTTP/", 5) == 0)
        transfer->answer_header_count = 0;
    const char *colon = memchr(data, ':', end);
    if (colon == NULL || colon == data)
        return length;
    const char *value = colon + 1;
    while (value < data + end && (*value == ' ' || *value == '\t'))
        value++;
    reserve_header(transfer);
    transfer->answer_headers[transfer->answer_header_count++] =
        (struct http_pair){.name = lower_copy(transfer->arena, data, (size_t)(colon - data)),
                           .value = arena_strndup(transfer->arena, value, (size_t)(data + end - value))};
    return length;
}

/*
 * Each address is checked when it is about to be connected to: after DNS, so that no name can lead elsewhere
 * later.
 */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *place)
{
    struct http_pending *transfer = context;
    struct address address;

    (void)purpose;
    if (!transfer->is_free && (!address_of_socket(&place->addr, &address) ||
                               !egress_permits(&transfer->client->egress, &address))) {
        transfer->is_denied = true;
        return CURL_SOCKET_BAD;
    }
    return socket(place->family, place->socktype | SOCK_CLOEXEC, place->protocol);
}

/* A kept connection may have been opened for a call that was free to: its address is checked again. */
static int check_connection(void *context, char *peer, char *local, int peer_port, int local_port)
{
    struct http_pending *transfer = context;
    struct address address;

    (void)local;
    (void)peer_port;
    (void)local_port;
    if (transfer->is_free ||
        (address_parse(peer, &address) && egress_permits(&transfer->client->egress, &address)))
        return CURL_PREREQFUNC_OK;
    transfer->is_denied = true;
    return CURL_PREREQFUNC_ABORT;
}

/* --- the client --- */

static void init_libcurl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_client_create(const struct http_client_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *wrong = NULL;
    struct arena *arena = arena_create();
    struct http_client *client = arena_alloc(arena, sizeof *client);

    pthread_once(&once, init_libcurl);
    client->arena = arena;
    client->ca_file = arena_strdup(arena, config->ca_file);
    client->home = (struct http_home){arena_strdup(arena, config->home.host),
                                      arena_strdup(arena, config->home.listen), config->home.tls};
    proxies_read(arena, config->proxy, &client->proxies);
    if (!egress_parse(arena, config->allow, &client->egress, &wrong))
        LOG_ERROR("http.egress_allow_broken", LOG_TEXT("entry", wrong));
    pthread_mutex_init(&client->lock, NULL);
    client->loop = client_loop_start(config->connections > 0 ? config->connections : USUAL_CONNECTIONS);
    return client;
}

void http_client_free(struct http_client **client)
{
    if (*client == NULL)
        return;
    client_loop_stop(&(*client)->loop);
    pthread_mutex_destroy(&(*client)->lock);
    struct arena *arena = (*client)->arena;
    arena_destroy(&arena);
    *client = NULL;
}

/* --- one call --- */

static bool is_token(const char *text)
{
    static const char letters[] =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return text[0] != '\0' && text[strspn(text, letters)] == '\0';
}

static bool is_header_fine(const struct http_pair *header)
{
    return is_token(header->name) && header->value[strcspn(header->value, "\r\n")] == '\0';
}

/* What frames the message is libcurl's to say. */
static bool is_own_header(const char *name)
{
    static const char *const own[] = {"content-length", "transfer-encoding", "connection",
                                      "expect",         "upgrade",           "te"};
    for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
        if (strcasecmp(name, own[i]) == 0)
            return true;
    return false;
}

static bool is_secret_header(const char *name)
{
    return strcasecmp(name, "authorization") == 0 || strcasecmp(name, "cookie") == 0 ||
           strcasecmp(name, "proxy-authorization") == 0;
}

static bool is_body_header(const char *name)
{
    return strncasecmp(name, "content-", 8) == 0;
}

static void add_header(struct http_pending *transfer, const char *line)
{
    struct curl_slist *grown = curl_slist_append(transfer->headers, line);
    if (grown == NULL)
        abort();
    transfer->headers = grown;
}

static void add_headers(struct http_pending *transfer)
{
    const struct course *course = &transfer->course;
    bool has_agent = false;
    const struct http_pairs *headers = &transfer->call.headers;

    for (size_t i = 0; i < headers->count; i++) {
        const struct http_pair *header = &headers->items[i];
        if (is_own_header(header->name) || (!course->keeps_secrets && is_secret_header(header->name)) ||
            (!course->keeps_body && is_body_header(header->name)))
            continue;
        has_agent = has_agent || strcasecmp(header->name, "user-agent") == 0;
        /* libcurl's way of an empty value. */
        add_header(transfer, header->value[0] == '\0'
                                 ? arena_printf(transfer->arena, "%s;", header->name)
                                 : arena_printf(transfer->arena, "%s: %s", header->name, header->value));
    }
    if (!has_agent)
        add_header(transfer, "User-Agent: Countersign/" COUNTERSIGN_VERSION);
    add_header(transfer, "Expect:");
}

static void set_method(struct http_pending *transfer)
{
    CURL *easy = transfer->item.easy;
    const struct course *course = &transfer->course;
    struct bytes body = course->keeps_body ? transfer->call.body : (struct bytes){.data = NULL};
    bool has_body = body.size > 0 || strcmp(course->method, "POST") == 0 ||
                    strcmp(course->method, "PUT") == 0 || strcmp(course->method, "PATCH") == 0;

    if (strcmp(course->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (has_body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.size > 0 ? (const char *)body.data : "");
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, course->method);
}

static void set_safety(struct http_pending *transfer, const char *proxy, int64_t left_ms)
{
    CURL *easy = transfer->item.easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(easy, CURLOPT_PROXY, proxy != NULL ? proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, check_connection);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    if (transfer->client->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, transfer->client->ca_file);
}

static void set_client_certificate(CURL *easy, const char *pem)
{
    struct curl_blob blob = {.data = (void *)(uintptr_t)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &blob);
    curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &blob);
}

static void set_up(struct http_pending *transfer, const char *proxy, int64_t left_ms)
{
    CURL *easy = transfer->item.easy;
    const struct course *course = &transfer->course;
    set_safety(transfer, proxy, left_ms);
    add_headers(transfer);
    set_method(transfer);
    curl_easy_setopt(easy, CURLOPT_URL, course->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    if (course->is_home) {
        transfer->connect_to =
            curl_slist_append(NULL, home_listener(transfer->arena, &transfer->client->home));
        curl_easy_setopt(easy, CURLOPT_CONNECT_TO, transfer->connect_to);
    }
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    /* Calls to one origin at once share a connection where it speaks HTTP/2, which TLS settles before the first answer. */
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, strcmp(course->scheme, "https") == 0 ? 1L : 0L);
    if (transfer->call.client_pem != NULL && course->keeps_secrets)
        set_client_certificate(easy, transfer->call.client_pem);
    if (transfer->call.user != NULL && course->keeps_secrets) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, transfer->call.user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD,
                         transfer->call.password != NULL ? transfer->call.password : "");
    }
}

static const char *explain(const struct http_pending *transfer, CURLcode result)
{
    struct arena *arena = transfer->arena;
    const struct course *course = &transfer->course;
    if (transfer->is_denied)
        return arena_printf(arena, "%s leads to an address that may not be called (egress_allow)",
                            course->host);
    if (transfer->is_too_large)
        return arena_printf(arena, "the answer of %s is larger than %zu bytes", course->host,
                            transfer->largest);
    if (result == CURLE_OPERATION_TIMEDOUT)
        return arena_printf(arena, "%s did not answer within %u ms", course->host, transfer->call.timeout_ms);
    return arena_printf(arena, "%s: %s", course->host,
                        transfer->reason[0] != '\0' ? transfer->reason : curl_easy_strerror(result));
}

/* What Node.js calls it, and clients look at. */
static const char *code_of(const struct http_pending *transfer, CURLcode result)
{
    if (transfer->is_denied)
        return "EACCES";
    if (transfer->is_too_large)
        return "EMSGSIZE";
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return "ETIMEDOUT";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "ENOTFOUND";
    case CURLE_COULDNT_CONNECT:
        return "ECONNREFUSED";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
    default:
        return "ECONNRESET";
    }
}

static void fill_answer(struct http_pending *transfer, CURLcode result)
{
    struct http_answer *answer = &transfer->answer;
    long status = 0;
    *answer = (struct http_answer){.status = 0};
    if (result != CURLE_OK) {
        answer->error = explain(transfer, result);
        answer->code = code_of(transfer, result);
        return;
    }
    curl_easy_getinfo(transfer->item.easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->headers =
        (struct http_pairs){.items = transfer->answer_headers, .count = transfer->answer_header_count};
    answer->body = bytes_of_text(buffer_text(&transfer->body));
    answer->body.size = transfer->body.size;
    answer->url = transfer->course.hops > 0 ? transfer->course.url : NULL;
}

/* Cuts the URL; false where it is none that may be called. */
static bool read_url(struct arena *arena, const char *url, struct course *course)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    char *host = NULL;
    char *port = NULL;
    bool is_fine = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    if (is_fine) {
        course->url = arena_strdup(arena, url);
        course->scheme = arena_strdup(arena, scheme);
        course->host = arena_strdup(arena, host);
        course->port = arena_strdup(arena, port);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return is_fine;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Turns the course to where the answer points (RFC 9110 section 15.4). False where that is no address. */
static bool follow(struct arena *arena, struct course *course, const char *location, int status)
{
    struct course before = *course;
    bool is_head = strcmp(course->method, "HEAD") == 0;

    if (!read_url(arena, location, course))
        return false;
    if ((status == 303 && !is_head) ||
        ((status == 301 || status == 302) && strcmp(course->method, "POST") == 0)) {
        course->method = "GET";
        course->keeps_body = false;
    }
    if (strcmp(before.scheme, course->scheme) != 0 || strcasecmp(before.host, course->host) != 0 ||
        strcmp(before.port, course->port) != 0)
        course->keeps_secrets = false;
    return true;
}

static bool fail(struct http_pending *transfer, const char *code, const char *error)
{
    transfer->answer = (struct http_answer){.error = error, .code = code};
    return false;
}

static void hop_ended(struct loop_item *item, CURLcode result);

/* Makes the next request ready; false, with the reason in the answer, where it may not be sent. */
static bool prepare_hop(struct http_pending *transfer)
{
    const struct http_client *client = transfer->client;
    const struct course *course = &transfer->course;
    const char *proxy = course->is_home ? NULL : proxy_for(&client->proxies, course->scheme, course->host);
    int64_t left_ms = (course->deadline - clock_monotonic_ns()) / 1000000;
    if (left_ms <= 0)
        return fail(transfer, "ETIMEDOUT", explain(transfer, CURLE_OPERATION_TIMEDOUT));
    if (proxy != NULL && !transfer->call.operator_chose_address &&
        !egress_permits_host(&client->egress, course->host))
        return fail(transfer, "EACCES",
                    arena_printf(transfer->arena, "%s may not be called (egress_allow)", course->host));
    transfer->is_free = transfer->call.operator_chose_address || course->is_home || proxy != NULL;
    transfer->body = buffer_create(transfer->arena, transfer->largest);
    transfer->answer_header_count = transfer->head_bytes = 0;
    transfer->reason[0] = '\0';
    transfer->item.ended = hop_ended;
    transfer->item.easy = curl_easy_init();
    if (transfer->item.easy == NULL)
        abort();
    set_up(transfer, proxy, left_ms);
    return true;
}

static void end_hop(struct http_pending *transfer)
{
    curl_easy_cleanup(transfer->item.easy);
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->connect_to);
    transfer->item.easy = NULL;
    transfer->headers = transfer->connect_to = NULL;
}

/* Whether the answer leads on; then the next request is ready. */
static bool leads_on(struct http_pending *transfer)
{
    char *target = NULL;
    if (transfer->call.redirects == 0 || transfer->course.is_home || !is_redirect(transfer->answer.status))
        return false;
    curl_easy_getinfo(transfer->item.easy, CURLINFO_REDIRECT_URL, &target);
    if (target == NULL)
        return false;
    if (transfer->course.hops == transfer->call.redirects)
        return fail(transfer, "ERR_TOO_MANY_REDIRECTS",
                    arena_printf(transfer->arena, "more than %u redirects", transfer->call.redirects));
    if (!follow(transfer->arena, &transfer->course, target, transfer->answer.status))
        return fail(transfer, "ERR_INVALID_URL", "a redirect leads to no http or https URL");
    transfer->course.hops++;
    end_hop(transfer);
    return prepare_hop(transfer);
}

static void destroy(struct http_pending *transfer)
{
    struct arena *arena = transfer->arena;
    pthread_cond_destroy(&transfer->done);
    arena_destroy(&arena);
}

static void complete(struct http_pending *transfer)
{
    struct http_client *client = transfer->client;
    end_hop(transfer);
    pthread_mutex_lock(&client->lock);
    bool is_abandoned = transfer->is_abandoned;
    transfer->is_done = true;
    pthread_cond_signal(&transfer->done);
    if (transfer->notify != NULL)
        transfer->notify(transfer->notify_context);
    pthread_mutex_unlock(&client->lock);
    if (is_abandoned)
        destroy(transfer);
}

static void hop_ended(struct loop_item *item, CURLcode result)
{
    struct http_pending *transfer = (struct http_pending *)(void *)item;
    fill_answer(transfer, result);
    if (leads_on(transfer))
        client_loop_add(transfer->client->loop, item);
    else
        complete(transfer);
}

static const char *fault_of(const struct http_call *call)
{
    if (!is_token(call->method))
        return "the method is malformed";
    for (size_t i = 0; i < call->headers.count; i++)
        if (!is_header_fine(&call->headers.items[i]))
            return "a header is malformed";
    return NULL;
}

static void copy_call(struct http_pending *transfer, const struct http_call *call)
{
    struct arena *arena = transfer->arena;
    struct http_pair *pairs = arena_calloc(arena, call->headers.count + 1, sizeof *pairs);
    for (size_t i = 0; i < call->headers.count; i++)
        pairs[i] = (struct http_pair){.name = arena_strdup(arena, call->headers.items[i].name),
                                      .value = arena_strdup(arena, call->headers.items[i].value)};
    transfer->call = *call;
    transfer->call.method = arena_strdup(arena, call->method);
    transfer->call.url = arena_strdup(arena, call->url);
    transfer->call.user = arena_strdup(arena, call->user);
    transfer->call.password = arena_strdup(arena, call->password);
    transfer->call.client_pem = arena_strdup(arena, call->client_pem);
    transfer->call.headers.items = pairs;
    if (call->body.size > 0)
        transfer->call.body.data = arena_copy(arena, call->body.data, call->body.size);
    transfer->call.timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : USUAL_TIMEOUT_MS;
}

static bool start_call(struct http_pending *transfer)
{
    const struct http_call *call = &transfer->call;
    const char *fault = fault_of(call);
    transfer->course = (struct course){.method = call->method,
                                       .keeps_body = true,
                                       .keeps_secrets = true,
                                       .deadline = clock_monotonic_ns() + call->timeout_ms * 1000000LL};
    if (fault != NULL)
        return fail(transfer, "EINVAL", fault);
    const char *home = call->operator_chose_address
                           ? NULL
                           : home_address(transfer->arena, &transfer->client->home, call->url);
    transfer->course.is_home = home != NULL;
    if (!read_url(transfer->arena, home != NULL ? home : call->url, &transfer->course))
        return fail(transfer, "ERR_INVALID_URL", "the address is no http or https URL");
    return prepare_hop(transfer);
}

struct http_pending *http_begin(struct http_client *client, const struct http_call *call,
                                void (*notify)(void *context), void *context)
{
    struct arena *arena = arena_create();
    struct http_pending *transfer = arena_alloc(arena, sizeof *transfer);
    transfer->client = client;
    transfer->arena = arena;
    transfer->notify = notify;
    transfer->notify_context = context;
    transfer->largest = call->largest_answer > 0 ? call->largest_answer : USUAL_LARGEST;
    pthread_cond_init(&transfer->done, NULL);
    copy_call(transfer, call);
    if (start_call(transfer))
        client_loop_add(client->loop, &transfer->item);
    else
        complete(transfer);
    return transfer;
}

bool http_is_done(const struct http_pending *transfer)
{
    pthread_mutex_lock(&transfer->client->lock);
    bool is_done = transfer->is_done;
    pthread_mutex_unlock(&transfer->client->lock);
    return is_done;
}

void http_end(struct http_pending **pending, struct arena *arena, struct http_answer *answer)
{
    struct http_pending *transfer = *pending;
    struct http_client *client = transfer->client;
    pthread_mutex_lock(&client->lock);
    while (!transfer->is_done)
        pthread_cond_wait(&transfer->done, &client->lock);
    pthread_mutex_unlock(&client->lock);
    const struct http_answer *got = &transfer->answer;
    struct http_pair *pairs = arena_calloc(arena, got->headers.count + 1, sizeof *pairs);
    for (size_t i = 0; i < got->headers.count; i++)
        pairs[i] = (struct http_pair){.name = arena_strdup(arena, got->headers.items[i].name),
                                      .value = arena_strdup(arena, got->headers.items[i].value)};
    *answer = (struct http_answer){.status = got->status,
                                   .headers = {.items = pairs, .count = got->headers.count},
                                   .error = arena_strdup(arena, got->error),
                                   .code = got->code,
                                   .url = arena_strdup(arena, got->url)};
    answer->body = bytes_of_text("");
    if (got->body.size > 0)
        answer->body = (struct bytes){
            (const uint8_t *)arena_strndup(arena, (const char *)got->body.data, got->body.size),
            got->body.size};
    destroy(transfer);
    *pending = NULL;
}

void http_abandon(struct http_pending **pending, bool cuts)
{
    struct http_pending *transfer = *pending;
    struct http_client *client = transfer->client;
    pthread_mutex_lock(&client->lock);
    bool is_done = transfer->is_done;
    transfer->is_abandoned = true;
    transfer->notify = NULL;
    if (!is_done && cuts)
        client_loop_cut(client->loop, &transfer->item);
    pthread_mutex_unlock(&client->lock);
    if (is_done)
        destroy(transfer);
    *pending = NULL;
}

void http_call(struct http_client *client, struct arena *arena, const struct http_call *call,
               struct http_answer *answer)
{
    struct http_pending *transfer = http_begin(client, call, NULL, NULL);
    http_end(&transfer, arena, answer);
}
