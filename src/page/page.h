/*
 * Pages: logic-less templates (a mustache subset that escapes by default), compiled once, from web/login, with texts in
 * the reader's language. Templates, texts and the stylesheet are part of the binary.
 *
 *   {{name}}       the variable, escaped          {{{name}}}  raw, for what the server itself made (a QR code's SVG)
 *   {{#name}}…{{/name}}  for each item of a list, or once where true / an object / a text that is not empty;
 *   {{^name}}…{{/name}}  where it is absent, null, false, "" or []
 *   {{>partial}}   another template
 *   {{t.key}}      a text of the screen in the page's language, else of the screen "common"; ${variables} filled in
 *   {{t.before$name+after}}  the text whose key is "before", the value of the variable `name`, "after"; either may be left
 *                  out: {{t.$error}}, {{t.$status+Title}}
 *   {{groups.name}}  the variable in groups of four characters, each a <span>: a key that is read, and copied without gaps
 *   {{asset.login.css}}  the address of a file of web/login/assets, its hash in it
 *   {{page.language}} {{page.direction}}  "ar", "rtl"
 *
 * Names may be dotted; a name is looked up in the innermost section's item first, "." is the item itself. Templates whose
 * name ends in ".txt" are plain text: nothing is escaped in them.
 */
#ifndef COUNTERSIGN_PAGE_PAGE_H
#define COUNTERSIGN_PAGE_PAGE_H

#include "base/arena.h"
#include "json/json.h"

/* Languages that pages exist in: en es fr de ja ar. */
extern const char *const page_languages[];
extern const size_t page_languages_count;

/* The best of ui_locales (space-separated, may be NULL) and Accept-Language (may be NULL); "en" where none fits. */
const char *page_language(const char *ui_locales, const char *accept_language) NODISCARD;

/* The text of `screen`.`key` ("mfa-sms-challenge", "description") in that language, ${…} still in it; else of the screen
 * "common", else in English, and the key itself where even that lacks. */
const char *page_text(const char *language, const char *screen, const char *key) NODISCARD;

/* The same with ${…} filled in from `variables` (an object; NULL: none), not escaped: for subjects of mails. */
const char *page_text_filled(struct arena *arena, const char *language, const char *screen, const char *key,
                             yyjson_mut_val *variables) NODISCARD;

/* Compiles all templates; a fault in one ends the process with a sentence. Called at start; page_render does it else. */
void page_compile_all(void);

/*
 * Renders the template `name` ("login-id") into a whole HTML page; `variables` is an object. Texts of the screen are there
 * as t.KEY. Never NULL: a name that does not exist ends the process (names are constants of the code, and tests render all).
 */
const char *page_render(struct arena *arena, const char *name, const char *language,
                        yyjson_mut_val *variables) NODISCARD;

/* A QR code as an SVG element of modules, dark on light whatever the page's colours; NULL where `text` is too long. */
const char *qr_svg(struct arena *arena, const char *text) NODISCARD;

/* A file that pages refer to. Its name holds a hash of its content, so it never changes. */
struct page_asset {
    const char *source; /* "login.css" */
    const char *name;   /* "login.0123456789abcdef.css" */
    const char *type;
    const uint8_t *content;
    size_t size;
    const uint8_t *gzip;
    size_t gzip_size;
};
/* The asset of that (hashed) name, or NULL. Served under /u/assets/. */
const struct page_asset *page_asset(const char *name) NODISCARD;

/* The names of all templates, NULL-ended; for tests that render each. */
const char *const *page_names(void) NODISCARD;

#endif
