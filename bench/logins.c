#include "bench/load.h"
#include "bench/meter.h"
#include "bench/scenarios.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "crypto/otp.h"
#include "crypto/password.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASHES = 40, LOGINS = 300, THREADS = 3, FLAGGED = 300 };

struct target {
    const struct server *server;
    const char **secrets; /* NULL: no second factor */
    unsigned first, users;
};

struct hashing {
    struct password_gate *gate;
    struct arena *arena;
    char *hash;
};

static void *make_hashing(void)
{
    struct password_costs costs = {.memory_kib = 19456, .passes = 2, .parallelism = 1};
    struct hashing *hashing = calloc(1, sizeof *hashing);
    hashing->gate = password_gate_create(&costs, 1, 1);
    hashing->arena = arena_create();
    if (!password_hash(hashing->gate, hashing->arena, SEED_PASSWORD, &hashing->hash))
        exit(1);
    return hashing;
}

static void hash_once(void *context)
{
    const struct hashing *hashing = context;
    if (password_verify(hashing->gate, SEED_PASSWORD, hashing->hash) != PASSWORD_RIGHT)
        exit(1);
}

static void drop_hashing(void *context)
{
    struct hashing *hashing = context;
    arena_destroy(&hashing->arena);
    password_gate_free(&hashing->gate);
    free(hashing);
}

static void give_up(const char *step, const struct page *page)
{
    fprintf(stderr, "bench: login stops at %s: %ld %s\n", step, page->status,
            page->location ? page->location : page->body);
    exit(1);
}

static const char *page_path(struct arena *arena, const struct server *server, const char *path,
                             const char *state)
{
    return arena_printf(arena, "%s%s?state=%s", server->base, path, state);
}

static const char *state_of(const struct page *page)
{
    const char *found = strstr(page->hidden, "state=");
    return found == NULL ? "" : found + strlen("state=");
}

static void pass_one_time_code(struct browser *browser, struct arena *arena, const struct target *target,
                               unsigned user, struct page *page)
{
    struct bytes secret;
    const char *text = target->secrets[user];
    if (!base32_decode(arena, text, strlen(text), &secret))
        exit(1);
    char code[16];
    hotp(secret, OTP_SHA1, (uint64_t)totp_step(clock_now()), 6, code);
    const char *state = arena_strndup(arena, state_of(page), strcspn(state_of(page), "&"));
    browser_follow(browser, arena, arena_printf(arena, "%su/", target->server->base),
                   page_path(arena, target->server, "u/mfa-otp-challenge", state),
                   arena_printf(arena, "%scode=%s&action=default", page->hidden, code), page);
}

static void log_in(struct browser *browser, unsigned number, void *context)
{
    const struct target *target = context;
    const struct server *server = target->server;
    struct arena *arena = arena_create();
    unsigned user = target->first + number % target->users;
    struct page page;
    uint8_t digest[32];
    const char *verifier = random_text(arena, RANDOM_ALPHANUMERIC, 43);
    sha256(bytes_of_text(verifier), digest);
    const char *challenge = base64url_encode(arena, (struct bytes){digest, sizeof digest});
    browser_forget(browser);
    browser_follow(
        browser, arena, server->base,
        arena_printf(
            arena,
            "%sauthorize?response_type=code&client_id=%s&redirect_uri=%scallback&scope=openid%%20profile"
            "%%20email&state=x&code_challenge=%s&code_challenge_method=S256",
            server->base, server->default_id, server->base, challenge),
        NULL, &page);
    const char *state = arena_strndup(arena, state_of(&page), strcspn(state_of(&page), "&"));
    if (page.status != 200 || *state == '\0')
        give_up("identifier", &page);
    browser_follow(browser, arena, server->base, page_path(arena, server, "u/login/identifier", state),
                   arena_printf(arena, "%susername=user%u%%40bench.test&action=default", page.hidden, user),
                   &page);
    if (page.status != 200)
        give_up("password", &page);
    const char *callback = arena_printf(arena, "%scallback", server->base);
    browser_visit(browser, arena, page_path(arena, server, "u/login/password", state),
                  arena_printf(arena, "%susername=user%u%%40bench.test&password=%s&action=default",
                               page.hidden, user, percent_encode(arena, SEED_PASSWORD)),
                  &page);
    for (int hops = 0;
         hops < 6 && page.location != NULL && strncmp(page.location, callback, strlen(callback)) != 0;
         hops++) {
        const char *next = page.location;
        browser_visit(browser, arena, next, NULL, &page);
        if (page.location == NULL && target->secrets != NULL)
            pass_one_time_code(browser, arena, target, user, &page);
    }
    const char *code = page.location == NULL ? NULL : strstr(page.location, "code=");
    if (code == NULL)
        give_up("callback", &page);
    browser_visit(
        browser, arena, arena_printf(arena, "%soauth/token", server->base),
        arena_printf(
            arena,
            "grant_type=authorization_code&client_id=%s&client_secret=%s&code=%.*s&redirect_uri=%scallback"
            "&code_verifier=%s",
            server->default_id, server->default_secret, (int)strcspn(code + 5, "&"), code + 5, server->base,
            verifier),
        &page);
    if (page.status != 200)
        give_up("token", &page);
    arena_destroy(&arena);
}

static void measure(const char *name, const struct target *target, unsigned users)
{
    struct load load = {.threads = THREADS, .times = LOGINS, .work = log_in, .context = (void *)target};
    double hash = load_bare(&(struct bare){make_hashing, hash_once, drop_hashing, HASHES});
    double before = meter_tree_cpu(target->server->pid);
    double wall = load_run(&load);
    double login = (meter_tree_cpu(target->server->pid) - before) / LOGINS;
    printf("%-18s %.2f of the hash alone     (%.2f ms CPU a login, %.2f ms a hash, %.0f/s, %u users)\n", name,
           hash / login, login * 1e3, hash * 1e3, LOGINS / wall, users);
}

void bench_logins(struct arena *arena, const struct server *server, unsigned users)
{
    (void)arena;
    struct target target = {.server = server, .first = FLAGGED, .users = users - FLAGGED};
    measure("logins", &target, users);
}

void bench_logins_with_code(struct arena *arena, const struct server *server, unsigned users)
{
    struct target target = {.server = server, .users = FLAGGED};
    target.secrets = seed_factors(arena, server, FLAGGED);
    measure("logins + code", &target, users);
}
