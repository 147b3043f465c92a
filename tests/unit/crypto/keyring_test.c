#include "crypto/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define OLD "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define NEW "new:HxwdHhscGRobGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwA="

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static struct keyring *ring(const char *text)
{
    const char *error = NULL;
    struct keyring *keyring = keyring_parse(arena, text, &error);
    assert_non_null(keyring);
    assert_null(error);
    return keyring;
}

static void what_is_sealed_opens_for_its_purpose_alone(void **state)
{
    (void)state;
    struct keyring *keyring = ring(OLD "\n");
    struct bytes secret;
    static const char *const secrets[] = {"", "x", "JBSWY3DPEHPK3PXP and more of it"};
    for (size_t i = 0; i < ARRAY_LENGTH(secrets); i++) {
        char *sealed = keyring_seal(keyring, arena, "authenticators:dev_1", bytes_of_text(secrets[i]));
        assert_int_equal(strncmp(sealed, "1.old.", 6), 0);
        assert_true(keyring_open(keyring, arena, "authenticators:dev_1", sealed, &secret));
        assert_int_equal(secret.size, strlen(secrets[i]));
        assert_string_equal((const char *)secret.data, secrets[i]);
        assert_false(keyring_open(keyring, arena, "authenticators:dev_2", sealed, &secret));
        assert_string_not_equal(
            sealed, keyring_seal(keyring, arena, "authenticators:dev_1", bytes_of_text(secrets[i])));
    }
    keyring_free(&keyring);
    assert_null(keyring);
}

static void a_changed_letter_anywhere_is_noticed(void **state)
{
    (void)state;
    struct keyring *keyring = ring(OLD);
    char *sealed = keyring_seal(keyring, arena, "p", bytes_of_text("secret"));
    struct bytes secret;
    for (size_t i = 0; sealed[i] != '\0'; i++) {
        char before = sealed[i];
        sealed[i] = before == 'A' ? 'B' : 'A';
        assert_false(keyring_open(keyring, arena, "p", sealed, &secret));
        sealed[i] = before;
    }
    for (size_t length = 0; length < strlen(sealed); length++)
        assert_false(keyring_open(keyring, arena, "p", arena_strndup(arena, sealed, length), &secret));
    assert_false(keyring_open(keyring, arena, "p", NULL, &secret));
    keyring_free(&keyring);
}

static void a_new_first_key_seals_and_the_old_one_still_opens(void **state)
{
    (void)state;
    struct keyring *before = ring(OLD);
    char *sealed = keyring_seal(before, arena, "p", bytes_of_text("s"));
    struct keyring *after = ring("# changed\n\n" NEW "\r\n" OLD "\n");
    struct bytes secret;
    assert_true(keyring_open(after, arena, "p", sealed, &secret));
    assert_true(keyring_is_current(before, sealed));
    assert_false(keyring_is_current(after, sealed));
    char *again = keyring_seal(after, arena, "p", secret);
    assert_true(keyring_is_current(after, again));
    assert_false(keyring_open(before, arena, "p", again, &secret));
    keyring_free(&before);
    keyring_free(&after);
}

static void derived_keys_hang_on_use_and_first_key(void **state)
{
    (void)state;
    uint8_t a[32], b[32], c[32], d[32];
    struct keyring *old = ring(OLD);
    struct keyring *both = ring(OLD "\n" NEW);
    struct keyring *new = ring(NEW);
    keyring_derive(old, "session-cookie", a);
    keyring_derive(both, "session-cookie", b);
    keyring_derive(old, "login-state", c);
    keyring_derive(new, "session-cookie", d);
    assert_memory_equal(a, b, 32);
    assert_memory_not_equal(a, c, 32);
    assert_memory_not_equal(a, d, 32);
    keyring_free(&old);
    keyring_free(&both);
    keyring_free(&new);
}

static void broken_key_files_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n#\n",
        "nocolon",
        ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "a:AAEC",
        "a b:" OLD,
        OLD "\n" OLD,
        "k.x:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        const char *error = NULL;
        assert_null(keyring_parse(arena, texts[i], &error));
        assert_non_null(error);
    }
}

static void a_key_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/countersign-keyring-XXXXXX";
    int file = mkstemp(path);
    const char *line = keyring_new_line(arena);
    assert_int_equal(write(file, line, strlen(line)), (ssize_t)strlen(line));
    close(file);
    const char *error = NULL;
    struct keyring *keyring = keyring_load_file(arena, path, &error);
    assert_non_null(keyring);
    keyring_free(&keyring);
    assert_int_equal(chmod(path, 0640), 0);
    assert_null(keyring_load_file(arena, path, &error));
    assert_non_null(strstr(error, "0600"));
    unlink(path);
    assert_null(keyring_load_file(arena, path, &error));
    assert_non_null(strstr(error, path));
    assert_null(keyring_load_file(arena, "/", &error));
}

static void write_keys(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static void a_running_server_learns_of_a_new_key_when_it_meets_it(void **state)
{
    (void)state;
    char path[] = "/tmp/countersign-keyring-XXXXXX";
    close(mkstemp(path));
    write_keys(path, OLD "\n");
    const char *error = NULL;
    struct keyring *running = keyring_load_file(arena, path, &error);
    assert_non_null(running);
    struct keyring *other = ring(NEW);
    char *sealed = keyring_seal(other, arena, "p", bytes_of_text("s"));
    struct bytes secret;
    assert_false(keyring_open(running, arena, "p", sealed, &secret));

    char *before = keyring_seal(running, arena, "p", bytes_of_text("s"));
    write_keys(path, NEW "\n" OLD "\n");
    assert_true(keyring_is_current(running, before));
    assert_true(keyring_open(running, arena, "p", sealed, &secret));
    assert_true(keyring_is_current(running, sealed));
    assert_false(keyring_is_current(running, before));
    assert_true(keyring_open(running, arena, "p", before, &secret));
    assert_int_equal(keyring_count(running), 2);
    unlink(path);
    keyring_free(&running);
    keyring_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_for_its_purpose_alone),
        cmocka_unit_test(a_changed_letter_anywhere_is_noticed),
        cmocka_unit_test(a_new_first_key_seals_and_the_old_one_still_opens),
        cmocka_unit_test(derived_keys_hang_on_use_and_first_key),
        cmocka_unit_test(broken_key_files_are_refused),
        cmocka_unit_test(a_key_file_that_others_may_read_is_refused),
        cmocka_unit_test(a_running_server_learns_of_a_new_key_when_it_meets_it),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
