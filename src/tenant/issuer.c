#include "tenant/issuer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* "[…]" of hexadecimal digits and colons, or labels of letters, digits and hyphens. */
static bool is_host(const char *host)
{
    size_t length = strlen(host);
    if (host[0] == '[')
        return length > 3 && host[length - 1] == ']' && strspn(host + 1, "0123456789abcdef:.") == length - 2;
    if (length == 0 || length > 253 || host[0] == '.' || host[0] == '-' || strstr(host, "..") != NULL)
        return false;
    for (const char *c = host; *c != '\0'; c++) {
        if (!is_host_character(*c))
            return false;
    }
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool is_loopback(const char *host)
{
    if (strcmp(host, "localhost") == 0 || ends_with(host, ".localhost") || strcmp(host, "[::1]") == 0)
        return true;
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);
}

/* Splits "host:port" where the port stands; false where it is no port. *port 0: none. */
static bool split_port(char *host, unsigned *port)
{
    char *colon = strrchr(host, ':');
    *port = 0;
    if (colon == NULL || strchr(colon, ']') != NULL)
        return true;
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
        return false;
    *port = (unsigned)strtoul(colon + 1, NULL, 10);
    *colon = '\0';
    return *port >= 1 && *port <= 65535;
}

bool issuer_read(struct arena *arena, const char *text, bool dev, struct issuer *issuer, const char **error)
{
    *issuer = (struct issuer){.secure = strncasecmp(text, "https://", 8) == 0};
    if (!issuer->secure && strncasecmp(text, "http://", 7) != 0) {
        *error = "must be a URL such as https://login.example.com";
        return false;
    }
    char *host = arena_strdup(arena, text + (issuer->secure ? 8 : 7));
    size_t length = strlen(host);
    if (length > 0 && host[length - 1] == '/')
        host[length - 1] = '\0';
    for (char *c = host; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    unsigned port;
    if (!split_port(host, &port) || !is_host(host)) {
        *error = "must be scheme, host and perhaps a port, without a path, such as https://login.example.com";
        return false;
    }
    if (!issuer->secure && !(dev && is_loopback(host))) {
        *error = dev ? "may be http on this machine only (localhost, 127.0.0.1 or [::1]); elsewhere it must "
                       "be https"
                     : "must be https (http is allowed with --dev, on this machine only)";
        return false;
    }
    if (port == 0 || port == (issuer->secure ? 443 : 80))
        issuer->host = host;
    else
        issuer->host = arena_printf(arena, "%s:%u", host, port);
    issuer->url = arena_printf(arena, "%s://%s/", issuer->secure ? "https" : "http", issuer->host);
    return true;
}
