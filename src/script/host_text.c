/* Texts to bytes and back, in the encodings of Node's Buffer: what JavaScript would take a hundred times as long for. */
#include "script/host_values.h"

#include <string.h>

enum encoding {
    ENCODING_NONE,
    ENCODING_UTF8,
    ENCODING_HEX,
    ENCODING_BASE64,
    ENCODING_BASE64URL,
    ENCODING_LATIN1
};

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static enum encoding take_encoding(JSContext *ctx, JSValueConst value)
{
    static const struct {
        const char *name;
        enum encoding encoding;
    } names[] = {{"utf8", ENCODING_UTF8},
                 {"hex", ENCODING_HEX},
                 {"base64", ENCODING_BASE64},
                 {"base64url", ENCODING_BASE64URL},
                 {"latin1", ENCODING_LATIN1}};
    const char *text = JS_ToCString(ctx, value);
    enum encoding found = ENCODING_NONE;
    for (size_t i = 0; text != NULL && i < ARRAY_LENGTH(names); i++)
        if (strcmp(names[i].name, text) == 0)
            found = names[i].encoding;
    if (text != NULL && found == ENCODING_NONE)
        JS_ThrowTypeError(ctx, "Unknown encoding: %s", text);
    JS_FreeCString(ctx, text);
    return found;
}

/* --- to text --- */

static size_t write_base64(char *out, struct bytes in, const char *alphabet, bool pads)
{
    size_t size = 0;
    for (size_t i = 0; i < in.size; i += 3) {
        size_t left = in.size - i;
        unsigned bits = (unsigned)in.data[i] << 16 | (left > 1 ? (unsigned)in.data[i + 1] << 8 : 0) |
                        (left > 2 ? in.data[i + 2] : 0);
        out[size++] = alphabet[bits >> 18];
        out[size++] = alphabet[bits >> 12 & 63];
        if (left > 1 || pads)
            out[size++] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        if (left > 2 || pads)
            out[size++] = left > 2 ? alphabet[bits & 63] : '=';
    }
    return size;
}

static size_t write_hex(char *out, struct bytes in)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < in.size; i++) {
        out[2 * i] = digits[in.data[i] >> 4];
        out[2 * i + 1] = digits[in.data[i] & 15];
    }
    return 2 * in.size;
}

static size_t write_latin1(char *out, struct bytes in)
{
    size_t size = 0;
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] >= 0x80)
            out[size++] = (char)(0xC0 | in.data[i] >> 6);
        out[size++] = (char)(in.data[i] >= 0x80 ? 0x80 | (in.data[i] & 63) : in.data[i]);
    }
    return size;
}

/*
 * How many of the bytes are one character's, or the beginning of one that breaks off (then *is_whole is false): what
 * the WHATWG's decoder replaces by one U+FFFD.
 */
static size_t utf8_length(const uint8_t *at, size_t left, bool *is_whole)
{
    uint8_t first = at[0];
    size_t length = first < 0x80   ? 1
                    : first < 0xC2 ? 0
                    : first < 0xE0 ? 2
                    : first < 0xF0 ? 3
                    : first < 0xF5 ? 4
                                   : 0;
    uint8_t least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    size_t found = 1;
    while (found < length && found < left && at[found] >= least && at[found] <= most) {
        least = 0x80;
        most = 0xBF;
        found++;
    }
    *is_whole = found == length;
    return found;
}

static size_t write_utf8(char *out, struct bytes in)
{
    size_t size = 0;
    for (size_t i = 0; i < in.size;) {
        bool is_whole = false;
        size_t length = utf8_length(in.data + i, in.size - i, &is_whole);
        memcpy(out + size, is_whole ? (const char *)in.data + i : "\xEF\xBF\xBD", is_whole ? length : 3);
        size += is_whole ? length : 3;
        i += length;
    }
    return size;
}

/* host.toText(bytes, from, size, encoding) */
JSValue host_to_text(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    uint64_t from = 0;
    uint64_t size = 0;
    struct bytes in;
    if (JS_ToIndex(ctx, &from, argv[1]) != 0 || JS_ToIndex(ctx, &size, argv[2]) != 0)
        return JS_EXCEPTION;
    enum encoding encoding = take_encoding(ctx, argv[3]);
    if (encoding == ENCODING_NONE || !host_take_bytes(ctx, argv[0], &in))
        return JS_EXCEPTION;
    if (from > in.size || size > in.size - from)
        return JS_ThrowRangeError(ctx, "beyond the buffer");
    in = (struct bytes){.data = in.data + from, .size = size};
    char *out = js_malloc(ctx, 3 * in.size + 4);
    if (out == NULL)
        return JS_EXCEPTION;
    size_t length = 0;
    switch (encoding) {
    case ENCODING_UTF8:
        length = write_utf8(out, in);
        break;
    case ENCODING_HEX:
        length = write_hex(out, in);
        break;
    case ENCODING_LATIN1:
        length = write_latin1(out, in);
        break;
    default:
        length = write_base64(out, in, encoding == ENCODING_BASE64 ? standard : url_safe,
                              encoding == ENCODING_BASE64);
    }
    JSValue text = JS_NewStringLen(ctx, out, length);
    js_free(ctx, out);
    return text;
}

/* --- from text --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        return (c | 32) - 'a' + 10;
    return -1;
}

/* Up to the first pair that is none, as Node does. */
static size_t read_hex(uint8_t *out, const char *text, size_t length)
{
    size_t size = 0;
    while (2 * size + 1 < length) {
        int high = hex_digit(text[2 * size]);
        int low = hex_digit(text[2 * size + 1]);
        if (high < 0 || low < 0)
            break;
        out[size++] = (uint8_t)(high << 4 | low);
    }
    return size;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* Both alphabets; what is in neither is passed over, and padding ends it. */
static size_t read_base64(uint8_t *out, const char *text, size_t length)
{
    size_t size = 0;
    unsigned bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < length && text[i] != '='; i++) {
        int value = base64_value(text[i]);
        if (value < 0)
            continue;
        bits = (bits << 6 | (unsigned)value) & 0xFFFFFF;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[size++] = (uint8_t)(bits >> held);
        }
    }
    return size;
}

/* The low byte of each UTF-16 unit. The text is UTF-8 as QuickJS gives it. */
static size_t read_latin1(uint8_t *out, const char *text, size_t length)
{
    size_t size = 0;
    for (size_t i = 0; i < length;) {
        uint8_t c = (uint8_t)text[i];
        size_t bytes = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        uint32_t point = bytes == 1 ? c : c & (0x7FU >> bytes);
        for (size_t k = 1; k < bytes && i + k < length; k++)
            point = point << 6 | ((uint8_t)text[i + k] & 63);
        if (point > 0xFFFF)
            out[size++] = (uint8_t)(0xD800 + ((point - 0x10000) >> 10));
        out[size++] = (uint8_t)(point > 0xFFFF ? 0xDC00 + ((point - 0x10000) & 0x3FF) : point);
        i += bytes;
    }
    return size;
}

/* Lone surrogates are U+FFFD in UTF-8; QuickJS writes them as three bytes of their own. */
static size_t read_utf8(uint8_t *out, const char *text, size_t length)
{
    memcpy(out, text, length);
    for (size_t i = 0; i + 2 < length; i++)
        if (out[i] == 0xED && out[i + 1] >= 0xA0)
            memcpy(out + i, "\xEF\xBF\xBD", 3);
    return length;
}

/* host.fromText(text, encoding): an ArrayBuffer */
JSValue host_from_text(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    enum encoding encoding = take_encoding(ctx, argv[1]);
    size_t length = 0;
    const char *text = encoding != ENCODING_NONE ? JS_ToCStringLen(ctx, &length, argv[0]) : NULL;
    uint8_t *out = text != NULL ? js_malloc(ctx, length + 1) : NULL;
    JSValue buffer = JS_EXCEPTION;
    if (out != NULL) {
        size_t size = encoding == ENCODING_UTF8     ? read_utf8(out, text, length)
                      : encoding == ENCODING_HEX    ? read_hex(out, text, length)
                      : encoding == ENCODING_LATIN1 ? read_latin1(out, text, length)
                                                    : read_base64(out, text, length);
        buffer = host_give_bytes(ctx, out, size);
    }
    js_free(ctx, out);
    JS_FreeCString(ctx, text);
    return buffer;
}
