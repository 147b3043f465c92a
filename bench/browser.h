/* A small browser for load: keep-alive, cookies, forms; it does not follow redirects by itself. One a thread.
 */
#ifndef COUNTERSIGN_BENCH_BROWSER_H
#define COUNTERSIGN_BENCH_BROWSER_H

#include "base/arena.h"

struct browser;

struct page {
    long status;
    const char *body;
    const char *location; /* absolute, or NULL */
    const char *hidden;   /* the page's hidden fields, urlencoded */
};

struct browser *browser_create(void);
void browser_free(struct browser **browser);
/* Forgets cookies, keeps connections. */
void browser_forget(struct browser *browser);

/* Takes over the cookies of another, which nobody uses meanwhile; callable from several threads at once. */
void browser_share(struct browser *browser, struct browser *other);

/* GET (form NULL) or POST; what comes back lives in the arena. A transport error ends the program. */
void browser_visit(struct browser *browser, struct arena *arena, const char *url, const char *form,
                   struct page *page);
/* The same, following redirects as long as they stay below `base`. */
void browser_follow(struct browser *browser, struct arena *arena, const char *base, const char *url,
                    const char *form, struct page *page);

#endif
