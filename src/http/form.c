#include "http/form.h"

#include "base/encode.h"

#include <string.h>
#include <strings.h>

static size_t count_char(const char *text, size_t length, char wanted)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == wanted;
    return count;
}

static const char *decode(struct arena *arena, const char *text, size_t length)
{
    char *decoded = percent_decode(arena, text, length, true);
    return decoded != NULL && utf8_valid(decoded, strlen(decoded)) ? decoded : NULL;
}

bool form_parse(struct arena *arena, const char *text, size_t length, struct http_pairs *pairs)
{
    *pairs = (struct http_pairs){.items = NULL};
    if (length == 0)
        return true;
    size_t most = count_char(text, length, '&') + 1;
    if (most > HTTP_LARGEST_FORM)
        return false;
    struct http_pair *items = arena_calloc(arena, most, sizeof *items);
    size_t count = 0;
    for (const char *end = text + length; text <= end;) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        size_t size = (size_t)((stop == NULL ? end : stop) - text);
        if (size > 0) {
            const char *equals = memchr(text, '=', size);
            size_t name_size = equals == NULL ? size : (size_t)(equals - text);
            const char *name = decode(arena, text, name_size);
            const char *value = equals == NULL ? "" : decode(arena, equals + 1, size - name_size - 1);
            if (name == NULL || value == NULL)
                return false;
            items[count++] = (struct http_pair){.name = name, .value = value};
        }
        text += size + 1;
    }
    *pairs = (struct http_pairs){.items = items, .count = count};
    return true;
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t'))
        (*length)--;
}

void cookies_parse(struct arena *arena, const char *text, struct http_pairs *pairs)
{
    size_t length = strlen(text);
    struct http_pair *items = arena_calloc(arena, count_char(text, length, ';') + 1, sizeof *items);
    size_t count = 0;

    for (const char *end = text + length; text <= end;) {
        const char *stop = memchr(text, ';', (size_t)(end - text));
        size_t size = (size_t)((stop == NULL ? end : stop) - text);
        const char *equals = memchr(text, '=', size);
        if (equals != NULL) {
            const char *name = text;
            size_t name_size = (size_t)(equals - text);
            const char *value = equals + 1;
            size_t value_size = size - name_size - 1;
            trim(&name, &name_size);
            trim(&value, &value_size);
            if (value_size >= 2 && value[0] == '"' && value[value_size - 1] == '"') {
                value++;
                value_size -= 2;
            }
            if (name_size > 0)
                items[count++] = (struct http_pair){.name = arena_strndup(arena, name, name_size),
                                                    .value = arena_strndup(arena, value, value_size)};
        }
        text += size + 1;
    }
    *pairs = (struct http_pairs){.items = items, .count = count};
}

bool content_type_is(const char *content_type, const char *type)
{
    if (content_type == NULL)
        return false;
    size_t length = strlen(type);
    if (strncasecmp(content_type, type, length) != 0)
        return false;
    char next = content_type[length];
    return next == '\0' || next == ';' || next == ' ' || next == '\t';
}
