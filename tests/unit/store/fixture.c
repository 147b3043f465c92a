#include "fixture.h"

#include "base/log.h"
#include "base/random.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct store_fixture store;

static const char *postgres; /* NULL: the group runs on SQLite */
static char directory[64];
static char schema[40];

static void on_postgres(const char *command)
{
    PGconn *connection = PQconnectdb(postgres);
    char *sql = arena_printf(store.arena, "SET client_min_messages = warning; %s %s%s", command, schema,
                             command[0] == 'D' ? " CASCADE" : "");
    PGresult *answer = PQexec(connection, sql);
    if (PQresultStatus(answer) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    PQclear(answer);
    PQfinish(connection);
}

static void make_place(void)
{
    if (postgres != NULL) {
        snprintf(schema, sizeof schema, "test_%s", random_text(store.arena, RANDOM_HEX, 16));
        on_postgres("CREATE SCHEMA");
        store.where = arena_printf(store.arena, "%s%coptions=-csearch_path%%3D%s&application_name=%s",
                                   postgres, strchr(postgres, '?') != NULL ? '&' : '?', schema, schema);
        return;
    }
    snprintf(directory, sizeof directory, "/tmp/countersign-test-XXXXXX");
    assert_non_null(mkdtemp(directory));
    store.where = arena_printf(store.arena, "sqlite:%s/store.db", directory);
}

int store_set_up(void **state)
{
    (void)state;
    store = (struct store_fixture){.arena = arena_create()};
    make_place();
    const char *error = NULL;
    store.keyring = keyring_parse(store.arena, keyring_new_line(store.arena), &error);
    unsigned applied = 0;
    if (db_open(store.where, 4, store.arena, &store.db, &error) != DB_OK)
        fail_msg("%s", error);
    if (db_migrate(store.db, store.arena, &applied, &error) != DB_OK)
        fail_msg("%s", error);
    return 0;
}

int store_tear_down(void **state)
{
    (void)state;
    db_close(&store.db);
    keyring_free(&store.keyring);
    if (postgres != NULL) {
        on_postgres("DROP SCHEMA");
    } else {
        static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
            unlink(arena_printf(store.arena, "%s/%s", directory, files[i]));
        rmdir(directory);
    }
    arena_destroy(&store.arena);
    return 0;
}

int store_run_tests(const struct CMUnitTest *tests, size_t count)
{
    log_configure(LOG_LEVEL_WARN, false);
    int failures = _cmocka_run_group_tests("sqlite", tests, count, NULL, NULL);
    postgres = getenv("COUNTERSIGN_TEST_POSTGRES");
    if (postgres != NULL && postgres[0] != '\0')
        failures += _cmocka_run_group_tests("postgresql", tests, count, NULL, NULL);
    return failures;
}

struct db_tx *store_read(void)
{
    struct db_tx *tx = NULL;
    assert_int_equal(db_begin_read(store.db, &tx), DB_OK);
    return tx;
}

struct db_tx *store_write(void)
{
    struct db_tx *tx = NULL;
    assert_int_equal(db_begin_write(store.db, &tx), DB_OK);
    return tx;
}

void store_commit(struct db_tx *tx)
{
    assert_int_equal(db_commit(&tx), DB_OK);
}
