#include "crypto/otp.h"

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

/* RFC 4226 appendix D. */
static void hotp_gives_the_vectors_of_rfc_4226(void **state)
{
    (void)state;
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    struct bytes secret = bytes_of_text("12345678901234567890");
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
        char code[16];
        hotp(secret, OTP_SHA1, i, 6, code);
        assert_string_equal(code, codes[i]);
    }
}

/* RFC 6238 appendix B. */
static void totp_gives_the_vectors_of_rfc_6238(void **state)
{
    (void)state;
    static const char seed[] = "1234567890123456789012345678901234567890123456789012345678901234";
    static const size_t sizes[] = {[OTP_SHA1] = 20, [OTP_SHA256] = 32, [OTP_SHA512] = 64};
    static const struct {
        int64_t time;
        const char *codes[4];
    } vectors[] = {
        {59, {NULL, "94287082", "46119246", "90693936"}},
        {1111111109, {NULL, "07081804", "68084774", "25091201"}},
        {1111111111, {NULL, "14050471", "67062674", "99943326"}},
        {1234567890, {NULL, "89005924", "91819424", "93441116"}},
        {2000000000, {NULL, "69279037", "90698825", "38618901"}},
        {20000000000, {NULL, "65353130", "77737706", "47863826"}},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++)
        for (enum otp_algorithm algorithm = OTP_SHA1; algorithm <= OTP_SHA512; algorithm++) {
            struct bytes secret = {.data = (const uint8_t *)seed, .size = sizes[algorithm]};
            char code[16];
            hotp(secret, algorithm, (uint64_t)totp_step(vectors[i].time), 8, code);
            assert_string_equal(code, vectors[i].codes[algorithm]);
        }
}

static const char *code_at(struct bytes secret, int64_t now)
{
    char *code = arena_alloc(arena, 16);
    hotp(secret, OTP_SHA1, (uint64_t)totp_step(now), 6, code);
    return code;
}

static void one_step_either_side_is_accepted_and_no_more(void **state)
{
    (void)state;
    struct bytes secret = bytes_of_text("12345678901234567890");
    int64_t now = 1700000010;
    for (int steps = -4; steps <= 4; steps++) {
        int64_t step = -1;
        bool right = totp_verify(secret, code_at(secret, now + 30 * steps), now, 0, &step);
        assert_int_equal(right, steps >= -1 && steps <= 1);
        if (right)
            assert_int_equal(step, totp_step(now) + steps);
    }
}

/* A1: a step is accepted once, and no earlier one after it. */
static void a_used_step_and_those_before_it_are_refused(void **state)
{
    (void)state;
    struct bytes secret = bytes_of_text("12345678901234567890");
    int64_t now = 1700000010, step;
    assert_true(totp_verify(secret, code_at(secret, now), now, 0, &step));
    int64_t used = step;
    assert_false(totp_verify(secret, code_at(secret, now), now, used, &step));
    assert_false(totp_verify(secret, code_at(secret, now - 30), now, used, &step));
    assert_true(totp_verify(secret, code_at(secret, now + 30), now, used, &step));
}

/* A3: codes noted earlier do not come back, in whatever order they are tried. */
static void codes_of_twenty_minutes_ago_are_refused(void **state)
{
    (void)state;
    struct bytes secret = bytes_of_text("12345678901234567890");
    int64_t begin = 1700000010, step;
    for (int64_t at = 0; at <= 60; at += 30)
        assert_false(totp_verify(secret, code_at(secret, begin + at), begin + 1200, 0, &step));
}

static void what_is_no_code_is_refused(void **state)
{
    (void)state;
    struct bytes secret = bytes_of_text("12345678901234567890");
    static const char *const wrong[] = {"", "1", "12345", "1234567", "abcdef", "      "};
    int64_t step;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_false(totp_verify(secret, wrong[i], 1700000010, 0, &step));
}

/* A strict reader of the Key URI format: one colon in the label, only unreserved characters and escapes
 * elsewhere. */
static void read_strictly(const char *uri, const char **issuer, const char **account, const char **parameter)
{
    static const char begin[] = "otpauth://totp/";
    assert_memory_equal(uri, begin, sizeof begin - 1);
    const char *label = uri + sizeof begin - 1;
    const char *query = strchr(label, '?');
    assert_non_null(query);
    assert_null(strpbrk(query + 1, "?:/ "));
    const char *colon = memchr(label, ':', (size_t)(query - label));
    assert_non_null(colon);
    *issuer = percent_decode(arena, label, (size_t)(colon - label), false);
    *account = percent_decode(arena, colon + 1, (size_t)(query - colon - 1), false);
    assert_non_null(*issuer);
    assert_non_null(*account);
    assert_null(strchr(*issuer, ':'));
    assert_null(strchr(*account, ':'));
    const char *value = strstr(query, "&issuer=");
    assert_non_null(value);
    value += strlen("&issuer=");
    *parameter = percent_decode(arena, value, strcspn(value, "&"), false);
    assert_non_null(strstr(query, "secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&"));
    assert_non_null(strstr(query, "&algorithm=SHA1&digits=6&period=30"));
}

/* A2 */
static void neither_half_of_the_label_holds_a_colon(void **state)
{
    (void)state;
    static const struct {
        const char *issuer, *account, *shown_issuer, *shown_account;
    } cases[] = {
        {"Acme: Staging", "a@b.test", "Acme Staging", "a@b.test"},
        {"https://login.test:3000", "auth0|5f:1", "https //login.test 3000", "auth0|5f 1"},
        {"Bücher & Söhne?", "käthe+x@b.test", "Bücher & Söhne?", "käthe+x@b.test"},
        {":a:", "::b%3Ac", "a", "b%3Ac"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *issuer, *account, *parameter;
        const char *uri =
            otpauth_uri(arena, cases[i].issuer, cases[i].account, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
        read_strictly(uri, &issuer, &account, &parameter);
        assert_string_equal(issuer, cases[i].shown_issuer);
        assert_string_equal(account, cases[i].shown_account);
        assert_string_equal(parameter, issuer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hotp_gives_the_vectors_of_rfc_4226),
        cmocka_unit_test(totp_gives_the_vectors_of_rfc_6238),
        cmocka_unit_test(one_step_either_side_is_accepted_and_no_more),
        cmocka_unit_test(a_used_step_and_those_before_it_are_refused),
        cmocka_unit_test(codes_of_twenty_minutes_ago_are_refused),
        cmocka_unit_test(what_is_no_code_is_refused),
        cmocka_unit_test(neither_half_of_the_label_holds_a_colon),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
