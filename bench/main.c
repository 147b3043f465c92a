/* `make bench`: what Countersign's own work costs beside the work that nobody can leave out. See
 * bench/README.md. */
#include "bench/scenarios.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT = 39871, SMALL = 1000, MIDDLE = 100000 };

static const struct {
    const char *name;
    void (*run)(struct arena *arena, const struct server *server, unsigned users);
} lines[] = {
    {"tokens", bench_tokens},       {"logins", bench_logins},   {"logins-with-code", bench_logins_with_code},
    {"discovery", bench_discovery}, {"latency", bench_latency}, {"slow-rules", bench_slow_rules},
};

static bool wanted(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc == 1;
}

/* All lines on a store of that many users. */
static void run_with(unsigned users, int argc, char **argv)
{
    struct arena *arena = arena_create();
    struct server server = {0};
    server_init(arena, &server, PORT);
    seed_users(arena, &server, 0, users);
    server_start(arena, &server, PORT);
    printf("start              %.0f ms to the first answer (%u users)\n", server.start_ms, users);
    bench_footprint(arena, &server, users);
    seed_tenant(arena, &server);
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        if (wanted(argc, argv, lines[i].name) &&
            (users == SMALL || lines[i].run == bench_tokens || lines[i].run == bench_logins))
            lines[i].run(arena, &server, users);
        fflush(stdout);
    }
    bench_footprint(arena, &server, users);
    server_stop(&server);
    arena_destroy(&arena);
}

int main(int argc, char **argv)
{
    curl_global_init(CURL_GLOBAL_ALL);
    run_with(SMALL, argc, argv);
    const char *most = getenv("COUNTERSIGN_BENCH_USERS");
    run_with(MIDDLE, argc, argv);
    if (most != NULL && atoi(most) > MIDDLE)
        run_with((unsigned)atoi(most), argc, argv);
    return 0;
}
