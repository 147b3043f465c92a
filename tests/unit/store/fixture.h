/*
 * A store for each test: SQLite in a directory of its own and, where COUNTERSIGN_TEST_POSTGRES names a database by a
 * postgresql:// URI, PostgreSQL in a schema of its own. A group of tests runs on one store after the other.
 */
#ifndef COUNTERSIGN_TESTS_STORE_FIXTURE_H
#define COUNTERSIGN_TESTS_STORE_FIXTURE_H

#include "base/arena.h"
#include "crypto/keyring.h"
#include "store/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct store_fixture {
    struct arena *arena;
    struct db *db;
    struct keyring *keyring;
    const char *where; /* for opening it once more */
};

/* The store of the running test. */
extern struct store_fixture store;

int store_set_up(void **state);
int store_tear_down(void **state);

#define store_test(function) cmocka_unit_test_setup_teardown(function, store_set_up, store_tear_down)

/* Runs `tests` on each store; the number of failures. */
int store_run_tests(const struct CMUnitTest *tests, size_t count);
#define STORE_RUN_TESTS(tests) store_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))

/* The transaction of a test: both fail the test where the store fails. */
struct db_tx *store_read(void);
struct db_tx *store_write(void);
void store_commit(struct db_tx *tx);

#endif
