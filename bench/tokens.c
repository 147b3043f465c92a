#include "bench/load.h"
#include "bench/meter.h"
#include "bench/scenarios.h"

#include "base/clock.h"
#include "crypto/jwt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURES = 3000, TOKENS = 10000, THREADS = 8 };

static void *make_key(void)
{
    return signing_key_generate("bench.test");
}

static void sign(void *key)
{
    struct arena *arena = arena_create();
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, claims, "iss", "http://localhost:3000/");
    json_set_int(doc, claims, "iat", clock_now());
    if (strlen(jwt_sign_rs256(arena, key, "JWT", claims)) == 0)
        abort();
    arena_destroy(&arena);
}

static void drop_key(void *context)
{
    struct signing_key *key = context;
    signing_key_free(&key);
}

struct target {
    const char *url;
    const char *form;
};

static void ask_for_a_token(struct browser *browser, unsigned number, void *context)
{
    (void)number;
    const struct target *target = context;
    struct arena *arena = arena_create();
    struct page page;
    browser_visit(browser, arena, target->url, target->form, &page);
    if (page.status != 200) {
        fprintf(stderr, "bench: token refused: %ld %s\n", page.status, page.body);
        exit(1);
    }
    arena_destroy(&arena);
}

void bench_tokens(struct arena *arena, const struct server *server, unsigned users)
{
    struct target target = {
        .url = arena_printf(arena, "%soauth/token", server->base),
        .form = arena_printf(
            arena,
            "grant_type=client_credentials&client_id=%s&client_secret=%s&audience=%sapi/v2/&scope=read:users",
            server->management_id, server->management_secret, server->base),
    };
    struct load warm = {.threads = THREADS, .times = 200, .work = ask_for_a_token, .context = &target};
    load_run(&warm);
    double signature = load_bare(&(struct bare){make_key, sign, drop_key, SIGNATURES});
    struct load load = {.threads = THREADS, .times = TOKENS, .work = ask_for_a_token, .context = &target};
    double before = meter_tree_cpu(server->pid);
    double wall = load_run(&load);
    double token = (meter_tree_cpu(server->pid) - before) / TOKENS;
    printf("tokens             %.2f of the signing rate   (%.0f us CPU a token, %.0f us a signature, %.0f/s, "
           "%u users)\n",
           signature / token, token * 1e6, signature * 1e6, TOKENS / wall, users);
}
