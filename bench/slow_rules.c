#include "bench/load.h"
#include "bench/meter.h"
#include "bench/scenarios.h"
#include "bench/slow.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CROWD = 500, DELAY_MS = 2000, QUICK = 40, SLOW_USER = 990, QUICK_USER = 991 };

struct scene {
    const struct server *server;
    struct browser *signed_in; /* whose session all share */
};

static const char *state_of(struct arena *arena, const struct page *page)
{
    const char *found = strstr(page->hidden, "state=");
    return found == NULL ? "" : arena_strndup(arena, found + 6, strcspn(found + 6, "&"));
}

static const char *authorize_url(struct arena *arena, const struct server *server)
{
    uint8_t digest[32];
    sha256(bytes_of_text("a verifier that nobody asks for in this bench"), digest);
    return arena_printf(arena,
                        "%sauthorize?response_type=code&client_id=%s&redirect_uri=%scallback&scope=openid"
                        "&state=x&code_challenge=%s&code_challenge_method=S256",
                        server->base, server->default_id, server->base,
                        base64url_encode(arena, (struct bytes){digest, sizeof digest}));
}

static bool is_callback(struct arena *arena, const struct server *server, const char *location)
{
    const char *callback = arena_printf(arena, "%scallback?code=", server->base);
    return location != NULL && strncmp(location, callback, strlen(callback)) == 0;
}

/* Goes on from what was visited last until the application's callback. */
static void follow_to_callback(struct browser *browser, struct arena *arena, const struct server *server,
                               struct page *page)
{
    for (int hops = 0; hops < 6 && page->location != NULL && !is_callback(arena, server, page->location);
         hops++) {
        const char *next = page->location;
        browser_visit(browser, arena, next, NULL, page);
    }
    if (is_callback(arena, server, page->location))
        return;
    fprintf(stderr, "bench: a login with a session stops at %ld %s\n", page->status,
            page->location != NULL ? page->location : page->body);
    exit(1);
}

/* A browser with a session of that user. */
static struct browser *sign_in(const struct server *server, unsigned user)
{
    struct arena *arena = arena_create();
    struct browser *browser = browser_create();
    struct page page;
    browser_follow(browser, arena, server->base, authorize_url(arena, server), NULL, &page);
    const char *state = state_of(arena, &page);
    browser_follow(browser, arena, server->base,
                   arena_printf(arena, "%su/login/identifier?state=%s", server->base, state),
                   arena_printf(arena, "%susername=user%u%%40bench.test&action=default", page.hidden, user),
                   &page);
    browser_visit(browser, arena, arena_printf(arena, "%su/login/password?state=%s", server->base, state),
                  arena_printf(arena, "%susername=user%u%%40bench.test&password=%s&action=default",
                               page.hidden, user, percent_encode(arena, SEED_PASSWORD)),
                  &page);
    follow_to_callback(browser, arena, server, &page);
    arena_destroy(&arena);
    return browser;
}

static void log_in_again(struct browser *browser, UNUSED unsigned number, void *context)
{
    const struct scene *scene = context;
    struct arena *arena = arena_create();
    struct page page;
    browser_share(browser, scene->signed_in);
    browser_visit(browser, arena, authorize_url(arena, scene->server), NULL, &page);
    follow_to_callback(browser, arena, scene->server, &page);
    arena_destroy(&arena);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quick_p50(struct scene *scene)
{
    double milliseconds[QUICK];
    struct load load = {
        .threads = 1, .times = QUICK, .work = log_in_again, .context = scene, .milliseconds = milliseconds};
    load_run(&load);
    qsort(milliseconds, QUICK, sizeof milliseconds[0], by_size);
    return milliseconds[QUICK / 2];
}

static void *run_crowd(void *argument)
{
    load_run(argument);
    return NULL;
}

void bench_slow_rules(struct arena *arena, const struct server *server, UNUSED unsigned users)
{
    struct scene slow = {.server = server, .signed_in = sign_in(server, SLOW_USER)};
    struct scene quick = {.server = server, .signed_in = sign_in(server, QUICK_USER)};
    struct slow_target *target = slow_target_start(DELAY_MS);
    server_management(
        arena, server, "POST", "rules",
        arena_printf(arena,
                     "{\"name\":\"calls-out\",\"script\":\"async function (user, context, callback) { if "
                     "(user.email === 'user%u@bench.test') { await fetch('http://127.0.0.1:%u/'); } "
                     "callback(null, user, context); }\"}",
                     SLOW_USER, slow_target_port(target)));
    static double milliseconds[CROWD];
    struct load load = {.threads = CROWD,
                        .times = CROWD,
                        .work = log_in_again,
                        .context = &slow,
                        .milliseconds = milliseconds};
    double alone_ms = quick_p50(&quick);
    double tree = meter_tree_memory(server->pid);
    double own = meter_memory(server->pid);
    double cpu = meter_tree_cpu(server->pid);
    pthread_t crowd;
    if (pthread_create(&crowd, NULL, run_crowd, &load) != 0)
        abort();
    unsigned most = 0;
    for (int64_t until = clock_monotonic_ns() + 20LL * 1000000000;
         most < CROWD && clock_monotonic_ns() < until;) {
        unsigned waiting = slow_target_waiting(target);
        most = waiting > most ? waiting : most;
        usleep(2000);
    }
    double grown = (meter_tree_memory(server->pid) - tree) * 1024 / CROWD;
    double own_grown = (meter_memory(server->pid) - own) * 1024 / CROWD;
    double beside_ms = quick_p50(&quick);
    pthread_join(crowd, NULL);
    cpu = meter_tree_cpu(server->pid) - cpu;
    qsort(milliseconds, CROWD, sizeof milliseconds[0], by_size);
    printf(
        "slow rules         %u logins wait at once for %d ms of HTTP: p50 %.0f ms, p99 %.0f ms; %.0f kB each "
        "(server %.0f, workers %.0f)\n",
        most, DELAY_MS, milliseconds[CROWD / 2], milliseconds[CROWD * 99 / 100], grown, own_grown,
        grown - own_grown);
    printf("                   a quick login takes %.1f ms meanwhile, %.1f ms alone; %.1f ms of CPU each\n",
           beside_ms, alone_ms, cpu * 1e3 / (CROWD + QUICK));
    slow_target_stop(&target);
    browser_free(&slow.signed_in);
    browser_free(&quick.signed_in);
}
