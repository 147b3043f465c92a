#include "http/client.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
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
    POLL_MS = 1000,
    USUAL_TIMEOUT_MS = 10000,
    USUAL_LARGEST = 1024 * 1024
};

/* One hop of a call, in the hands of the client's thread from its submission until `is_done`. */
struct transfer {
    struct transfer *next;
    struct http_client *client;
    struct arena *arena; /* the caller's, who waits */
    CURL *easy;
    struct curl_slist *headers;
    struct buffer body;
    struct http_pair *answer_headers;
    size_t answer_header_count;
    size_t head_bytes;
    bool is_free; /* of the egress policy: operator's address, or a proxy takes the call */
    bool is_denied;
    bool is_too_large;
    CURLcode result;
    bool is_done;
    pthread_cond_t done;
    char reason[CURL_ERROR_SIZE];
};

struct http_client {
    struct arena *arena;
    struct egress egress;
    struct proxies proxies;
    const char *ca_file;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    struct transfer *submitted;
    struct transfer *running;
    bool is_stopping;
};

/* What the hops of one call have in common. */
struct course {
    const struct http_call *call;
    const char *method;
    const char *url;
    const char *scheme;
    const char *host;
    const char *port;
    size_t largest;
    bool keeps_body;
    bool keeps_secrets; /* still at the origin that was asked first */
    int64_t deadline;
};

/* --- libcurl's callbacks, on the client's thread --- */

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
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

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
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
    struct transfer *transfer = context;
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
    struct transfer *transfer = context;
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

/* --- the client's thread --- */

static void finish(struct http_client *client, struct transfer *transfer, CURLcode result)
{
    pthread_mutex_lock(&client->lock);
    struct transfer **at = &client->running;
    while (*at != transfer)
        at = &(*at)->next;
    *at = transfer->next;
    transfer->result = result;
    transfer->is_done = true;
    pthread_cond_signal(&transfer->done);
    pthread_mutex_unlock(&client->lock);
}

static void begin_submitted(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    struct transfer *transfer = client->submitted;
    client->submitted = NULL;
    while (transfer != NULL) {
        struct transfer *next = transfer->next;
        transfer->next = client->running;
        client->running = transfer;
        curl_multi_add_handle(client->multi, transfer->easy);
        transfer = next;
    }
    pthread_mutex_unlock(&client->lock);
}

static void finish_ended(struct http_client *client)
{
    int left;
    for (CURLMsg *message = curl_multi_info_read(client->multi, &left); message != NULL;
         message = curl_multi_info_read(client->multi, &left)) {
        struct transfer *transfer = NULL;
        CURLcode result = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        curl_multi_remove_handle(client->multi, message->easy_handle);
        finish(client, transfer, result);
    }
}

static bool is_stopping(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool stopping = client->is_stopping;
    pthread_mutex_unlock(&client->lock);
    return stopping;
}

static void *run(void *argument)
{
    struct http_client *client = argument;
    pthread_setname_np(pthread_self(), "http-client");
    while (!is_stopping(client)) {
        int running;
        begin_submitted(client);
        curl_multi_perform(client->multi, &running);
        finish_ended(client);
        curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
    }
    begin_submitted(client);
    while (client->running != NULL) {
        curl_multi_remove_handle(client->multi, client->running->easy);
        finish(client, client->running, CURLE_ABORTED_BY_CALLBACK);
    }
    return NULL;
}

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
    proxies_read(arena, config->proxy, &client->proxies);
    if (!egress_parse(arena, config->allow, &client->egress, &wrong))
        LOG_ERROR("http.egress_allow_broken", LOG_TEXT("entry", wrong));
    pthread_mutex_init(&client->lock, NULL);
    client->multi = curl_multi_init();
    if (client->multi == NULL)
        abort();
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
                      (long)(config->connections > 0 ? config->connections : 16));
    if (pthread_create(&client->thread, NULL, run, client) != 0)
        abort();
    return client;
}

void http_client_free(struct http_client **client)
{
    if (*client == NULL)
        return;
    pthread_mutex_lock(&(*client)->lock);
    (*client)->is_stopping = true;
    pthread_mutex_unlock(&(*client)->lock);
    curl_multi_wakeup((*client)->multi);
    pthread_join((*client)->thread, NULL);
    curl_multi_cleanup((*client)->multi);
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

static void add_header(struct transfer *transfer, const char *line)
{
    struct curl_slist *grown = curl_slist_append(transfer->headers, line);
    if (grown == NULL)
        abort();
    transfer->headers = grown;
}

static void add_headers(struct transfer *transfer, const struct course *course)
{
    bool has_agent = false;
    const struct http_pairs *headers = &course->call->headers;

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

static void set_method(CURL *easy, const struct course *course)
{
    struct bytes body = course->keeps_body ? course->call->body : (struct bytes){.data = NULL};
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

static void set_safety(struct transfer *transfer, const char *proxy, int64_t left_ms)
{
    CURL *easy = transfer->easy;
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

static void set_up(struct transfer *transfer, const struct course *course, const char *proxy, int64_t left_ms)
{
    CURL *easy = transfer->easy;
    set_safety(transfer, proxy, left_ms);
    add_headers(transfer, course);
    set_method(easy, course);
    curl_easy_setopt(easy, CURLOPT_URL, course->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    if (course->call->user != NULL && course->keeps_secrets) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, course->call->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD,
                         course->call->password != NULL ? course->call->password : "");
    }
}

static void submit_and_wait(struct http_client *client, struct transfer *transfer)
{
    pthread_mutex_lock(&client->lock);
    if (client->is_stopping) {
        transfer->result = CURLE_ABORTED_BY_CALLBACK;
        pthread_mutex_unlock(&client->lock);
        return;
    }
    transfer->next = client->submitted;
    client->submitted = transfer;
    pthread_mutex_unlock(&client->lock);
    curl_multi_wakeup(client->multi);
    pthread_mutex_lock(&client->lock);
    while (!transfer->is_done)
        pthread_cond_wait(&transfer->done, &client->lock);
    pthread_mutex_unlock(&client->lock);
}

static const char *explain(const struct transfer *transfer, const struct course *course)
{
    struct arena *arena = transfer->arena;
    if (transfer->is_denied)
        return arena_printf(arena, "%s leads to an address that may not be called (egress_allow)",
                            course->host);
    if (transfer->is_too_large)
        return arena_printf(arena, "the answer of %s is larger than %zu bytes", course->host,
                            course->largest);
    if (transfer->result == CURLE_OPERATION_TIMEDOUT)
        return arena_printf(arena, "%s did not answer within %u ms", course->host, course->call->timeout_ms);
    return arena_printf(arena, "%s: %s", course->host,
                        transfer->reason[0] != '\0' ? transfer->reason
                                                    : curl_easy_strerror(transfer->result));
}

static void fill_answer(struct transfer *transfer, const struct course *course, struct http_answer *answer)
{
    long status = 0;
    if (transfer->result != CURLE_OK) {
        answer->error = explain(transfer, course);
        return;
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->headers =
        (struct http_pairs){.items = transfer->answer_headers, .count = transfer->answer_header_count};
    answer->body = bytes_of_text(buffer_text(&transfer->body));
    answer->body.size = transfer->body.size;
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

/* One request and its answer; *location is where a redirect points, or NULL. */
static void do_hop(struct http_client *client, struct arena *arena, const struct course *course,
                   struct http_answer *answer, const char **location)
{
    const char *proxy = proxy_for(&client->proxies, course->scheme, course->host);
    int64_t left_ms = (course->deadline - clock_monotonic_ns()) / 1000000;
    struct transfer transfer = {.client = client, .arena = arena};

    *answer = (struct http_answer){.status = 0};
    *location = NULL;
    if (left_ms <= 0) {
        answer->error =
            arena_printf(arena, "%s did not answer within %u ms", course->host, course->call->timeout_ms);
        return;
    }
    if (proxy != NULL && !course->call->operator_chose_address &&
        !egress_permits_host(&client->egress, course->host)) {
        answer->error = arena_printf(arena, "%s may not be called (egress_allow)", course->host);
        return;
    }
    transfer.is_free = course->call->operator_chose_address || proxy != NULL;
    transfer.body = buffer_create(arena, course->largest);
    transfer.answer_headers = arena_calloc(arena, MOST_HEADERS, sizeof(struct http_pair));
    transfer.easy = curl_easy_init();
    if (transfer.easy == NULL)
        abort();
    pthread_cond_init(&transfer.done, NULL);
    set_up(&transfer, course, proxy, left_ms);
    submit_and_wait(client, &transfer);
    fill_answer(&transfer, course, answer);
    char *target = NULL;
    if (is_redirect(answer->status))
        curl_easy_getinfo(transfer.easy, CURLINFO_REDIRECT_URL, &target);
    *location = arena_strdup(arena, target);
    curl_easy_cleanup(transfer.easy);
    curl_slist_free_all(transfer.headers);
    pthread_cond_destroy(&transfer.done);
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

void http_call(struct http_client *client, struct arena *arena, const struct http_call *call,
               struct http_answer *answer)
{
    unsigned timeout = call->timeout_ms > 0 ? call->timeout_ms : USUAL_TIMEOUT_MS;
    struct course course = {.call = call,
                            .method = call->method,
                            .largest = call->largest_answer > 0 ? call->largest_answer : USUAL_LARGEST,
                            .keeps_body = true,
                            .keeps_secrets = true,
                            .deadline = clock_monotonic_ns() + timeout * 1000000LL};

    *answer = (struct http_answer){.error = fault_of(call)};
    if (answer->error != NULL)
        return;
    if (!read_url(arena, call->url, &course)) {
        answer->error = "the address is no http or https URL";
        return;
    }
    for (unsigned hops = 0;; hops++) {
        const char *location;
        do_hop(client, arena, &course, answer, &location);
        if (location == NULL || call->redirects == 0)
            return;
        if (hops == call->redirects || !follow(arena, &course, location, answer->status)) {
            *answer = (struct http_answer){
                .error = hops == call->redirects
                             ? arena_printf(arena, "more than %u redirects", call->redirects)
                             : "a redirect leads to no http or https URL"};
            return;
        }
    }
}
