/* What src/page/embed.py makes of web/login at build time. */
#ifndef COUNTERSIGN_PAGE_SOURCES_H
#define COUNTERSIGN_PAGE_SOURCES_H

#include "page/page.h"

struct page_source {
    const char *name; /* sorted by strcmp */
    const char *text;
};
extern const struct page_source page_sources[];
extern const size_t page_sources_count;

struct page_phrase {
    const char *screen; /* sorted by screen, then key */
    const char *key;
    const char *text;
};
struct page_phrasebook {
    const char *language;
    const struct page_phrase *phrases;
    size_t count;
};
/* One a language, in the order of page_languages; English first. */
extern const struct page_phrasebook page_phrasebooks[];

extern const struct page_asset page_assets[];
extern const size_t page_assets_count;

/* The text of screen.key in the language of that index, else of "common", else English; NULL where nobody has it. */
const char *page_phrase_find(size_t language, const char *screen, const char *key) NODISCARD;

/* The index of `language` in page_languages; English's where it is unknown. */
size_t page_language_index(const char *language) NODISCARD;

#endif
