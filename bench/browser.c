#include "bench/browser.h"

#include "base/buffer.h"
#include "base/encode.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_PAGE = 1024 * 1024, MOST_REDIRECTS = 12 };

struct browser {
    CURL *curl;
};

struct browser *browser_create(void)
{
    struct browser *browser = calloc(1, sizeof *browser);
    browser->curl = curl_easy_init();
    curl_easy_setopt(browser->curl, CURLOPT_COOKIEFILE, "");
    curl_easy_setopt(browser->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(browser->curl, CURLOPT_TIMEOUT, 60L);
    return browser;
}

void browser_free(struct browser **browser)
{
    curl_easy_cleanup((*browser)->curl);
    free(*browser);
    *browser = NULL;
}

void browser_forget(struct browser *browser)
{
    curl_easy_setopt(browser->curl, CURLOPT_COOKIELIST, "ALL");
}

void browser_share(struct browser *browser, struct browser *other)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct curl_slist *cookies = NULL;
    pthread_mutex_lock(&lock);
    curl_easy_getinfo(other->curl, CURLINFO_COOKIELIST, &cookies);
    pthread_mutex_unlock(&lock);
    for (const struct curl_slist *cookie = cookies; cookie != NULL; cookie = cookie->next)
        curl_easy_setopt(browser->curl, CURLOPT_COOKIELIST, cookie->data);
    curl_slist_free_all(cookies);
}

static size_t gather(char *data, size_t size, size_t count, void *buffer)
{
    buffer_add_bytes(buffer, data, size * count);
    return size * count;
}

/* The value of attribute `name` within the tag that ends at `end`; NULL where it has none. */
static char *attribute(struct arena *arena, const char *tag, const char *end, const char *name)
{
    char *wanted = arena_printf(arena, " %s=\"", name);
    const char *found = strstr(tag, wanted);
    if (found == NULL || found > end)
        return NULL;
    found += strlen(wanted);
    return arena_strndup(arena, found, strcspn(found, "\""));
}

static const char *hidden_fields(struct arena *arena, const char *html)
{
    struct buffer form = buffer_create(arena, LARGEST_PAGE);
    for (const char *tag = html; (tag = strstr(tag, "<input ")) != NULL; tag++) {
        const char *end = strchr(tag, '>');
        if (end == NULL)
            break;
        const char *type = attribute(arena, tag, end, "type");
        const char *name = attribute(arena, tag, end, "name");
        const char *value = attribute(arena, tag, end, "value");
        if (type != NULL && strcmp(type, "hidden") == 0 && name != NULL && value != NULL)
            buffer_printf(&form, "%s=%s&", name, percent_encode(arena, value));
    }
    return buffer_text(&form);
}

void browser_visit(struct browser *browser, struct arena *arena, const char *url, const char *form,
                   struct page *page)
{
    CURL *curl = browser->curl;
    struct buffer body = buffer_create(arena, LARGEST_PAGE);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, gather);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    if (form == NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
    }
    CURLcode result = curl_easy_perform(curl);
    if (result != CURLE_OK) {
        fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(result));
        exit(1);
    }
    char *location = NULL;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &page->status);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
    page->location = arena_strdup(arena, location);
    page->body = buffer_text(&body);
    page->hidden = hidden_fields(arena, page->body);
}

void browser_follow(struct browser *browser, struct arena *arena, const char *base, const char *url,
                    const char *form, struct page *page)
{
    browser_visit(browser, arena, url, form, page);
    for (int hops = 0; hops < MOST_REDIRECTS && page->location != NULL; hops++) {
        if (strncmp(page->location, base, strlen(base)) != 0)
            return;
        const char *next = page->location;
        browser_visit(browser, arena, next, NULL, page);
    }
}
