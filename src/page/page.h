/*
 * Pages: logic-less templates (a mustache subset that escapes by default), compiled at start from web/login, with texts in
 * the reader's language.
 *
 *   {{name}}       the variable, escaped          {{{name}}}  raw, for what a template itself made (a QR code's SVG)
 *   {{#name}}…{{/name}}  for each item of a list, or once where true / an object; {{^name}}…{{/name}} where empty or false
 *   {{>partial}}   another template               {{t.key}}   a text of the page's language, with ${variables} filled in
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

/* The text of `screen`.`key` ("mfa-sms-challenge", "description") in that language, ${…} still in it; English as a last
 * resort, the key itself where even that lacks. */
const char *page_text(const char *language, const char *screen, const char *key) NODISCARD;

/*
 * Renders the template `name` ("login-id") into a whole HTML page; `variables` is an object. Texts of the screen are there
 * as t.KEY. Never NULL: a template that does not exist ends the process at start, not here.
 */
const char *page_render(struct arena *arena, const char *name, const char *language, yyjson_mut_val *variables) NODISCARD;

/* A QR code as an SVG element of modules, dark on light whatever the page's colours; NULL where `text` is too long. */
const char *qr_svg(struct arena *arena, const char *text) NODISCARD;

#endif
