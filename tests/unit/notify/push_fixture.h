/* A store, a keyring, a client that may call this machine, and messages to push: for the tests of push senders. */
#ifndef COUNTERSIGN_TESTS_NOTIFY_PUSH_FIXTURE_H
#define COUNTERSIGN_TESTS_NOTIFY_PUSH_FIXTURE_H

#include "notify/push_sender.h"

#include "../store/fixture.h"
#include "base/clock.h"
#include "base/encode.h"

#include "http_peer.h"

static struct keyring *keyring;
static struct http_client *client;
static char dead_token[4096];

static int set_up(void **state)
{
    store_set_up(state);
    const char *error;
    keyring = keyring_parse(store.arena, keyring_new_line(store.arena), &error);
    client = http_client_create(&(struct http_client_config){.connections = 8});
    dead_token[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    http_client_free(&client);
    keyring_free(&keyring);
    return store_tear_down(state);
}

#define push_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static void note_dead_token(void *context, const char *authenticator_id, const char *token)
{
    (void)context;
    snprintf(dead_token, sizeof dead_token, "%s %s", authenticator_id, token);
}

static struct notifier *start(bool dev)
{
    struct notifier *notifier = notifier_start(
        store.db, keyring, client, &(struct notifier_config){.dev = dev, .issuer = "https://login.test/"});
    notifier_on_dead_token(notifier, note_dead_token, NULL);
    return notifier;
}

static struct push_message message_to(const char *service, const char *token)
{
    return (struct push_message){
        .service = service,
        .token = token,
        .authenticator_id = "dev_1234567890abcdef",
        .user_id = "auth0|1",
        .title = "Acme",
        .body = "Approve sign-in for ada@example.test?",
        .payload =
            "{\"dai\":\"dev_1234567890abcdef\",\"txtkn\":\"secret-ticket\",\"c\":\"challenge\","
            "\"d\":\"2026-01-02T03:04:05.678Z\",\"sh\":\"login.test\",\"s\":{\"os\":{\"n\":\"Linux\"}}}",
        .expires_at = clock_now_ms() + 300000,
    };
}

static void queue(struct notifier *notifier, const struct push_message *message)
{
    struct db_tx *tx = store_write();
    assert_int_equal(notifier_queue_push(notifier, tx, store.arena, message), DB_OK);
    store_commit(tx);
    notify_wake(notifier);
}

static int64_t count_messages(int64_t *attempts)
{
    struct db_tx *tx = store_read();
    struct db_value *row;
    assert_int_equal(
        db_row(tx, store.arena, &row, "SELECT COUNT(*), COALESCE(MAX(attempts), 0) FROM messages", ""),
        DB_OK);
    db_end(&tx);
    if (attempts != NULL)
        *attempts = row[1].number;
    return row[0].number;
}

/* Waits, not long, until so many messages wait and the service was asked so often; the clock moves by `step_ms` meanwhile. */
static void wait_for(struct notifier *notifier, int64_t waiting, unsigned requests, int64_t step_ms)
{
    int64_t until = clock_monotonic_ns() + 10LL * 1000 * 1000 * 1000;
    while (count_messages(NULL) != waiting || atomic_load(&http_peer_count) < requests) {
        if (clock_monotonic_ns() > until)
            fail_msg("the queue does not come to %d waiting, %u requests", (int)waiting, requests);
        clock_advance(step_ms);
        notify_wake(notifier);
        usleep(2000);
    }
}

#endif
