#include "notify/mail.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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

/* The value of a header, unfolded; NULL where it is absent. */
static const char *header(const char *mail, const char *name)
{
    size_t length = strlen(name);
    const char *end = strstr(mail, "\r\n\r\n");
    assert_non_null(end);
    for (const char *line = mail; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncmp(line, name, length) != 0 || line[length] != ':')
            continue;
        const char *stop = line;
        do
            stop = strstr(stop, "\r\n") + 2;
        while (*stop == ' ');
        return arena_strndup(arena, line + length + 2, (size_t)(stop - line) - length - 4);
    }
    return NULL;
}

/* Decodes "=?UTF-8?B?…?=" words, parted by folding. */
static const char *decode_words(const char *text)
{
    char *whole = arena_alloc(arena, strlen(text) + 1);
    size_t size = 0;
    while (*text != '\0') {
        assert_memory_equal(text, "=?UTF-8?B?", 10);
        const char *end = strstr(text + 10, "?=");
        assert_true(end - text + 2 <= 75);
        struct bytes piece;
        assert_true(base64_decode(arena, text + 10, (size_t)(end - text) - 10, &piece));
        assert_true(utf8_valid((const char *)piece.data, piece.size));
        memcpy(whole + size, piece.data, piece.size);
        size += piece.size;
        text = end + 2;
        text += strspn(text, "\r\n ");
    }
    return whole;
}

static void a_mail_has_its_two_forms_and_decodes_to_what_was_written(void **state)
{
    (void)state;
    struct message message = {.channel = "email",
                              .to = "käthe@bücher.test",
                              .subject = "Second factor",
                              .text = "Hello\n.\nwörld",
                              .html = "<p>Hello</p>"};
    const char *mail = mail_compose(arena, "Acme \"Login\" <login@acme.test>", &message, 1700000000000);
    assert_non_null(mail);
    assert_string_equal(header(mail, "Date"), "Tue, 14 Nov 2023 22:13:20 +0000");
    assert_string_equal(header(mail, "To"), "<käthe@xn--bcher-kva.test>");
    assert_string_equal(header(mail, "Subject"), "Second factor");
    assert_non_null(strstr(header(mail, "From"), " <login@acme.test>"));
    assert_non_null(strstr(header(mail, "Message-ID"), "@acme.test>"));
    assert_string_equal(header(mail, "MIME-Version"), "1.0");
    const char *type = header(mail, "Content-Type");
    const char *boundary = strstr(type, "boundary=\"") + strlen("boundary=\"");
    boundary = arena_printf(arena, "--%.*s", (int)strcspn(boundary, "\""), boundary);
    const char *plain = strstr(mail, boundary);
    const char *html = strstr(plain + 1, boundary);
    assert_non_null(strstr(html + 1, arena_printf(arena, "%s--\r\n", boundary)));
    assert_non_null(strstr(
        plain, arena_printf(arena, "\r\n\r\n%s\r\n", base64_encode(arena, bytes_of_text(message.text)))));
    assert_non_null(strstr(
        html, arena_printf(arena, "\r\n\r\n%s\r\n", base64_encode(arena, bytes_of_text(message.html)))));
}

static void no_text_adds_a_header(void **state)
{
    (void)state;
    struct message message = {
        .channel = "email", .to = "a@b.test", .subject = "Hi\r\nBcc: x@evil.test\r\n\r\nbody", .text = "t"};
    const char *mail = mail_compose(arena, "login@acme.test", &message, 0);
    assert_null(header(mail, "Bcc"));
    assert_string_equal(header(mail, "Subject"), "Hi  Bcc: x@evil.test    body");

    static const char *const recipients[] = {"a@b.test\r\nBcc: c@d.test",
                                             "a@b.test, c@d.test",
                                             "<a@b.test>",
                                             "a b@b.test",
                                             "a@b@c.test",
                                             "nobody",
                                             "@b.test",
                                             "a@",
                                             ""};
    for (size_t i = 0; i < ARRAY_LENGTH(recipients); i++) {
        message.to = recipients[i];
        assert_null(mail_compose(arena, "login@acme.test", &message, 0));
    }
}

static void long_subjects_in_any_script_are_cut_between_characters(void **state)
{
    (void)state;
    struct message message = {.channel = "email", .to = "a@b.test", .text = "t"};
    static const char *const subjects[] = {
        "二段階認証の設定をお願いします。この件名はとても長いので、いくつかの語に分けて送られます。",
        "قم بإعداد العامل الثاني لتسجيل الدخول إلى حسابك في هذا الموقع الطويل الاسم جدا", "é",
        "An ASCII subject that is much longer than the sixty-six characters that fit on one line unfolded",
        "=?UTF-8?B?Zm9v?= is not mine"};
    for (size_t i = 0; i < ARRAY_LENGTH(subjects); i++) {
        message.subject = subjects[i];
        const char *mail = mail_compose(arena, "login@acme.test", &message, 0);
        assert_string_equal(decode_words(header(mail, "Subject")), subjects[i]);
    }
}

static void a_mailbox_is_read_with_and_without_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *address;
    } cases[] = {
        {"login@acme.test", NULL, "login@acme.test"},
        {"Acme <login@acme.test>", "Acme", "login@acme.test"},
        {"\"Acme, Inc.\" <login@acme.test>", "Acme, Inc.", "login@acme.test"},
        {"<login@acme.test>", NULL, "login@acme.test"},
        {"Acme <login@acme.test> x", NULL, NULL},
        {"Acme <login@acme.test", NULL, NULL},
        {"Acme", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *name;
        const char *address = mail_mailbox(arena, cases[i].text, &name);
        if (cases[i].address == NULL) {
            assert_null(address);
            continue;
        }
        assert_string_equal(address, cases[i].address);
        if (cases[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_has_its_two_forms_and_decodes_to_what_was_written),
        cmocka_unit_test(no_text_adds_a_header),
        cmocka_unit_test(long_subjects_in_any_script_are_cut_between_characters),
        cmocka_unit_test(a_mailbox_is_read_with_and_without_a_name),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
