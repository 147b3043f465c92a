/*
 * What a login's rules cost beyond their own work: CPU of the server's side and of the workers together, for a user of
 * 2 kB and one rule, and ten. Run by hand: build/bench/countersign-bench-rules [LOGINS].
 */
#include "base/buffer.h"
#include "rules/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static const char rule_text[] =
    "function (user, context, callback) {\n"
    "    var CLIENTS_WITH_MFA = ['client1'];\n"
    "    if (CLIENTS_WITH_MFA.indexOf(context.clientID) !== -1) {\n"
    "        if (user.app_metadata && user.app_metadata.use_mfa){\n"
    "            context.multifactor = { provider: 'guardian', allowRememberBrowser: false };\n"
    "        }\n"
    "    }\n"
    "    callback(null, user, context);\n"
    "}";

static const char *user_of_2_kb(struct arena *arena)
{
    struct buffer text = buffer_create(arena, 4096);
    buffer_add(
        &text,
        "{\"user_id\":\"auth0|1\",\"email\":\"ann@example.test\",\"email_verified\":true,\"name\":\"Ann\","
        "\"app_metadata\":{\"use_mfa\":true},\"user_metadata\":{");
    for (int i = 0; i < 50; i++)
        buffer_printf(&text, "%s\"member_%d\":\"a value of some size %d\"", i > 0 ? "," : "", i, i);
    buffer_add(&text, "}}");
    return buffer_text(&text);
}

static void login(struct script_pool *pool, yyjson_val *profile, size_t rule_count)
{
    struct arena *arena = arena_create();
    struct user user = {.user_id = "auth0|1", .doc = profile};
    struct client client = {.client_id = "client1"};
    struct rules_login login = {
        .user = &user, .client = &client, .protocol = "oidc-basic-profile", .logins_count = 1};
    struct rules_place place = {.tenant = "bench", .host = "login.test", .issuer = "https://login.test/"};
    struct rule *rules = arena_calloc(arena, rule_count, sizeof *rules);
    for (size_t i = 0; i < rule_count; i++)
        rules[i] =
            (struct rule){.id = "rul_1", .name = arena_printf(arena, "Rule %zu", i), .script = rule_text};
    struct rule_set set = {.rules = rules, .count = rule_count};
    struct script_job allowed = {.context = NULL};
    struct rules_outcome outcome;
    yyjson_mut_doc *input = rules_input(arena, &login, &place);
    rules_program_run(pool, arena, &set, input, exact_numbers_in(arena, profile), &allowed, &outcome);
    if (outcome.error != NULL || !outcome.wants_multifactor) {
        fprintf(stderr, "the rule failed: %s\n", outcome.error != NULL ? outcome.error_description : "");
        exit(1);
    }
    arena_destroy(&arena);
}

static double cpu_of(int who)
{
    struct rusage used;
    getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* CPU seconds of this process and of its workers for that many logins, start included. */
static void measure(const char *executable, unsigned logins, size_t rule_count, double *own, double *workers)
{
    struct arena *arena = arena_create();
    struct script_pool_config config = {.executable = executable,
                                        .workers = 1,
                                        .queue = 8,
                                        .time_ms = 20000,
                                        .cpu_ms = 20000,
                                        .memory_bytes = (size_t)64 << 20};
    const char *error = NULL;
    double own_before = cpu_of(RUSAGE_SELF);
    double workers_before = cpu_of(RUSAGE_CHILDREN);
    struct script_pool *pool = script_pool_start(&config, arena, &error);
    if (pool == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    yyjson_val *profile = json_parse_own(arena, user_of_2_kb(arena));
    for (unsigned i = 0; i < logins; i++)
        login(pool, profile, rule_count);
    script_pool_stop(&pool);
    *own = cpu_of(RUSAGE_SELF) - own_before;
    *workers = cpu_of(RUSAGE_CHILDREN) - workers_before;
    arena_destroy(&arena);
}

int main(int argc, char **argv)
{
    const char *executable = getenv("COUNTERSIGN_BINARY");
    unsigned logins = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5000;
    if (executable == NULL)
        executable = "build/countersign";
    static const size_t counts[] = {1, 10};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        double own[2];
        double workers[2];
        measure(executable, logins / 10, counts[i], &own[0], &workers[0]);
        measure(executable, logins + logins / 10, counts[i], &own[1], &workers[1]);
        double server_us = (own[1] - own[0]) / logins * 1e6;
        double worker_us = (workers[1] - workers[0]) / logins * 1e6;
        printf("rules              %2zu: %.0f us of CPU a login (server %.0f, worker %.0f)\n", counts[i],
               server_us + worker_us, server_us, worker_us);
    }
    return 0;
}
