#include "base/buffer.h"
#include "base/log.h"
#include "page/template.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_LARGEST = 1024 * 1024, NAME_LARGEST = 64, GROUP = 4 };

/* One open section: what names are looked up in, and the items that are still to come. */
struct frame {
    yyjson_mut_val *value;
    yyjson_mut_arr_iter items;
    bool iterating;
};

struct renderer {
    const struct page_template *template;
    size_t language;
    struct buffer out;
    struct frame frames[PAGE_SECTION_DEPTH + 1];
    size_t depth; /* frames in use */
};

static yyjson_mut_val *member(yyjson_mut_val *value, const char *name, size_t length)
{
    return yyjson_mut_is_obj(value) ? yyjson_mut_obj_getn(value, name, length) : NULL;
}

static yyjson_mut_val *look_up(const struct renderer *renderer, const char *name)
{
    if (strcmp(name, ".") == 0)
        return renderer->frames[renderer->depth - 1].value;
    size_t first = strcspn(name, ".");
    yyjson_mut_val *value = NULL;
    for (size_t i = renderer->depth; i > 0 && value == NULL; i--)
        value = member(renderer->frames[i - 1].value, name, first);
    for (const char *p = name + first; value != NULL && *p == '.';) {
        size_t length = strcspn(++p, ".");
        value = member(value, p, length);
        p += length;
    }
    return value;
}

static bool is_true(yyjson_mut_val *value)
{
    if (value == NULL || yyjson_mut_is_null(value) || yyjson_mut_is_false(value))
        return false;
    if (yyjson_mut_is_str(value))
        return yyjson_mut_get_len(value) > 0;
    return !yyjson_mut_is_arr(value) || yyjson_mut_arr_size(value) > 0;
}

static void add_escaped(struct buffer *out, const char *text)
{
    for (;;) {
        size_t plain = strcspn(text, "&<>\"'");
        buffer_add_bytes(out, text, plain);
        switch (text[plain]) {
        case '\0':
            return;
        case '&':
            buffer_add(out, "&amp;");
            break;
        case '<':
            buffer_add(out, "&lt;");
            break;
        case '>':
            buffer_add(out, "&gt;");
            break;
        case '"':
            buffer_add(out, "&quot;");
            break;
        default:
            buffer_add(out, "&#39;");
        }
        text += plain + 1;
    }
}

static void add_value(struct renderer *renderer, yyjson_mut_val *value, bool escaped)
{
    if (yyjson_mut_is_str(value)) {
        if (escaped)
            add_escaped(&renderer->out, yyjson_mut_get_str(value));
        else
            buffer_add(&renderer->out, yyjson_mut_get_str(value));
    } else if (yyjson_mut_is_int(value)) {
        buffer_printf(&renderer->out, "%lld", (long long)yyjson_mut_get_sint(value));
    }
}

/* A text with its ${variables}; the text itself is ours, but custom texts will come, so it is escaped as well. */
static void add_phrase(struct renderer *renderer, const char *phrase, bool escaped)
{
    while (*phrase != '\0') {
        const char *open = strstr(phrase, "${");
        const char *close = open != NULL ? strchr(open, '}') : NULL;
        size_t plain = close != NULL ? (size_t)(open - phrase) : strlen(phrase);
        const char *piece = arena_strndup(renderer->out.arena, phrase, plain);
        if (escaped)
            add_escaped(&renderer->out, piece);
        else
            buffer_add(&renderer->out, piece);
        if (close == NULL)
            return;
        char name[NAME_LARGEST] = "";
        size_t length = (size_t)(close - open) - 2;
        if (length < sizeof(name)) {
            memcpy(name, open + 2, length);
            add_value(renderer, look_up(renderer, name), escaped);
        }
        phrase = close + 1;
    }
}

static void add_phrase_of(struct renderer *renderer, const struct page_op *op)
{
    const char *value = yyjson_mut_get_str(look_up(renderer, op->name));
    if (value == NULL)
        return;
    const char *key = arena_printf(renderer->out.arena, "%s%s%s", op->text, value, op->suffix);
    const char *phrase = page_phrase_find(renderer->language, renderer->template->screen, key);
    add_phrase(renderer, phrase != NULL ? phrase : key, !renderer->template->plain);
}

static void add_groups(struct renderer *renderer, const char *text)
{
    if (text == NULL)
        return;
    while (*text != '\0') {
        size_t length = strnlen(text, GROUP);
        buffer_add(&renderer->out, "<span>");
        add_escaped(&renderer->out, arena_strndup(renderer->out.arena, text, length));
        buffer_add(&renderer->out, "</span>");
        text += length;
    }
}

/* Enters a section; gives the number of the operation to go on with. */
static size_t enter(struct renderer *renderer, const struct page_op *op, size_t at)
{
    yyjson_mut_val *value = look_up(renderer, op->name);
    bool wanted = op->kind == OP_SECTION;
    if (is_true(value) != wanted)
        return op->end + 1;
    struct frame *frame = &renderer->frames[renderer->depth++];
    *frame = (struct frame){.value = wanted ? value : NULL};
    if (wanted && yyjson_mut_is_arr(value)) {
        frame->iterating = true;
        (void)yyjson_mut_arr_iter_init(value, &frame->items);
        frame->value = yyjson_mut_arr_iter_next(&frame->items);
    }
    return at + 1;
}

static size_t leave(struct renderer *renderer, const struct page_op *op, size_t at)
{
    struct frame *frame = &renderer->frames[renderer->depth - 1];
    if (frame->iterating && yyjson_mut_arr_iter_has_next(&frame->items)) {
        frame->value = yyjson_mut_arr_iter_next(&frame->items);
        return op->end + 1;
    }
    renderer->depth--;
    return at + 1;
}

static size_t step(struct renderer *renderer, size_t at)
{
    const struct page_op *op = &renderer->template->ops[at];
    bool escaped = !renderer->template->plain;
    switch (op->kind) {
    case OP_TEXT:
        buffer_add_bytes(&renderer->out, op->text, op->length);
        break;
    case OP_VARIABLE:
        add_value(renderer, look_up(renderer, op->name), escaped);
        break;
    case OP_RAW:
        add_value(renderer, look_up(renderer, op->name), false);
        break;
    case OP_PHRASE:
        add_phrase(renderer, op->phrases[renderer->language], escaped);
        break;
    case OP_PHRASE_OF:
        add_phrase_of(renderer, op);
        break;
    case OP_GROUPS:
        add_groups(renderer, yyjson_mut_get_str(look_up(renderer, op->name)));
        break;
    case OP_SECTION:
    case OP_INVERTED:
        return enter(renderer, op, at);
    case OP_END:
        return leave(renderer, op, at);
    case OP_LANGUAGE:
        buffer_add(&renderer->out, page_languages[renderer->language]);
        break;
    case OP_DIRECTION:
        buffer_add(&renderer->out, strcmp(page_languages[renderer->language], "ar") == 0 ? "rtl" : "ltr");
        break;
    }
    return at + 1;
}

const char *page_render(struct arena *arena, const char *name, const char *language,
                        yyjson_mut_val *variables)
{
    const struct page_template *template = page_template_find(name);
    if (template == NULL) {
        LOG_ERROR("page.no_such_template", LOG_TEXT("template", name));
        abort();
    }
    struct renderer renderer = {.template = template, .language = page_language_index(language), .depth = 1};
    renderer.out = buffer_create(arena, PAGE_LARGEST);
    renderer.frames[0].value = variables;
    for (size_t at = 0; at < template->count;)
        at = step(&renderer, at);
    return buffer_text(&renderer.out);
}

const char *page_text_filled(struct arena *arena, const char *language, const char *screen, const char *key,
                             yyjson_mut_val *variables)
{
    struct renderer renderer = {.language = page_language_index(language), .depth = 1};
    renderer.out = buffer_create(arena, PAGE_LARGEST);
    renderer.frames[0].value = variables;
    const char *phrase = page_phrase_find(renderer.language, screen, key);
    add_phrase(&renderer, phrase != NULL ? phrase : key, false);
    return buffer_text(&renderer.out);
}
