#include "base/encode.h"

#include "base/buffer.h"

#include <string.h>

static const char base64url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base32_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char hex_letters[] = "0123456789abcdef";

/* Writes `bytes` as groups of `width` bits, most significant first, a letter each; returns how many. */
static size_t encode_bits(struct bytes bytes, const char *letters, unsigned width, char *out)
{
    size_t made = 0;
    uint32_t pending = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        pending = (pending << 8 | bytes.data[i]) & 0xffff;
        bits += 8;
        while (bits >= width) {
            bits -= width;
            out[made++] = letters[pending >> bits & ((1U << width) - 1)];
        }
    }
    if (bits > 0)
        out[made++] = letters[pending << (width - bits) & ((1U << width) - 1)];
    return made;
}

static int letter_value(const char *letters, char c)
{
    const char *found = c == '\0' ? NULL : strchr(letters, c);
    return found == NULL ? -1 : (int)(found - letters);
}

static bool decode_bits(struct arena *arena, const char *text, size_t length, const char *letters,
                        unsigned width, struct bytes *out)
{
    uint8_t *data = arena_alloc(arena, length * width / 8 + 1);
    size_t made = 0;
    uint32_t pending = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < length; i++) {
        int value = letter_value(letters, text[i]);
        if (value < 0)
            return false;
        pending = (pending << width | (uint32_t)value) & 0xffff;
        bits += width;
        if (bits >= 8) {
            bits -= 8;
            data[made++] = (uint8_t)(pending >> bits);
        }
    }
    /* What is left over must be the zero bits that fill the last letter, and never a whole letter. */
    if (bits >= width || (pending & ((1U << bits) - 1)) != 0)
        return false;
    *out = (struct bytes){.data = data, .size = made};
    return true;
}

char *base64url_encode(struct arena *arena, struct bytes bytes)
{
    char *text = arena_alloc(arena, bytes.size * 4 / 3 + 4);
    encode_bits(bytes, base64url_letters, 6, text);
    return text;
}

bool base64url_decode(struct arena *arena, const char *text, size_t length, struct bytes *out)
{
    return decode_bits(arena, text, length, base64url_letters, 6, out);
}

char *base64_encode(struct arena *arena, struct bytes bytes)
{
    char *text = arena_alloc(arena, bytes.size * 4 / 3 + 6);
    size_t made = encode_bits(bytes, base64_letters, 6, text);
    while (made % 4 != 0)
        text[made++] = '=';
    return text;
}

bool base64_decode(struct arena *arena, const char *text, size_t length, struct bytes *out)
{
    if (length % 4 != 0)
        return false;
    for (int padding = 0; padding < 2 && length > 0 && text[length - 1] == '='; padding++)
        length--;
    return decode_bits(arena, text, length, base64_letters, 6, out);
}

char *hex_encode(struct arena *arena, struct bytes bytes)
{
    char *text = arena_alloc(arena, bytes.size * 2 + 1);
    encode_bits(bytes, hex_letters, 4, text);
    return text;
}

bool hex_decode(struct arena *arena, const char *text, size_t length, struct bytes *out)
{
    char *lower = arena_alloc(arena, length + 1);
    for (size_t i = 0; i < length; i++)
        lower[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + 32) : text[i];
    return length % 2 == 0 && decode_bits(arena, lower, length, hex_letters, 4, out);
}

char *base32_encode(struct arena *arena, struct bytes bytes)
{
    char *text = arena_alloc(arena, bytes.size * 8 / 5 + 2);
    encode_bits(bytes, base32_letters, 5, text);
    return text;
}

bool base32_decode(struct arena *arena, const char *text, size_t length, struct bytes *out)
{
    return decode_bits(arena, text, length, base32_letters, 5, out);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

char *percent_encode(struct arena *arena, const char *text)
{
    char *encoded = arena_alloc(arena, strlen(text) * 3 + 1);
    char *out = encoded;
    for (; *text != '\0'; text++) {
        if (is_unreserved(*text)) {
            *out++ = *text;
        } else {
            *out++ = '%';
            *out++ = "0123456789ABCDEF"[(unsigned char)*text >> 4];
            *out++ = "0123456789ABCDEF"[(unsigned char)*text & 15];
        }
    }
    return encoded;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *percent_decode(struct arena *arena, const char *text, size_t length, bool plus)
{
    char *decoded = arena_alloc(arena, length + 1);
    char *out = decoded;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            if (length - i < 3)
                return NULL;
            int high = hex_digit(text[i + 1]);
            int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return NULL;
        *out++ = c;
    }
    return decoded;
}

char *html_escape(struct arena *arena, const char *text)
{
    char *escaped = arena_alloc(arena, strlen(text) * 6 + 1);
    char *out = escaped;
    for (; *text != '\0'; text++) {
        const char *entity = NULL;
        switch (*text) {
        case '&':
            entity = "&amp;";
            break;
        case '<':
            entity = "&lt;";
            break;
        case '>':
            entity = "&gt;";
            break;
        case '"':
            entity = "&quot;";
            break;
        case '\'':
            entity = "&#39;";
            break;
        default:
            *out++ = *text;
            continue;
        }
        out = stpcpy(out, entity);
    }
    return escaped;
}

/* The length of the sequence that begins at text[0], or 0 where it is not well-formed. */
static size_t utf8_sequence(const unsigned char *text, size_t length)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t length;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (text[0] >= 1 && text[0] <= 0x7f)
        return 1;
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        if (text[0] < forms[i].first_low || text[0] > forms[i].first_high || length < forms[i].length)
            continue;
        if (text[1] < forms[i].second_low || text[1] > forms[i].second_high)
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if (text[k] < 0x80 || text[k] > 0xbf)
                return 0;
        return forms[i].length;
    }
    return 0;
}

bool utf8_valid(const char *text, size_t length)
{
    const unsigned char *rest = (const unsigned char *)text;
    while (length > 0) {
        size_t step = utf8_sequence(rest, length);
        if (step == 0)
            return false;
        rest += step;
        length -= step;
    }
    return true;
}
