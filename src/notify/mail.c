#include "notify/mail.h"

#include "base/buffer.h"
#include "base/encode.h"
#include "base/random.h"

#include <idn2.h>
#include <string.h>
#include <time.h>

enum {
    LONGEST_MAIL = 8 * 1024 * 1024,
    ENCODED_WORD_BYTES = 45, /* 60 of base64, 72 characters with "=?UTF-8?B?" and "?=" */
    BASE64_LINE = 76,
    PLAIN_HEADER_LENGTH = 66
};

char *mail_address(struct arena *arena, const char *address)
{
    const char *at = strrchr(address, '@');
    if (at == NULL || at == address || at[1] == '\0' || strlen(address) > 320)
        return NULL;
    for (const char *c = address; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || (*c == '@' && c != at) ||
            strchr("<>()[]\\,;:\"", *c) != NULL)
            return NULL;
    char *host = NULL;
    if (idn2_to_ascii_8z(at + 1, &host, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK)
        return NULL;
    char *whole = arena_printf(arena, "%.*s@%s", (int)(at - address), address, host);
    idn2_free(host);
    return whole;
}

char *mail_mailbox(struct arena *arena, const char *text, const char **name)
{
    *name = NULL;
    const char *open = strrchr(text, '<');
    const char *close = open != NULL ? strchr(open, '>') : NULL;
    if (open == NULL)
        return mail_address(arena, text);
    if (close == NULL || close[1] != '\0')
        return NULL;
    size_t length = (size_t)(open - text);
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    if (length > 0)
        *name = arena_strndup(arena, text, length);
    return mail_address(arena, arena_strndup(arena, open + 1, (size_t)(close - open - 1)));
}

/* A text for a header: control characters, line breaks first of all, become spaces. */
static char *one_line(struct arena *arena, const char *text)
{
    char *line = arena_strdup(arena, text);
    for (char *c = line; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return line;
}

static bool is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            return false;
    return strlen(text) <= PLAIN_HEADER_LENGTH && strstr(text, "=?") == NULL;
}

/* Encoded words (RFC 2047), none of which cuts a character of UTF-8 in two. */
static void add_encoded_words(struct buffer *out, const char *text)
{
    size_t left = strlen(text);
    const char *separator = "";
    while (left > 0) {
        size_t take = left < ENCODED_WORD_BYTES ? left : ENCODED_WORD_BYTES;
        while (take > 1 && take < left && ((unsigned char)text[take] & 0xc0) == 0x80)
            take--;
        struct bytes piece = {.data = (const uint8_t *)text, .size = take};
        buffer_printf(out, "%s=?UTF-8?B?%s?=", separator, base64_encode(out->arena, piece));
        separator = "\r\n ";
        text += take;
        left -= take;
    }
}

static void add_text_header(struct buffer *out, const char *name, const char *text)
{
    const char *line = one_line(out->arena, text);
    buffer_printf(out, "%s: ", name);
    if (is_plain(line))
        buffer_add(out, line);
    else
        add_encoded_words(out, line);
    buffer_add(out, "\r\n");
}

static void add_from(struct buffer *out, const char *name, const char *address)
{
    buffer_add(out, "From: ");
    if (name != NULL) {
        const char *line = one_line(out->arena, name);
        if (is_plain(line) && strpbrk(line, "\"\\") == NULL)
            buffer_printf(out, "\"%s\"", line);
        else
            add_encoded_words(out, line);
        buffer_add_char(out, ' ');
    }
    buffer_printf(out, "<%s>\r\n", address);
}

static void add_date(struct buffer *out, int64_t now_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    buffer_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[parts.tm_wday], parts.tm_mday,
                  months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/* Base64 for every body: 8-bit text, long lines and lines that begin with a dot need no further thought. */
static void add_part(struct buffer *out, const char *type, const char *text)
{
    buffer_printf(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", type);
    const char *encoded = base64_encode(out->arena, bytes_of_text(text));
    for (size_t left = strlen(encoded); left > 0;) {
        size_t take = left < BASE64_LINE ? left : BASE64_LINE;
        buffer_add_bytes(out, encoded, take);
        buffer_add(out, "\r\n");
        encoded += take;
        left -= take;
    }
}

char *mail_compose(struct arena *arena, const char *from, const struct message *message, int64_t now_ms)
{
    const char *name;
    const char *sender = mail_mailbox(arena, from, &name);
    const char *recipient = mail_address(arena, message->to);
    if (sender == NULL || recipient == NULL)
        return NULL;

    struct buffer out = buffer_create(arena, LONGEST_MAIL);
    add_date(&out, now_ms);
    add_from(&out, name, sender);
    buffer_printf(&out, "To: <%s>\r\n", recipient);
    add_text_header(&out, "Subject", message->subject != NULL ? message->subject : "");
    buffer_printf(&out, "Message-ID: <%s@%s>\r\n", random_text(arena, RANDOM_HEX, 32),
                  strrchr(sender, '@') + 1);
    buffer_add(&out, "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n");
    const char *text = message->text != NULL ? message->text : "";
    if (message->html == NULL) {
        add_part(&out, "text/plain", text);
    } else {
        const char *boundary = random_text(arena, RANDOM_ALPHANUMERIC, 32);
        buffer_printf(&out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary,
                      boundary);
        add_part(&out, "text/plain", text);
        buffer_printf(&out, "--%s\r\n", boundary);
        add_part(&out, "text/html", message->html);
        buffer_printf(&out, "--%s--\r\n", boundary);
    }
    return out.overflowed ? NULL : arena_strdup(arena, buffer_text(&out));
}
