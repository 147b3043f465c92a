#include "oauth/redirect_uri.h"

#include <string.h>

/* A DNS label: letters, digits and inner hyphens, 63 at most (RFC 1035 section 2.3.1). Returns its length, 0 for none. */
static size_t label_length(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 63 || text[0] == '-' || (length > 0 && text[length - 1] == '-') ? 0 : length;
}

/* The length of the scheme before a wildcard host, 0 where `allowed` has no wildcard of the one permitted form. */
static size_t wildcard_prefix(const char *allowed)
{
    static const char *const prefixes[] = {"https://*.", "http://*."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t length = strlen(prefixes[i]);
        if (strncmp(allowed, prefixes[i], length) == 0 && label_length(allowed + length) > 0)
            return length - 2;
    }
    return 0;
}

bool redirect_uri_matches(const char *allowed, const char *uri)
{
    if (strchr(uri, '#') != NULL)
        return false;
    size_t prefix = wildcard_prefix(allowed);
    if (prefix == 0)
        return strcmp(allowed, uri) == 0;
    if (strncmp(allowed, uri, prefix) != 0)
        return false;
    size_t label = label_length(uri + prefix);
    return label > 0 && strcmp(uri + prefix + label, allowed + prefix + 1) == 0;
}

bool redirect_uri_allowed(yyjson_val *list, const char *uri)
{
    size_t index, count;
    yyjson_val *entry;
    yyjson_arr_foreach(list, index, count, entry)
    {
        if (yyjson_is_str(entry) && redirect_uri_matches(yyjson_get_str(entry), uri))
            return true;
    }
    return false;
}

static const char *without_query(struct arena *arena, const char *url)
{
    return arena_strndup(arena, url, strcspn(url, "?#"));
}

bool logout_url_allowed(struct arena *arena, yyjson_val *list, const char *url)
{
    size_t index, count;
    yyjson_val *entry;
    yyjson_arr_foreach(list, index, count, entry)
    {
        if (yyjson_is_str(entry) &&
            redirect_uri_matches(without_query(arena, yyjson_get_str(entry)), without_query(arena, url)))
            return true;
    }
    return false;
}
