/* The log's words for a User-Agent header. */
#include "tenant/user_agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void browsers_and_systems_have_their_familiar_names(void **state)
{
    (void)state;
    static const struct {
        const char *header, *text;
    } cases[] = {
        {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/120.0.0.0 Safari/537.36",
         "Chrome 120.0.0 / Mac OS X 10.15.7"},
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91",
         "Edge 120.0.2210 / Windows 10.0.0"},
        {"Mozilla/5.0 (Windows NT 6.1; rv:52.0) Gecko/20100101 Firefox/52.0",
         "Firefox 52.0.0 / Windows 7.0.0"},
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/17.1 Mobile/15E148 Safari/604.1",
         "Mobile Safari 17.1.0 / iOS 17.1.2"},
        {"Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/119.0.6045.66 "
         "Mobile Safari/537.36",
         "Chrome Mobile 119.0.6045 / Android 13.0.0"},
        {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 "
         "Safari/537.36",
         "Chrome 118.0.0 / Chrome OS 14541.0.0"},
        {"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
         "IE 11.0.0 / Windows 10.0.0"},
        {"curl/7.88.1", "curl 7.88.1 / Other 0.0.0"},
        {"node", "Other 0.0.0 / Other 0.0.0"},
        {"Chrome/99999999999999999999.<b>", "Chrome 0.0.0 / Other 0.0.0"},
        {"Chrome/", "Chrome 0.0.0 / Other 0.0.0"},
        {"", "Other 0.0.0 / Other 0.0.0"},
        {NULL, "Other 0.0.0 / Other 0.0.0"},
    };
    struct arena *arena = arena_create();
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_string_equal(user_agent_text(arena, cases[i].header), cases[i].text);
    arena_destroy(&arena);
}

static void phones_and_tablets_are_mobile(void **state)
{
    (void)state;
    assert_true(user_agent_is_mobile("Mozilla/5.0 (iPad; CPU OS 12_4 like Mac OS X) Safari"));
    assert_true(user_agent_is_mobile("Mozilla/5.0 (Linux; Android 13; Pixel 7) Mobile Safari/537.36"));
    assert_false(user_agent_is_mobile("Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0"));
    assert_false(user_agent_is_mobile(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsers_and_systems_have_their_familiar_names),
        cmocka_unit_test(phones_and_tablets_are_mobile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
