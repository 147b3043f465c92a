#include "json/format.h"

#include "base/compiler.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAXIMUM_EMAIL = 320, MAXIMUM_LOCAL_PART = 64, MAXIMUM_LABEL = 63, MAXIMUM_HOST = 253 };

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Letters of other alphabets pass: names may be internationalised. */
static bool is_label_character(char c)
{
    return is_alphanumeric(c) || c == '-' || (c & 0x80) != 0;
}

/* Host labels separated by dots, at least `labels` of them, the last not a number. */
static bool is_host(const char *text, size_t labels)
{
    size_t count = 0;
    if (strlen(text) > MAXIMUM_HOST) {
        return false;
    }
    for (const char *at = text;; at++) {
        const char *label = at;
        while (is_label_character(*at)) {
            at++;
        }
        if (at == label || at - label > MAXIMUM_LABEL || *label == '-' || at[-1] == '-') {
            return false;
        }
        count++;
        if (*at == '\0') {
            return count >= labels && (labels < 2 || strspn(label, "0123456789") != (size_t)(at - label));
        }
        if (*at != '.') {
            return false;
        }
    }
}

static bool is_hostname(const char *text)
{
    return is_host(text, 1);
}

static bool is_email(const char *text)
{
    static const char special[] = "!#$%&'*+/=?^_`{|}~-";
    const char *at = strrchr(text, '@');
    if (at == NULL || at == text || at - text > MAXIMUM_LOCAL_PART || strlen(text) > MAXIMUM_EMAIL) {
        return false;
    }
    for (const char *c = text; c < at; c++) {
        bool dot = *c == '.' && c != text && c + 1 != at && c[-1] != '.';
        if (!dot && !is_alphanumeric(*c) && (*c & 0x80) == 0 && strchr(special, *c) == NULL) {
            return false;
        }
    }
    return is_host(at + 1, 2);
}

static bool is_user_id(const char *text)
{
    const char *bar = strchr(text, '|');
    return bar != NULL && bar != text && bar[1] != '\0';
}

static bool is_non_empty(const char *text)
{
    return text[strspn(text, " \t\r\n")] != '\0';
}

/* The text after the scheme's colon; NULL where there is no scheme, or a space or control character anywhere.
 */
static const char *after_scheme(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c <= ' ' || *c == 0x7F || *c == '\\' || *c == '<' || *c == '>' || *c == '"') {
            return NULL;
        }
    }
    if (!is_alphanumeric(*text) || (*text >= '0' && *text <= '9')) {
        return NULL;
    }
    size_t length = 0;
    while (is_alphanumeric(text[length]) || (text[length] != '\0' && strchr("+-.", text[length]) != NULL)) {
        length++;
    }
    return text[length] == ':' ? text + length + 1 : NULL;
}

static bool is_uri(const char *text)
{
    const char *rest = after_scheme(text);
    return rest != NULL && *rest != '\0';
}

static bool is_uri_or_empty(const char *text)
{
    return *text == '\0' || is_uri(text);
}

/* http or https with a host. */
static bool is_url(const char *text)
{
    const char *rest = after_scheme(text);
    bool web = strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
    return rest != NULL && web && rest[2] != '\0' && rest[2] != '/' && rest[2] != '?' && rest[2] != '#';
}

static bool is_https_or_empty(const char *text)
{
    return *text == '\0' || (is_url(text) && strncasecmp(text, "https:", 6) == 0);
}

/* An application's callback may have a scheme of its own, but none that a browser runs. */
static bool is_callback(const char *text)
{
    static const char *const run[] = {"javascript:", "data:", "vbscript:", "file:", "blob:"};
    for (size_t i = 0; i < ARRAY_LENGTH(run); i++) {
        if (strncasecmp(text, run[i], strlen(run[i])) == 0) {
            return false;
        }
    }
    return is_uri(text);
}

static bool is_of_alphabet(const char *text, size_t least, size_t most)
{
    size_t length = 0;
    while (is_alphanumeric(text[length]) || text[length] == '-' || text[length] == '_') {
        length++;
    }
    return text[length] == '\0' && length >= least && length <= most;
}

static bool is_client_id(const char *text)
{
    return is_of_alphabet(text, 1, 64);
}

static bool has_prefix(const char *text, const char *prefix, size_t length)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 &&
           is_of_alphabet(text + strlen(prefix), length, length);
}

static bool is_organization_id(const char *text)
{
    return has_prefix(text, "org_", 16);
}

static bool is_credential_id(const char *text)
{
    return has_prefix(text, "cred_", 22);
}

static bool is_realm(const char *text)
{
    return *text != '\0' && strpbrk(text, " \t\r\n") == NULL;
}

static bool is_uuid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    for (size_t i = 0; i < sizeof(form); i++) {
        bool hex = text[i] != '\0' && strchr("0123456789abcdefABCDEF", text[i]) != NULL;
        if (form[i] == 'x' ? !hex : text[i] != form[i]) {
            return false;
        }
    }
    return true;
}

static bool is_address(int family, const char *text, bool with_prefix)
{
    char copy[64], address[16];
    size_t size = strlen(text) + 1;
    if (size > sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, size);
    char *slash = strchr(copy, '/');
    if ((slash != NULL) != with_prefix) {
        return false;
    }
    if (slash != NULL) {
        *slash = '\0';
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > (family == AF_INET ? 32 : 128)) {
            return false;
        }
    }
    return inet_pton(family, copy, address) == 1;
}

static bool is_ipv4(const char *text)
{
    return is_address(AF_INET, text, false);
}

static bool is_ipv6(const char *text)
{
    return is_address(AF_INET6, text, false);
}

static bool is_cidr(const char *text)
{
    return is_address(AF_INET, text, true);
}

static bool is_ipv6_cidr(const char *text)
{
    return is_address(AF_INET6, text, true);
}

/* 2026-01-02T03:04:05(.678)Z or with an offset (RFC 3339). */
static bool is_date_time(const char *text)
{
    static const char form[] = "0000-00-00T00:00:00";
    size_t i = 0;
    for (; form[i] != '\0'; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '0' ? !digit : (text[i] | 0x20) != (form[i] | 0x20)) {
            return false;
        }
    }
    if (text[i] == '.') {
        size_t digits = strspn(text + i + 1, "0123456789");
        if (digits == 0) {
            return false;
        }
        i += 1 + digits;
    }
    if ((text[i] | 0x20) == 'z') {
        return text[i + 1] == '\0';
    }
    return (text[i] == '+' || text[i] == '-') &&
           strspn(text + i + 1, "0123456789:") == strlen(text + i + 1) && strlen(text + i + 1) == 5;
}

static const struct {
    const char *name;
    bool (*fits)(const char *text);
} formats[] = {
    {"email", is_email},
    {"user-id", is_user_id},
    {"non-empty-string", is_non_empty},
    {"strict-uri", is_uri},
    {"absolute-uri-or-empty", is_uri_or_empty},
    {"url", is_url},
    {"url-or-null", is_url},
    {"url-with-placeholders", is_url},
    {"absolute-https-uri-with-placeholders-or-empty", is_https_or_empty},
    {"ec-initiate-login-uri-template-url", is_https_or_empty},
    {"callback-url", is_callback},
    {"client-id", is_client_id},
    {"organization-id", is_organization_id},
    {"credential-id", is_credential_id},
    {"connection-realm", is_realm},
    {"uuid", is_uuid},
    {"hostname", is_hostname},
    {"ipv4", is_ipv4},
    {"ipv6", is_ipv6},
    {"cidr", is_cidr},
    {"ipv6_cidr", is_ipv6_cidr},
    {"date-time", is_date_time},
};

bool format_fits(const char *name, const char *text)
{
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return formats[i].fits(text);
        }
    }
    return true;
}
