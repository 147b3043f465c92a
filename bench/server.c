#include "bench/server.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "json/json.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGEST_ANSWER = 4 * 1024 * 1024 };

static const char *binary(void)
{
    const char *named = getenv("COUNTERSIGN_BINARY");
    return named != NULL ? named : "build/countersign";
}

static void fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

void server_init(struct arena *arena, struct server *server, unsigned port)
{
    char template[] = "/tmp/countersign-bench-XXXXXX";
    if (mkdtemp(template) == NULL)
        fail("no temporary directory");
    server->data = arena_strdup(arena, template);
    server->base = arena_printf(arena, "http://localhost:%u/", port);
    FILE *run = popen(arena_printf(arena, "%s init --json --dev --data %s --issuer %s%s%s", binary(),
                                   server->data, server->base, server->database != NULL ? " --database " : "",
                                   server->database != NULL ? server->database : ""),
                      "r");
    char text[8192] = "";
    size_t got = run == NULL ? 0 : fread(text, 1, sizeof text - 1, run);
    if (run == NULL || pclose(run) != 0 || got == 0)
        fail("init failed");
    yyjson_val *birth = json_parse_own(arena, text);
    yyjson_val *management = json_member(birth, "management");
    yyjson_val *app = json_member(birth, "default_client");
    server->management_id = json_text(management, "client_id");
    server->management_secret = json_text(management, "client_secret");
    server->default_id = json_text(app, "client_id");
    server->default_secret = json_text(app, "client_secret");
}

const char *server_store(struct arena *arena, const struct server *server)
{
    return server->database != NULL ? server->database
                                    : arena_printf(arena, "sqlite:%s/countersign.db", server->data);
}

static size_t gather(char *data, size_t size, size_t count, void *buffer)
{
    buffer_add_bytes(buffer, data, size * count);
    return size * count;
}

static bool answers(const char *url)
{
    struct arena *arena = arena_create();
    struct buffer body = buffer_create(arena, LARGEST_ANSWER);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, gather);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    bool fine = curl_easy_perform(curl) == CURLE_OK;
    curl_easy_cleanup(curl);
    arena_destroy(&arena);
    return fine;
}

void server_start(struct arena *arena, struct server *server, unsigned port)
{
    char *listen = arena_printf(arena, "127.0.0.1:%u", port);
    char *health = arena_printf(arena, "http://127.0.0.1:%u/healthz", port);
    int64_t began = clock_monotonic_ns();
    server->pid = fork();
    if (server->pid == 0) {
        execl(binary(), "countersign", "serve", "--dev", "--data", server->data, "--listen", listen,
              "--issuer", server->base, "--rate-limits=false", "--log-level", "error",
              "--connections-per-address", "4000", "--connections", "4000", "--streams-per-address", "0",
              "--egress-allow", "127.0.0.1", server->database != NULL ? "--database" : (char *)NULL,
              server->database, (char *)NULL);
        _exit(127);
    }
    while (!answers(health)) {
        if (clock_monotonic_ns() - began > 10LL * 1000000000 || waitpid(server->pid, NULL, WNOHANG) != 0)
            fail("serve did not start");
        usleep(500);
    }
    server->start_ms = (double)(clock_monotonic_ns() - began) / 1e6;
}

void server_stop(struct server *server)
{
    kill(server->pid, SIGTERM);
    waitpid(server->pid, NULL, 0);
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", server->data);
    if (system(command) != 0)
        fail("cannot remove the temporary directory");
}

static const char *call(struct arena *arena, const char *method, const char *url, const char *bearer,
                        const char *json)
{
    struct buffer body = buffer_create(arena, LARGEST_ANSWER);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (bearer != NULL)
        headers = curl_slist_append(headers, arena_printf(arena, "Authorization: Bearer %s", bearer));
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json == NULL ? "" : json);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, gather);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    CURLcode result = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (result != CURLE_OK || status / 100 != 2) {
        fprintf(stderr, "%s %s: %ld %s\n", method, url, status, buffer_text(&body));
        exit(1);
    }
    return buffer_text(&body);
}

const char *server_management(struct arena *arena, const struct server *server, const char *method,
                              const char *path, const char *json)
{
    const char *answer = call(arena, "POST", arena_printf(arena, "%soauth/token", server->base), NULL,
                              arena_printf(arena,
                                           "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\","
                                           "\"client_secret\":\"%s\",\"audience\":\"%sapi/v2/\"}",
                                           server->management_id, server->management_secret, server->base));
    const char *token = json_text(json_parse_own(arena, answer), "access_token");
    return call(arena, method, arena_printf(arena, "%sapi/v2/%s", server->base, path), token, json);
}
