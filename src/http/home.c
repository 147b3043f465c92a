#include "http/home.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { PORT_BYTES = 8 };

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

/* The listener's host and port for a client on the same machine. */
static const char *own_host(struct arena *arena, const char *listen, char port[PORT_BYTES])
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || strlen(colon + 1) >= PORT_BYTES)
        return NULL;
    snprintf(port, PORT_BYTES, "%s", colon + 1);
    const char *host = arena_strndup(arena, listen, (size_t)(colon - listen));
    if (strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    if (host[0] == '\0' || strcmp(host, "*") == 0 || strcmp(host, "[::]") == 0)
        return "[::1]";
    return host;
}

const char *home_address(struct arena *arena, const struct http_home *home, const char *url)
{
    char port[PORT_BYTES];
    const char *to = home->host != NULL && home->listen != NULL ? own_host(arena, home->listen, port) : NULL;
    CURLU *parts = to != NULL ? curl_url() : NULL;
    if (parts == NULL)
        return NULL;
    char *asked[4] = {NULL};
    static const CURLUPart wanted[4] = {CURLUPART_HOST, CURLUPART_PORT, CURLUPART_SCHEME, CURLUPART_PATH};
    bool is_fine = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;
    for (size_t i = 0; i < ARRAY_LENGTH(wanted) && is_fine; i++)
        is_fine = curl_url_get(parts, wanted[i], &asked[i], CURLU_DEFAULT_PORT) == CURLUE_OK;
    char *own = NULL;
    is_fine = is_fine && is_home(home->host, asked[0], asked[1], asked[2]) && is_served(asked[3]) &&
              curl_url_set(parts, CURLUPART_SCHEME, "http", 0) == CURLUE_OK &&
              curl_url_set(parts, CURLUPART_HOST, to, 0) == CURLUE_OK &&
              curl_url_set(parts, CURLUPART_PORT, port, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_URL, &own, 0) == CURLUE_OK;
    const char *address = is_fine ? arena_strdup(arena, own) : NULL;
    curl_free(own);
    for (size_t i = 0; i < ARRAY_LENGTH(asked); i++)
        curl_free(asked[i]);
    curl_url_cleanup(parts);
    return address;
}
