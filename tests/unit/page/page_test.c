#include "page/page.h"
#include "page/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static yyjson_mut_val *object_of(struct arena *arena, const char *json)
{
    yyjson_doc *doc = yyjson_read(json, strlen(json), 0);
    assert_non_null(doc);
    yyjson_mut_doc *copy = yyjson_doc_mut_copy(doc, NULL);
    yyjson_doc_free(doc);
    arena_on_destroy(arena, (void (*)(void *))yyjson_mut_doc_free, copy);
    return yyjson_mut_doc_get_root(copy);
}

static void chooses_the_first_ui_locale_that_it_has(void **state)
{
    (void)state;
    assert_string_equal(page_language("fr-CA en", "de"), "fr");
    assert_string_equal(page_language("xx tlh  ar-EG", "de"), "ar");
    assert_string_equal(page_language("ES_419", NULL), "es");
    assert_string_equal(page_language("xx", "de-AT"), "de");
    assert_string_equal(page_language("", ""), "en");
}

static void weighs_accept_language(void **state)
{
    (void)state;
    assert_string_equal(page_language(NULL, "da, fr;q=0.8, ja;q=0.9"), "ja");
    assert_string_equal(page_language(NULL, "de;q=0, es;q=0.1"), "es");
    assert_string_equal(page_language(NULL, "de ; q=0.5 ,ar;q=0.501"), "ar");
    assert_string_equal(page_language(NULL, "*"), "en");
    assert_string_equal(page_language(NULL, "de;q=abc"), "en");
    assert_string_equal(page_language(NULL, ",,;q=1,"), "en");
    assert_string_equal(page_language(NULL, "germany"), "en");
}

static void escapes_what_it_is_told(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    yyjson_mut_val *variables = object_of(
        arena, "{\"username\":\"\\\"><script>alert(1)</script>\",\"clientName\":\"<b>&'\",\"state\":\"s\"}");
    const char *html = page_render(arena, "login-id", "en", variables);
    assert_null(strstr(html, "<script"));
    assert_non_null(strstr(html, "value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""));
    assert_non_null(strstr(html, "<title>Log in | &lt;b&gt;&amp;&#39;</title>"));
    arena_destroy(&arena);
}

static void repeats_sections_for_each_item(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    yyjson_mut_val *variables = object_of(
        arena, "{\"state\":\"s\",\"factors\":[{\"action\":\"sms\",\"name\":\"SMS\",\"detail\":\"XX67\"},"
               "{\"action\":\"otp\",\"name\":\"OTP\"}]}");
    const char *html = page_render(arena, "mfa-login-options", "en", variables);
    const char *first = strstr(html, "value=\"sms\"");
    const char *second = strstr(html, "value=\"otp\"");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < second);
    assert_non_null(strstr(first, "XX67"));
    assert_null(strstr(second, "XX67"));
    assert_non_null(strstr(second, "Authenticator app"));
    arena_destroy(&arena);
}

static void groups_keys_in_fours(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    const char *html = page_render(arena, "mfa-recovery-code-enrollment", "en",
                                   object_of(arena, "{\"textCode\":\"ABCD1234XY\"}"));
    assert_non_null(strstr(html, "<span>ABCD</span><span>1234</span><span>XY</span>"));
    arena_destroy(&arena);
}

static void shows_an_error_beside_the_field(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    const char *html =
        page_render(arena, "mfa-otp-challenge", "en", object_of(arena, "{\"error\":\"invalid-code\"}"));
    assert_non_null(strstr(html, "aria-invalid=\"true\" aria-describedby=\"error\""));
    assert_non_null(strstr(html, "role=\"alert\""));
    assert_non_null(strstr(html, "<title>Error: "));
    html = page_render(arena, "mfa-otp-challenge", "en", object_of(arena, "{}"));
    assert_null(strstr(html, "aria-invalid"));
    assert_null(strstr(html, "role=\"alert\""));
    arena_destroy(&arena);
}

static void renders_every_page_in_every_language(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    size_t pages = 0;
    for (const char *const *name = page_names(); *name != NULL; name++, pages++) {
        for (size_t i = 0; i < page_languages_count; i++) {
            const char *page =
                page_render(arena, *name, page_languages[i], object_of(arena, "{\"clientName\":\"App\"}"));
            assert_null(strstr(page, "{{"));
            assert_null(strstr(page, "${"));
        }
    }
    assert_true(pages > 30);
    arena_destroy(&arena);
}

/* The ${names} of a text, one after the other, so that two texts can be compared by them. */
static const char *names_in(struct arena *arena, const char *text)
{
    char *names = arena_alloc(arena, strlen(text) + 1);
    size_t length = 0;
    for (const char *p = strstr(text, "${"); p != NULL; p = strstr(p + 1, "${")) {
        size_t size = strcspn(p, "}") + 1;
        memcpy(names + length, p, size);
        length += size;
    }
    return names;
}

static bool has_all_of(struct arena *arena, const char *names, const char *others)
{
    for (const char *p = others; *p != '\0';) {
        size_t size = strcspn(p, "}") + 1;
        if (strstr(names, arena_strndup(arena, p, size)) == NULL)
            return false;
        p += size;
    }
    return true;
}

static void has_every_text_in_every_language(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    const struct page_phrasebook *english = &page_phrasebooks[0];
    for (size_t i = 1; i < page_languages_count; i++) {
        const struct page_phrasebook *book = &page_phrasebooks[i];
        for (size_t j = 0; j < english->count; j++) {
            const struct page_phrase *phrase = &english->phrases[j];
            if (j >= book->count || strcmp(book->phrases[j].screen, phrase->screen) != 0 ||
                strcmp(book->phrases[j].key, phrase->key) != 0)
                fail_msg("%s lacks %s.%s, or has a text before it that English lacks", book->language,
                         phrase->screen, phrase->key);
            const char *a = names_in(arena, phrase->text);
            const char *b = names_in(arena, book->phrases[j].text);
            if (!has_all_of(arena, a, b) || !has_all_of(arena, b, a))
                fail_msg("%s: %s.%s has other variables than in English", book->language, phrase->screen,
                         phrase->key);
        }
        assert_int_equal(book->count, english->count);
    }
    arena_destroy(&arena);
}

static void writes_arabic_from_right_to_left(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    assert_non_null(strstr(page_render(arena, "login-id", "ar", object_of(arena, "{}")),
                           "<html lang=\"ar\" dir=\"rtl\">"));
    assert_non_null(strstr(page_render(arena, "login-id", "de", object_of(arena, "{}")),
                           "<html lang=\"de\" dir=\"ltr\">"));
    arena_destroy(&arena);
}

static void refers_to_assets_by_their_hash(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    const char *html = page_render(arena, "login-id", "en", object_of(arena, "{}"));
    const char *address = strstr(html, "/u/assets/login.");
    assert_non_null(address);
    const char *name =
        arena_strndup(arena, address + strlen("/u/assets/"), strcspn(address, "\"") - strlen("/u/assets/"));
    const struct page_asset *asset = page_asset(name);
    assert_non_null(asset);
    assert_string_equal(asset->type, "text/css");
    assert_true(asset->gzip_size > 0 && asset->gzip_size < asset->size);
    assert_null(page_asset("login.css"));
    arena_destroy(&arena);
}

static void draws_qr_codes_dark_on_light_with_a_quiet_zone(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    const char *svg = qr_svg(arena, "otpauth://totp/Acme:a%40b.test?secret=JBSWY3DPEHPK3PXP&issuer=Acme");
    assert_non_null(svg);
    assert_non_null(strstr(svg, "fill=\"#fff\""));
    assert_non_null(strstr(svg, "fill=\"#000\" d=\"M4 4h7v1h-7z"));
    char *long_text = arena_alloc(arena, 5000);
    memset(long_text, 'a', 4999);
    assert_null(qr_svg(arena, long_text));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_the_first_ui_locale_that_it_has),
        cmocka_unit_test(weighs_accept_language),
        cmocka_unit_test(escapes_what_it_is_told),
        cmocka_unit_test(repeats_sections_for_each_item),
        cmocka_unit_test(groups_keys_in_fours),
        cmocka_unit_test(shows_an_error_beside_the_field),
        cmocka_unit_test(renders_every_page_in_every_language),
        cmocka_unit_test(has_every_text_in_every_language),
        cmocka_unit_test(writes_arabic_from_right_to_left),
        cmocka_unit_test(refers_to_assets_by_their_hash),
        cmocka_unit_test(draws_qr_codes_dark_on_light_with_a_quiet_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
