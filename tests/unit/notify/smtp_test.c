#include "notify/notifier.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "peer.h"

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

/* What the server answers to RCPT, and to the whole mail. */
static const char *answer_to_recipient, *answer_to_mail;

/* A server of RFC 5321 with AUTH PLAIN for user "u", password "p": it takes one mail a connection. */
static void serve_smtp(struct peer *peer, FILE *in, FILE *out)
{
    char line[4096];
    bool is_in_mail = false;
    fprintf(out, "220 peer.test ESMTP\r\n");
    while (fflush(out) == 0 && peer_line(in, line, sizeof line)) {
        peer_hear(peer, line);
        if (is_in_mail && strcmp(line, ".") != 0)
            continue;
        if (is_in_mail)
            fprintf(out, "%s\r\n", answer_to_mail);
        else if (strncmp(line, "EHLO", 4) == 0)
            fprintf(out, "250-peer.test\r\n250-SMTPUTF8\r\n250 AUTH PLAIN\r\n");
        else if (strcmp(line, "AUTH PLAIN") == 0)
            fprintf(out, "334 \r\n");
        else if (strcmp(line, "AHUAcA==") == 0)
            fprintf(out, "235 ok\r\n");
        else if (strncmp(line, "MAIL FROM", 9) == 0)
            fprintf(out, "250 ok\r\n");
        else if (strncmp(line, "RCPT TO", 7) == 0)
            fprintf(out, "%s\r\n", answer_to_recipient);
        else if (strcmp(line, "DATA") == 0)
            fprintf(out, "354 go on\r\n");
        else if (strcmp(line, "QUIT") != 0)
            fprintf(out, "535 no\r\n");
        else
            fprintf(out, "221 bye\r\n");
        is_in_mail = !is_in_mail && strcmp(line, "DATA") == 0;
        if (strcmp(line, "QUIT") == 0)
            break;
    }
    fflush(out);
}

static const struct message mail = {.channel = "email",
                                    .to = "ada@example.test",
                                    .subject = "Your link",
                                    .text = ".hidden\nsecond",
                                    .html = "<p>Hi</p>"};

static enum notify_result send_to(struct peer *peer, const char *login, const struct message *message,
                                  const char **reason)
{
    struct notifier notifier = {
        .config = {.smtp_url = arena_printf(arena, "smtp://%s127.0.0.1:%u", login, peer->port),
                   .mail_from = "Acme <login@acme.test>"},
    };
    return smtp_channel.send(&notifier, arena, NULL, message, reason);
}

static void a_mail_arrives_as_it_was_composed(void **state)
{
    (void)state;
    answer_to_recipient = answer_to_mail = "250 ok";
    struct peer *peer = peer_start(serve_smtp);
    const char *reason = NULL;
    assert_int_equal(send_to(peer, "u:p@", &mail, &reason), NOTIFY_SENT);
    peer_end(peer);
    assert_non_null(strstr(peer->heard, "AUTH PLAIN"));
    assert_non_null(strstr(peer->heard, "\nMAIL FROM:<login@acme.test>"));
    assert_non_null(strstr(peer->heard, "\nRCPT TO:<ada@example.test>\n"));
    assert_non_null(strstr(peer->heard, "\nFrom: \"Acme\" <login@acme.test>\n"));
    assert_non_null(strstr(peer->heard, "\nSubject: Your link\n"));
    assert_non_null(
        strstr(peer->heard, arena_printf(arena, "\n%s\n", base64_encode(arena, bytes_of_text(mail.text)))));
    assert_non_null(
        strstr(peer->heard, arena_printf(arena, "\n%s\n", base64_encode(arena, bytes_of_text(mail.html)))));
    assert_non_null(strstr(peer->heard, "\n.\n"));
    free(peer);
}

static void a_lasting_no_is_told_from_a_passing_one(void **state)
{
    (void)state;
    static const struct {
        const char *login, *recipient, *mail;
        enum notify_result result;
    } cases[] = {
        {"", "550 no such person", "250 ok", NOTIFY_REFUSED}, {"", "450 greylisted", "250 ok", NOTIFY_FAILED},
        {"", "250 ok", "554 spam", NOTIFY_REFUSED},           {"", "250 ok", "451 disk full", NOTIFY_FAILED},
        {"u:wrong@", "250 ok", "250 ok", NOTIFY_FAILED}, /* the operator's to mend: the mail waits */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        answer_to_recipient = cases[i].recipient;
        answer_to_mail = cases[i].mail;
        struct peer *peer = peer_start(serve_smtp);
        const char *reason = NULL;
        assert_int_equal(send_to(peer, cases[i].login, &mail, &reason), cases[i].result);
        assert_non_null(reason);
        peer_end(peer);
        free(peer);
    }
}

static void nothing_is_sent_to_what_is_no_address(void **state)
{
    (void)state;
    struct peer *peer = peer_start(serve_smtp);
    struct message message = mail;
    message.to = "ada@example.test>\r\nRCPT TO:<eve@example.test";
    const char *reason = NULL;
    assert_int_equal(send_to(peer, "", &message, &reason), NOTIFY_REFUSED);
    peer_end(peer);
    assert_int_equal(peer->connections, 0);
    free(peer);
}

static void a_password_is_not_sent_in_the_clear_to_another_machine(void **state)
{
    (void)state;
    /* 0.0.0.0 reaches the peer too, without being this machine by name. */
    struct peer *peer = peer_start(serve_smtp);
    struct notifier notifier = {
        .config = {.smtp_url = arena_printf(arena, "smtp://u:p@0.0.0.0:%u", peer->port),
                   .mail_from = "login@acme.test"},
    };
    const char *reason = NULL;
    assert_int_equal(smtp_channel.send(&notifier, arena, NULL, &mail, &reason), NOTIFY_FAILED);
    peer_end(peer);
    assert_null(strstr(peer->heard, "AUTH"));
    free(peer);
}

static void without_a_server_there_is_a_reason(void **state)
{
    (void)state;
    struct notifier notifier = {0};
    const char *reason = NULL;
    assert_int_equal(smtp_channel.send(&notifier, arena, NULL, &mail, &reason), NOTIFY_NOT_CONFIGURED);
    assert_non_null(reason);
    notifier.config =
        (struct notifier_config){.smtp_url = "smtp://127.0.0.1:1", .mail_from = "login@acme.test"};
    assert_int_equal(smtp_channel.send(&notifier, arena, NULL, &mail, &reason), NOTIFY_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_arrives_as_it_was_composed),
        cmocka_unit_test(a_lasting_no_is_told_from_a_passing_one),
        cmocka_unit_test(nothing_is_sent_to_what_is_no_address),
        cmocka_unit_test(a_password_is_not_sent_in_the_clear_to_another_machine),
        cmocka_unit_test(without_a_server_there_is_a_reason),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
