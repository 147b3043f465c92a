#include "base/compiler.h"
#include "page/sources.h"

#include <string.h>
#include <strings.h>

/* The index of the language of a tag such as "fr-CA", by its first subtag alone; -1 where there are no pages in it. */
static int index_of_tag(const char *tag, size_t length)
{
    size_t primary = strcspn(tag, "-_");
    if (primary > length)
        primary = length;
    for (size_t i = 0; i < page_languages_count; i++) {
        if (strlen(page_languages[i]) == primary && strncasecmp(page_languages[i], tag, primary) == 0)
            return (int)i;
    }
    return -1;
}

/* The weight of an Accept-Language item in thousandths (RFC 9110 section 12.4.2), from what follows its first ';'. */
static int weight_of(const char *parameters, const char *end)
{
    for (const char *p = parameters; p < end; p++) {
        if ((*p != 'q' && *p != 'Q') || end - p < 3 || p[1] != '=')
            continue;
        p += 2;
        int weight = *p == '1' ? 1000 : 0;
        int place = 100;
        if (p + 1 < end && p[1] == '.') {
            for (p += 2; p < end && *p >= '0' && *p <= '9' && place > 0; p++, place /= 10)
                weight += (*p - '0') * place;
        }
        return weight > 1000 ? 1000 : weight;
    }
    return 1000;
}

static int best_accepted(const char *header)
{
    int best = -1;
    int best_weight = 0;
    while (*header != '\0') {
        size_t length = strcspn(header, ",");
        const char *end = header + length;
        const char *tag = header + strspn(header, " \t");
        if (tag < end) {
            size_t tag_length = strcspn(tag, ";, \t");
            int weight = weight_of(tag + tag_length, end);
            int found = index_of_tag(tag, tag_length);
            if (found >= 0 && weight > best_weight) {
                best = found;
                best_weight = weight;
            }
        }
        header = *end == ',' ? end + 1 : end;
    }
    return best;
}

const char *page_language(const char *ui_locales, const char *accept_language)
{
    for (const char *p = ui_locales; p != NULL && *p != '\0';) {
        p += strspn(p, " ");
        size_t length = strcspn(p, " ");
        int found = length > 0 ? index_of_tag(p, length) : -1;
        if (found >= 0)
            return page_languages[found];
        p += length;
    }
    int found = accept_language != NULL ? best_accepted(accept_language) : -1;
    return found >= 0 ? page_languages[found] : page_languages[0];
}

size_t page_language_index(const char *language)
{
    int found = language != NULL ? index_of_tag(language, strlen(language)) : -1;
    return found >= 0 ? (size_t)found : 0;
}

static const char *phrase_in(const struct page_phrasebook *book, const char *screen, const char *key)
{
    size_t low = 0;
    size_t high = book->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct page_phrase *phrase = &book->phrases[middle];
        int order = strcmp(screen, phrase->screen);
        if (order == 0)
            order = strcmp(key, phrase->key);
        if (order == 0)
            return phrase->text;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *page_phrase_find(size_t language, const char *screen, const char *key)
{
    const size_t books[] = {language, 0};
    for (size_t i = 0; i < ARRAY_LENGTH(books); i++) {
        const char *text = phrase_in(&page_phrasebooks[books[i]], screen, key);
        if (text == NULL)
            text = phrase_in(&page_phrasebooks[books[i]], "common", key);
        if (text != NULL)
            return text;
    }
    return NULL;
}

const char *page_text(const char *language, const char *screen, const char *key)
{
    const char *text = page_phrase_find(page_language_index(language), screen, key);
    return text != NULL ? text : key;
}

const struct page_asset *page_asset(const char *name)
{
    for (size_t i = 0; i < page_assets_count; i++) {
        if (strcmp(page_assets[i].name, name) == 0)
            return &page_assets[i];
    }
    return NULL;
}
