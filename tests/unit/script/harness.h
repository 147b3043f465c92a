/* Runs rules through real workers, as src/rules does, but with inputs and limits of the test's own. */
#ifndef COUNTERSIGN_TESTS_SCRIPT_HARNESS_H
#define COUNTERSIGN_TESTS_SCRIPT_HARNESS_H

#include "base/buffer.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "script/liquid.h"
#include "script/pool.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_RULES_MOST = 16 };

static struct arena *arena;
static struct script_pool *pool;
static struct script_report report;

static int UNUSED start_pool(unsigned workers, unsigned time_ms, unsigned cpu_ms)
{
    arena = arena_create();
    struct script_pool_config config = {.executable = getenv("COUNTERSIGN_BINARY"),
                                        .workers = workers,
                                        .queue = 256,
                                        .time_ms = time_ms,
                                        .cpu_ms = cpu_ms,
                                        .memory_bytes = (size_t)64 * 1024 * 1024};
    const char *error = NULL;
    pool = script_pool_start(&config, arena, &error);
    if (pool == NULL)
        print_error("%s\n", error);
    return pool == NULL ? -1 : 0;
}

static int UNUSED stop_pool(void **state)
{
    (void)state;
    script_pool_stop(&pool);
    arena_destroy(&arena);
    return 0;
}

static const char *UNUSED source_hash(struct arena *a, const char *text)
{
    uint8_t digest[32];
    sha256(bytes_of_text(text), digest);
    return hex_encode(a, (struct bytes){digest, sizeof digest});
}

/* Runs `count` rules over that user (JSON) with a context of few members; in the test's arena. */
static enum script_outcome UNUSED run_rules_with(struct arena *a, const char *user, const char *const *rules,
                                                 size_t count, const struct script_call *calls,
                                                 size_t call_count, void *context, struct script_report *out)
{
    struct script_source *sources = arena_calloc(a, count + 1, sizeof *sources);
    struct buffer input = buffer_create(a, 1024 * 1024);
    buffer_printf(
        &input,
        "{\"user\":%s,\"context\":{\"clientID\":\"client1\",\"idToken\":{},\"accessToken\":{},"
        "\"samlConfiguration\":{}},\"configuration\":{\"KEY\":\"secret\"},\"domain\":\"login.test\","
        "\"base_url\":\"https://login.test/api/v2\",\"rules\":[",
        user);
    for (size_t i = 0; i < count; i++) {
        sources[i] =
            (struct script_source){.hash = source_hash(a, rules[i]), .name = "Test rule", .text = rules[i]};
        buffer_printf(&input, "%s{\"source\":\"%s\",\"id\":\"rul_%zu\",\"name\":\"Test rule\"}",
                      i > 0 ? "," : "", sources[i].hash, i);
    }
    buffer_add(&input, "]}");
    struct script_job job = {.program = "rules",
                             .input = buffer_text(&input),
                             .sources = sources,
                             .source_count = count,
                             .calls = calls,
                             .call_count = call_count,
                             .context = context};
    return script_run_job(pool, a, &job, out);
}

/* No operator added a module. */
static const char *UNUSED no_modules(UNUSED void *context, UNUSED struct arena *a,
                                     UNUSED yyjson_val *arguments, UNUSED const char **error)
{
    return "[]";
}

static enum script_outcome UNUSED run_rule(const char *rule)
{
    static const struct script_call calls[] = {{"module.versions", 10, no_modules}};
    return run_rules_with(arena, "{\"user_id\":\"auth0|1\",\"app_metadata\":{\"use_mfa\":true}}", &rule, 1,
                          calls, 1, NULL, &report);
}

/* The message of the error that the rules ended with, or NULL. */
static const char *UNUSED rule_error(void)
{
    return json_text(json_member(report.answer, "error"), "message");
}

/* Whether the pool serves a plain rule now. */
static void UNUSED assert_serves(void)
{
    enum script_outcome outcome = run_rule(
        "function (user, context, callback) { context.idToken.fine = true; callback(null, user, context); }");
    if (outcome != SCRIPT_DONE)
        print_error("outcome %d, error %s\n", outcome, rule_error());
    assert_int_equal(outcome, SCRIPT_DONE);
    assert_null(rule_error());
    assert_true(json_bool(json_member(report.answer, "id_token"), "fine", false));
}

/* Kills this process's children, which are the workers. */
static void UNUSED kill_children(void)
{
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    for (struct dirent *entry = readdir(processes); entry != NULL; entry = readdir(processes)) {
        int pid = atoi(entry->d_name);
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *file = pid > 0 ? fopen(path, "re") : NULL;
        int parent = 0;
        if (file == NULL)
            continue;
        if (fscanf(file, "%*d (%*[^)]) %*c %d", &parent) == 1 && parent == getpid())
            kill(pid, SIGKILL);
        fclose(file);
    }
    closedir(processes);
}

#endif
