/* The queue of mails: delivered, tried again, given up, and never twice, with several servers on one store. */
#include "notify/notifier.h"

#include "../store/fixture.h"
#include "base/clock.h"

#include "peer.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };

static struct keyring *keyring;
static _Atomic(const char *) answer_to_recipient;

static void serve_smtp(struct peer *peer, FILE *in, FILE *out)
{
    char line[4096];
    bool is_in_mail = false;
    fprintf(out, "220 peer.test ESMTP\r\n");
    while (fflush(out) == 0 && peer_line(in, line, sizeof line)) {
        if (is_in_mail && strcmp(line, ".") != 0)
            continue;
        if (strncmp(line, "RCPT TO", 7) == 0) {
            peer_hear(peer, line);
            fprintf(out, "%s\r\n", (const char *)answer_to_recipient);
        } else {
            fprintf(out, strcmp(line, "DATA") == 0 ? "354 go on\r\n" : "250 ok\r\n");
        }
        is_in_mail = !is_in_mail && strcmp(line, "DATA") == 0;
        if (strcmp(line, "QUIT") == 0)
            break;
    }
    fflush(out);
}

static int set_up(void **state)
{
    store_set_up(state);
    const char *error;
    keyring = keyring_parse(store.arena, keyring_new_line(store.arena), &error);
    return 0;
}

static int tear_down(void **state)
{
    keyring_free(&keyring);
    return store_tear_down(state);
}

#define queue_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static struct notifier *start(const struct peer *peer)
{
    return notifier_start(store.db, keyring, NULL,
                          &(struct notifier_config){
                              .smtp_url = arena_printf(store.arena, "smtp://127.0.0.1:%u", peer->port),
                              .mail_from = "login@acme.test",
                          });
}

static void queue_mail(struct notifier *notifier, const char *to)
{
    struct message mail = {
        .channel = "email", .to = to, .subject = "Link", .text = "https://login.test/secret-link"};
    struct db_tx *tx = store_write();
    assert_int_equal(notify_queue(notifier, tx, store.arena, &mail), DB_OK);
    store_commit(tx);
    notify_wake(notifier);
}

static int64_t count_waiting(int64_t *attempts)
{
    struct db_tx *tx = store_read();
    struct db_value *row;
    assert_int_equal(
        db_row(tx, store.arena, &row, "SELECT COUNT(*), COALESCE(MAX(attempts), 0) FROM messages", ""),
        DB_OK);
    db_end(&tx);
    *attempts = row[1].number;
    return row[0].number;
}

/* Waits, not long, until so many messages wait and have been tried so often; the clock moves on by `step_ms` meanwhile. */
static void wait_for(struct notifier *notifier, int64_t waiting, int64_t least_attempts, int64_t step_ms)
{
    int64_t attempts = 0, until = clock_monotonic_ns() + 10LL * 1000 * 1000 * 1000;
    while (count_waiting(&attempts) != waiting || attempts < least_attempts) {
        if (clock_monotonic_ns() > until)
            fail_msg("the queue does not come to %d waiting, %d attempts", (int)waiting, (int)least_attempts);
        clock_advance(step_ms);
        notify_wake(notifier);
        usleep(2000);
    }
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

static void a_mail_is_sealed_until_it_leaves_be_it_by_the_next_server(void **state)
{
    (void)state;
    answer_to_recipient = "450 later";
    struct peer *peer = peer_start(serve_smtp);
    struct notifier *notifier = start(peer);
    queue_mail(notifier, "ada@example.test");
    wait_for(notifier, 1, 1, 0);
    struct db_tx *tx = store_read();
    struct db_value *row;
    assert_int_equal(db_row(tx, store.arena, &row, "SELECT sealed FROM messages", ""), DB_OK);
    db_end(&tx);
    assert_null(strstr(row[0].text, "secret-link"));
    notifier_stop(&notifier); /* ends what it has begun */
    answer_to_recipient = "250 ok";
    notifier = start(peer);
    wait_for(notifier, 0, 0, 5 * SECOND_MS);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_int_equal(count_of(peer->heard, "ada@example.test"), 2);
    free(peer);
}

static void a_message_is_tried_for_a_day_and_then_given_up(void **state)
{
    (void)state;
    answer_to_recipient = "450 later";
    struct peer *peer = peer_start(serve_smtp);
    struct notifier *notifier = start(peer);
    queue_mail(notifier, "ada@example.test");
    int64_t begin = clock_now_ms();
    wait_for(notifier, 0, 0, 4 * MINUTE_MS);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_true(clock_now_ms() - begin > 22 * HOUR_MS);
    /* After 30 s, 1, 2, 4 … minutes, and then every hour. */
    size_t tries = count_of(peer->heard, "ada@example.test");
    assert_true(tries > 20 && tries < 40);
    free(peer);
}

static void a_lasting_no_ends_it_at_once(void **state)
{
    (void)state;
    answer_to_recipient = "550 no such person";
    struct peer *peer = peer_start(serve_smtp);
    struct notifier *notifier = start(peer);
    queue_mail(notifier, "nobody@example.test");
    wait_for(notifier, 0, 0, 0);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_int_equal(count_of(peer->heard, "nobody@example.test"), 1);
    free(peer);
}

static void of_several_servers_one_sends_each_message(void **state)
{
    (void)state;
    enum { SERVERS = 3, MAILS = 40 };
    answer_to_recipient = "250 ok";
    struct peer *peer = peer_start(serve_smtp);
    struct notifier *notifiers[SERVERS];
    for (int i = 0; i < SERVERS; i++)
        notifiers[i] = start(peer);
    for (int i = 0; i < MAILS; i++)
        queue_mail(notifiers[i % SERVERS], arena_printf(store.arena, "person-%02d@example.test", i));
    for (int i = 0; i < SERVERS; i++)
        wait_for(notifiers[i], 0, 0, 0);
    for (int i = 0; i < SERVERS; i++)
        notifier_stop(&notifiers[i]);
    peer_end(peer);
    for (int i = 0; i < MAILS; i++)
        assert_int_equal(count_of(peer->heard, arena_printf(store.arena, "<person-%02d@example.test>", i)),
                         1);
    free(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        queue_test(a_mail_is_sealed_until_it_leaves_be_it_by_the_next_server),
        queue_test(a_message_is_tried_for_a_day_and_then_given_up),
        queue_test(a_lasting_no_ends_it_at_once),
        queue_test(of_several_servers_one_sends_each_message),
    };
    return STORE_RUN_TESTS(tests);
}
