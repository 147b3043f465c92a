#include "tenant/user_agent.h"

#include <ctype.h>
#include <string.h>

/*
 * Browsers name those that they imitate too: the more particular token comes first. `also` (NULL: nothing) must stand in the
 * header as well. The version follows the token.
 */
static const struct product {
    const char *token;
    const char *also;
    const char *family;
} browsers[] = {
    {"EdgiOS/", NULL, "Edge Mobile"},
    {"EdgA/", NULL, "Edge Mobile"},
    {"Edg/", NULL, "Edge"},
    {"Edge/", NULL, "Edge"},
    {"OPR/", "Mobile", "Opera Mobile"},
    {"OPR/", NULL, "Opera"},
    {"SamsungBrowser/", NULL, "Samsung Internet"},
    {"YaBrowser/", NULL, "Yandex Browser"},
    {"Vivaldi/", NULL, "Vivaldi"},
    {"FxiOS/", NULL, "Firefox iOS"},
    {"CriOS/", NULL, "Chrome Mobile iOS"},
    {"Firefox/", "Android", "Firefox Mobile"},
    {"Firefox/", NULL, "Firefox"},
    {"HeadlessChrome/", NULL, "HeadlessChrome"},
    {"Chrome/", "; wv)", "Chrome Mobile WebView"},
    {"Chrome/", "Mobile", "Chrome Mobile"},
    {"Chromium/", NULL, "Chromium"},
    {"Chrome/", NULL, "Chrome"},
    {"Version/", "Mobile/", "Mobile Safari"},
    {"Version/", "Safari/", "Safari"},
    {"MSIE ", NULL, "IE"},
    {"rv:", "Trident/", "IE"},
    {"PostmanRuntime/", NULL, "PostmanRuntime"},
    {"okhttp/", NULL, "okhttp"},
    {"curl/", NULL, "curl"},
    {"python-requests/", NULL, "Python Requests"},
};

static const struct product systems[] = {
    {"iPhone OS ", NULL, "iOS"},   {"CPU OS ", NULL, "iOS"},        {"Windows NT ", NULL, "Windows"},
    {"Android ", NULL, "Android"}, {"Mac OS X ", NULL, "Mac OS X"}, {"CrOS ", NULL, "Chrome OS"},
    {"Ubuntu", NULL, "Ubuntu"},    {"Linux", NULL, "Linux"},
};

/* What Windows calls itself, and what people call it. */
static const struct {
    const char *kernel, *name;
} windows[] = {{"6.1", "7.0"}, {"6.2", "8.0"}, {"6.3", "8.1"}, {"10.0", "10.0"}};

static const struct product *find(const struct product *products, size_t count, const char *header,
                                  const char **after)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(header, products[i].token);
        if (at == NULL || (products[i].also != NULL && strstr(header, products[i].also) == NULL))
            continue;
        *after = at + strlen(products[i].token);
        return &products[i];
    }
    return NULL;
}

/* One number of a version, of at most 6 digits; "0" where there is none. Moves *at past it and its separator. */
static const char *next_number(struct arena *arena, const char **at)
{
    size_t digits = strspn(*at, "0123456789");
    const char *number = digits == 0 || digits > 6 ? "0" : arena_printf(arena, "%.*s", (int)digits, *at);
    *at += digits;
    if (**at != '\0' && strchr("._", **at) != NULL && isdigit((unsigned char)(*at)[1]))
        *at += 1;
    else
        *at = "";
    return number;
}

static const char *version(struct arena *arena, const char *at)
{
    const char *major = next_number(arena, &at);
    const char *minor = next_number(arena, &at);
    return arena_printf(arena, "%s.%s.%s", major, minor, next_number(arena, &at));
}

static const char *system_text(struct arena *arena, const char *header)
{
    const char *at = "";
    const struct product *system = find(systems, ARRAY_LENGTH(systems), header, &at);
    if (system == NULL)
        return "Other 0.0.0";
    for (size_t i = 0; strcmp(system->family, "Windows") == 0 && i < ARRAY_LENGTH(windows); i++) {
        size_t length = strlen(windows[i].kernel);
        if (strncmp(at, windows[i].kernel, length) == 0 && !isdigit((unsigned char)at[length]))
            return arena_printf(arena, "Windows %s.0", windows[i].name);
    }
    /* "CrOS x86_64 14541.0.0": the machine stands between. */
    if (strcmp(system->family, "Chrome OS") == 0)
        at += strcspn(at, " )") + (at[strcspn(at, " )")] == ' ');
    return arena_printf(arena, "%s %s", system->family, version(arena, at));
}

const char *user_agent_text(struct arena *arena, const char *header)
{
    const char *at = "";
    const struct product *browser =
        header == NULL ? NULL : find(browsers, ARRAY_LENGTH(browsers), header, &at);
    const char *system = header == NULL ? "Other 0.0.0" : system_text(arena, header);
    if (browser == NULL)
        return arena_printf(arena, "Other 0.0.0 / %s", system);
    return arena_printf(arena, "%s %s / %s", browser->family, version(arena, at), system);
}

bool user_agent_is_mobile(const char *header)
{
    return header != NULL && (strstr(header, "Mobi") != NULL || strstr(header, "Android") != NULL ||
                              strstr(header, "iPad") != NULL);
}
