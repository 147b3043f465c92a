#include "tenant/config.h"
#include "tenant/issuer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *error;

/* The flags as one text, split at blanks. */
static struct config *with(struct arena *arena, const char *flags)
{
    char *argv[16];
    int argc = 0;
    char *rest = arena_strdup(arena, flags), *word;
    while ((word = strsep(&rest, " ")) != NULL) {
        if (word[0] != '\0')
            argv[argc++] = word;
    }
    return config_read(arena, argc, argv, &error);
}

static void takes_defaults(void **state)
{
    struct arena *arena = arena_create();
    (void)state;
    struct config *config = with(arena, "--dev");
    assert_non_null(config);
    assert_string_equal(config->listen, "127.0.0.1:3000");
    assert_string_equal(config->issuer, "http://127.0.0.1:3000/");
    assert_string_equal(config->host, "127.0.0.1:3000");
    assert_false(config->secure);
    assert_true(config->rate_limits);
    assert_int_equal(config->password_memory_kib, 19456);
    assert_null(config->database);
    arena_destroy(&arena);
}

static void flags_count_more_than_environment_and_that_more_than_the_file(void **state)
{
    struct arena *arena = arena_create();
    char path[] = "/tmp/countersign-config-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "workers = 3\nqueue = 3\nconnections = 33\nrate_limits = false\n") > 0);
    close(fd);
    setenv("COUNTERSIGN_WORKERS", "4", 1);
    setenv("COUNTERSIGN_QUEUE", "4", 1);
    struct config *config = with(arena, arena_printf(arena, "--dev --config %s --workers=5", path));
    unsetenv("COUNTERSIGN_WORKERS");
    unsetenv("COUNTERSIGN_QUEUE");
    unlink(path);
    assert_non_null(config);
    assert_int_equal(config->workers, 5);
    assert_int_equal(config->queue, 4);
    assert_int_equal(config->connections, 33);
    assert_false(config->rate_limits);
    arena_destroy(&arena);
}

static void a_wrong_setting_is_one_sentence_that_names_it(void **state)
{
    static const struct {
        const char *flags;
        const char *sentence;
    } cases[] = {
        {"--dev --workers x", "--workers must be a whole number from 2 to 1024, but is \"x\""},
        {"--dev --workers 1", "--workers must be a whole number from 2 to 1024, but is \"1\""},
        {"--dev --workers -5", "--workers must be a whole number from 2 to 1024, but is \"-5\""},
        {"--dev=maybe", "--dev must be true or false, but is \"maybe\""},
        {"--nonsense 1", "--nonsense is not a setting; `countersign serve --help` lists them"},
        {"--dev extra", "extra is not a setting; `countersign serve --help` lists them"},
        {"--dev --data", "--data needs a value after it"},
        {"--dev --listen 3000", "listen must be HOST:PORT, such as 127.0.0.1:3000 or [::1]:3000"},
        {"--dev --listen 127.0.0.1:70000", "listen must be HOST:PORT, such as 127.0.0.1:3000 or [::1]:3000"},
        {"--dev --listen ::1:3000", "listen must be HOST:PORT, such as 127.0.0.1:3000 or [::1]:3000"},
        {"--dev --listen 127.0.0.1:0", "issuer must be set where listen leaves the port open (port 0)"},
        {"--dev --database mysql://x",
         "database must be a postgresql:// URI (without it the store is a file in data)"},
        {"--dev --log-level loud", "log_level must be debug, info, warn or error"},
        {"--dev --tls-certificate /etc/hosts", "tls_certificate and tls_key must be set both or neither"},
        {"--config /no/such/file",
         "the settings file /no/such/file cannot be read: No such file or directory"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct arena *arena = arena_create();
        assert_null(with(arena, cases[i].flags));
        assert_string_equal(error, cases[i].sentence);
        arena_destroy(&arena);
    }
}

static void an_issuer_takes_one_shape(void **state)
{
    static const char *const cases[][2] = {
        {"https://Login.Example.com", "https://login.example.com/"},
        {"https://login.example.com:443/", "https://login.example.com/"},
        {"HTTPS://login.example.com:8443", "https://login.example.com:8443/"},
        {"http://localhost:3000/", "http://localhost:3000/"},
        {"http://app.localhost:80", "http://app.localhost/"},
        {"http://[::1]:3000", "http://[::1]:3000/"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct arena *arena = arena_create();
        struct issuer issuer;
        assert_true(issuer_read(arena, cases[i][0], true, &issuer, &error));
        assert_string_equal(issuer.url, cases[i][1]);
        arena_destroy(&arena);
    }
}

static void an_issuer_without_tls_is_for_this_machine_and_dev_only(void **state)
{
    static const char *const refused_with_dev[] = {
        "http://login.example.com",
        "http://192.168.1.1:3000",
        "http://127.0.0.1.evil.test",
        "http://localhost.evil.test",
        "ftp://localhost",
        "localhost:3000",
        "https://a.test/path",
        "https://a.test?x",
        "https://user@a.test",
        "https://",
        "https://a.test:0",
        "https://a.test:99999",
        "https://a..test",
        "https://a.test//",
        "https://a b.test",
    };
    struct arena *arena = arena_create();
    struct issuer issuer;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused_with_dev); i++) {
        if (issuer_read(arena, refused_with_dev[i], true, &issuer, &error))
            fail_msg("accepted: %s", refused_with_dev[i]);
    }
    assert_false(issuer_read(arena, "http://localhost:3000", false, &issuer, &error));
    arena_destroy(&arena);
}

static void help_names_every_setting_thrice(void **state)
{
    struct arena *arena = arena_create();
    (void)state;
    const char *help = config_help(arena);
    assert_non_null(strstr(help, "--rate-limits  COUNTERSIGN_RATE_LIMITS  rate_limits = true"));
    assert_non_null(strstr(help, "--database URI  COUNTERSIGN_DATABASE  database = (not set)"));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_defaults),
        cmocka_unit_test(flags_count_more_than_environment_and_that_more_than_the_file),
        cmocka_unit_test(a_wrong_setting_is_one_sentence_that_names_it),
        cmocka_unit_test(an_issuer_takes_one_shape),
        cmocka_unit_test(an_issuer_without_tls_is_for_this_machine_and_dev_only),
        cmocka_unit_test(help_names_every_setting_thrice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
