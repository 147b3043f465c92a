#include "http/proxy.h"

#include "http/address.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *variable(struct arena *arena, const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    if ((value == NULL || value[0] == '\0') && upper != NULL)
        value = getenv(upper);
    return value == NULL || value[0] == '\0' ? NULL : arena_strdup(arena, value);
}

void proxies_read(struct arena *arena, const char *configured, struct proxies *proxies)
{
    *proxies = (struct proxies){.except = variable(arena, "no_proxy", "NO_PROXY")};
    if (configured != NULL && configured[0] != '\0') {
        proxies->for_http = arena_strdup(arena, configured);
        proxies->for_https = proxies->for_http;
        return;
    }
    const char *for_all = variable(arena, "all_proxy", "ALL_PROXY");
    proxies->for_http = variable(arena, "http_proxy", NULL);
    proxies->for_https = variable(arena, "https_proxy", "HTTPS_PROXY");
    if (proxies->for_http == NULL)
        proxies->for_http = for_all;
    if (proxies->for_https == NULL)
        proxies->for_https = for_all;
}

/* Whether `entry`, a domain with or without a leading dot, is the host or a parent of it. */
static bool covers_name(const char *entry, size_t length, const char *host, size_t host_length)
{
    if (length > 0 && entry[0] == '.') {
        entry++;
        length--;
    }
    if (length == 0 || length > host_length || strncasecmp(host + host_length - length, entry, length) != 0)
        return false;
    return length == host_length || host[host_length - length - 1] == '.';
}

static bool covers_address(const char *entry, size_t length, const struct address *address)
{
    struct arena *arena = arena_create();
    struct networks networks;
    const char *wrong;
    bool covers = networks_parse(arena, arena_strndup(arena, entry, length), &networks, &wrong) &&
                  networks_hold(&networks, address);
    arena_destroy(&arena);
    return covers;
}

static bool is_excepted(const char *except, const char *host)
{
    static const char separators[] = ", \t";
    struct address address;
    bool is_address = address_parse(host, &address);
    size_t host_length = strlen(host);

    if (except == NULL)
        return false;
    if (host_length > 0 && host[host_length - 1] == '.')
        host_length--;
    for (const char *at = except + strspn(except, separators); *at != '\0'; at += strspn(at, separators)) {
        size_t length = strcspn(at, separators);
        if (length == 1 && *at == '*')
            return true;
        if (is_address ? covers_address(at, length, &address) : covers_name(at, length, host, host_length))
            return true;
        at += length;
    }
    return false;
}

const char *proxy_for(const struct proxies *proxies, const char *scheme, const char *host)
{
    const char *proxy = strcmp(scheme, "https") == 0 ? proxies->for_https : proxies->for_http;
    return proxy == NULL || is_excepted(proxies->except, host) ? NULL : proxy;
}
