#include "http/home.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

static const char *const paths[] = {"/api/v2/",        "/oauth/",        "/userinfo", "/.well-known/",
                                    "/dbconnections/", "/passwordless/", "/mfa/"};

static bool is_served(const char *path)
{
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
        if (strncmp(path, paths[i], strlen(paths[i])) == 0)
            return true;
    return false;
}

/* Whether they name the host of the issuer, whose port may be left out where it is the scheme's. */
static bool is_home(const char *home, const char *host, const char *port, const char *scheme)
{
    const char *usual = strcmp(scheme, "https") == 0 ? "443" : "80";
    size_t length = strlen(host);
    if (strncasecmp(home, host, length) != 0)
        return false;
    return home[length] == '\0' ? strcmp(port, usual) == 0
                                : home[length] == ':' && strcmp(home + length + 1, port) == 0;
}

const char *home_address(struct arena *arena, const struct http_home *home, const char *url)
{
    static const CURLUPart wanted[] = {CURLUPART_HOST, CURLUPART_PORT, CURLUPART_SCHEME, CURLUPART_PATH};
    CURLU *parts = home->host != NULL && home->listen != NULL ? curl_url() : NULL;
    if (parts == NULL)
        return NULL;
    char *asked[ARRAY_LENGTH(wanted)] = {NULL};
    char *own = NULL;
    bool is_fine = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;
    for (size_t i = 0; i < ARRAY_LENGTH(wanted) && is_fine; i++)
        is_fine = curl_url_get(parts, wanted[i], &asked[i], CURLU_DEFAULT_PORT) == CURLUE_OK;
    is_fine = is_fine && is_home(home->host, asked[0], asked[1], asked[2]) && is_served(asked[3]) &&
              curl_url_set(parts, CURLUPART_SCHEME, home->tls ? "https" : "http", 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_URL, &own, 0) == CURLUE_OK;
    const char *address = is_fine ? arena_strdup(arena, own) : NULL;
    curl_free(own);
    for (size_t i = 0; i < ARRAY_LENGTH(asked); i++)
        curl_free(asked[i]);
    curl_url_cleanup(parts);
    return address;
}

const char *home_listener(struct arena *arena, const struct http_home *home)
{
    const char *colon = strrchr(home->listen, ':');
    const char *port = colon != NULL ? colon + 1 : home->listen;
    const char *host =
        colon != NULL ? arena_strndup(arena, home->listen, (size_t)(colon - home->listen)) : "";
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (host[0] == '\0' || strcmp(host, "*") == 0 || strcmp(host, "[::]") == 0)
        host = "[::1]";
    return arena_printf(arena, "::%s:%s", host, port);
}
