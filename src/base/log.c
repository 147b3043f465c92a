#include "base/log.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_LINE = 16 * 1024 };

static enum log_level least_level = LOG_LEVEL_INFO;
static bool as_json;

void log_configure(enum log_level least, bool json)
{
    least_level = least;
    as_json = json;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

static void add_quoted(struct buffer *line, const char *text)
{
    buffer_add_char(line, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            buffer_add_char(line, '\\');
            buffer_add_char(line, *text);
        } else if (c < 0x20 || c == 0x7f) {
            buffer_printf(line, "\\u%04x", c);
        } else {
            buffer_add_char(line, *text);
        }
    }
    buffer_add_char(line, '"');
}

static void add_field_as_json(struct buffer *line, const struct log_field *field)
{
    buffer_add_char(line, ',');
    add_quoted(line, field->name);
    buffer_add_char(line, ':');
    if (field->text != NULL)
        add_quoted(line, field->text);
    else
        buffer_printf(line, "%" PRId64, field->number);
}

static void add_field_as_text(struct buffer *line, const struct log_field *field)
{
    buffer_printf(line, " %s=", field->name);
    if (field->text == NULL)
        buffer_printf(line, "%" PRId64, field->number);
    else if (field->text[0] != '\0' && strpbrk(field->text, " \"\\\n\r\t\x1b") == NULL)
        buffer_add(line, field->text);
    else
        add_quoted(line, field->text);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
    if (level < least_level)
        return;
    struct arena *arena = arena_create();
    struct buffer line = buffer_create(arena, LONGEST_LINE);
    const char *at = clock_iso8601(arena, clock_now_ms());
    if (as_json)
        buffer_printf(&line, "{\"at\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", at, level_name(level),
                      event);
    else
        buffer_printf(&line, "%s %-5s %s", at, level_name(level), event);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name == NULL)
            continue;
        if (as_json)
            add_field_as_json(&line, &fields[i]);
        else
            add_field_as_text(&line, &fields[i]);
    }
    buffer_add(&line, as_json ? "}\n" : "\n");
    const char *text = buffer_text(&line);
    /* One write a line, so that lines of several threads do not mix; a log that cannot be written has no one to tell. */
    ssize_t written UNUSED = write(STDERR_FILENO, text, line.size);
    arena_destroy(&arena);
}
