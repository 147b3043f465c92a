#include "tenant/toml.h"

#include "base/buffer.h"
#include "base/encode.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct arena *arena;
    const char *at;
    const char *end;
    unsigned line;
    const char *error;
};

static bool fail(struct reader *reader, const char *what)
{
    if (reader->error == NULL)
        reader->error = arena_printf(reader->arena, "line %u: %s", reader->line, what);
    return false;
}

static bool at_end(const struct reader *reader)
{
    return reader->at == reader->end;
}

/* The character here, or NUL at the end: the text itself holds none. */
static char here(const struct reader *reader)
{
    return at_end(reader) ? '\0' : *reader->at;
}

static void skip_blanks(struct reader *reader)
{
    while (here(reader) == ' ' || here(reader) == '\t')
        reader->at++;
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* What may follow on the rest of a line: blanks and a comment. */
static bool end_line(struct reader *reader)
{
    skip_blanks(reader);
    if (here(reader) == '#') {
        while (!at_end(reader) && *reader->at != '\n' && *reader->at != '\r') {
            if (is_control(*reader->at))
                return fail(reader, "a comment holds a control character");
            reader->at++;
        }
    }
    if (here(reader) == '\r')
        reader->at++;
    if (at_end(reader))
        return true;
    if (*reader->at != '\n')
        return fail(reader, "there is more on the line than one setting");
    reader->at++;
    reader->line++;
    return true;
}

static bool is_key_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool read_key(struct reader *reader, const char **key)
{
    const char *start = reader->at;
    while (!at_end(reader) && is_key_character(*reader->at))
        reader->at++;
    if (reader->at == start)
        return fail(reader, here(reader) == '['
                                ? "tables are not used here, only lines of the form key = value"
                                : "expected a line of the form key = value");
    *key = arena_strndup(reader->arena, start, (size_t)(reader->at - start));
    skip_blanks(reader);
    if (here(reader) != '=')
        return fail(reader, "expected = after the key");
    reader->at++;
    skip_blanks(reader);
    return true;
}

static void add_utf8(struct buffer *text, uint32_t c)
{
    if (c < 0x80) {
        buffer_add_char(text, (char)c);
    } else if (c < 0x800) {
        buffer_add_char(text, (char)(0xc0 | (c >> 6)));
        buffer_add_char(text, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buffer_add_char(text, (char)(0xe0 | (c >> 12)));
        buffer_add_char(text, (char)(0x80 | ((c >> 6) & 0x3f)));
        buffer_add_char(text, (char)(0x80 | (c & 0x3f)));
    } else {
        buffer_add_char(text, (char)(0xf0 | (c >> 18)));
        buffer_add_char(text, (char)(0x80 | ((c >> 12) & 0x3f)));
        buffer_add_char(text, (char)(0x80 | ((c >> 6) & 0x3f)));
        buffer_add_char(text, (char)(0x80 | (c & 0x3f)));
    }
}

/* \uXXXX and \UXXXXXXXX: a Unicode scalar value other than NUL. */
static bool read_unicode_escape(struct reader *reader, size_t digits, struct buffer *text)
{
    if ((size_t)(reader->end - reader->at) < digits)
        return fail(reader, "a Unicode escape is cut short");
    uint32_t c = 0;
    for (size_t i = 0; i < digits; i++) {
        char d = *reader->at++;
        uint32_t value = d >= '0' && d <= '9'   ? (uint32_t)(d - '0')
                         : d >= 'a' && d <= 'f' ? (uint32_t)(d - 'a' + 10)
                         : d >= 'A' && d <= 'F' ? (uint32_t)(d - 'A' + 10)
                                                : 16;
        if (value == 16)
            return fail(reader, "a Unicode escape holds something else than hexadecimal digits");
        c = c << 4 | value;
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return fail(reader, "a Unicode escape names no character");
    add_utf8(text, c);
    return true;
}

static bool read_escape(struct reader *reader, struct buffer *text)
{
    static const char letters[] = "btnfr\"\\";
    static const char meanings[] = "\b\t\n\f\r\"\\";

    reader->at++;
    char c = here(reader);
    const char *found = c != '\0' ? strchr(letters, c) : NULL;
    if (found == NULL && c != 'u' && c != 'U')
        return fail(reader, "unknown escape in a string (a literal backslash is written \\\\)");
    reader->at++;
    if (found == NULL)
        return read_unicode_escape(reader, c == 'u' ? 4 : 8, text);
    buffer_add_char(text, meanings[found - letters]);
    return true;
}

static bool read_string(struct reader *reader, char quote, const char **value)
{
    struct buffer text = buffer_create(reader->arena, TOML_MAXIMUM_BYTES);

    reader->at++;
    while (here(reader) != quote) {
        if (at_end(reader) || is_control(*reader->at))
            return fail(reader, "a string does not end on its line");
        if (quote == '"' && *reader->at == '\\') {
            if (!read_escape(reader, &text))
                return false;
            continue;
        }
        buffer_add_char(&text, *reader->at++);
    }
    reader->at++;
    *value = buffer_text(&text);
    return true;
}

/* A whole decimal number within int64_t; underscores stand between digits only. */
static bool read_number(struct reader *reader, const char *word, size_t length, const char **value)
{
    int64_t number = 0;
    bool negative = word[0] == '-';
    size_t i = word[0] == '-' || word[0] == '+' ? 1 : 0;

    if (i == length || (word[i] == '0' && length - i > 1))
        return fail(reader, "expected a string in quotes, a whole number, true or false");
    for (; i < length; i++) {
        if (word[i] == '_' && i > 0 && word[i - 1] >= '0' && word[i - 1] <= '9' && i + 1 < length &&
            word[i + 1] != '_')
            continue;
        if (word[i] < '0' || word[i] > '9')
            return fail(reader, "expected a string in quotes, a whole number, true or false");
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, word[i] - '0', &number))
            return fail(reader, "a number is too large");
    }
    *value = arena_printf(reader->arena, "%lld", (long long)(negative ? -number : number));
    return true;
}

static bool read_value(struct reader *reader, struct toml_pair *pair)
{
    char c = here(reader);
    if (c == '"' || c == '\'') {
        pair->kind = TOML_TEXT;
        return read_string(reader, c, &pair->value);
    }
    const char *word = reader->at;
    while (!at_end(reader) && (is_key_character(*reader->at) || *reader->at == '+' || *reader->at == '.'))
        reader->at++;
    size_t length = (size_t)(reader->at - word);
    if (length == 0)
        return fail(reader, "expected a string in quotes, a whole number, true or false");
    if ((length == 4 && memcmp(word, "true", 4) == 0) || (length == 5 && memcmp(word, "false", 5) == 0)) {
        pair->kind = TOML_TRUTH;
        pair->value = arena_strndup(reader->arena, word, length);
        return true;
    }
    pair->kind = TOML_NUMBER;
    return read_number(reader, word, length, &pair->value);
}

static bool read_pair(struct reader *reader, struct toml_pair *pairs, size_t *count)
{
    struct toml_pair pair = {.line = reader->line};
    if (!read_key(reader, &pair.key) || !read_value(reader, &pair))
        return false;
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(pairs[i].key, pair.key) == 0)
            return fail(reader, arena_printf(reader->arena, "%s was set on line %u already", pair.key,
                                             pairs[i].line));
    }
    if (*count == TOML_MAXIMUM_PAIRS)
        return fail(reader, "there are too many settings");
    pairs[(*count)++] = pair;
    return end_line(reader);
}

bool toml_parse(struct arena *arena, struct bytes text, const struct toml_pair **pairs, size_t *count,
                const char **error)
{
    struct reader reader = {
        .arena = arena, .at = (const char *)text.data, .end = (const char *)text.data + text.size, .line = 1};
    struct toml_pair *list = arena_calloc(arena, TOML_MAXIMUM_PAIRS, sizeof *list);

    *pairs = list;
    *count = 0;
    *error = NULL;
    if (text.size > TOML_MAXIMUM_BYTES || !utf8_valid(reader.at, text.size)) {
        *error = text.size > TOML_MAXIMUM_BYTES ? "it is larger than 64 kB" : "it is not UTF-8 text";
        return false;
    }
    while (!at_end(&reader)) {
        skip_blanks(&reader);
        bool is_blank = at_end(&reader) || strchr("#\r\n", *reader.at) != NULL;
        if (is_blank ? !end_line(&reader) : !read_pair(&reader, list, count))
            break;
    }
    *error = reader.error;
    return reader.error == NULL;
}
