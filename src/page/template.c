#include "page/template.h"

#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct {
    pthread_once_t once;
    struct arena *arena; /* lives as long as the process */
    struct page_template *templates;
    const char **names;
} compiled = {.once = PTHREAD_ONCE_INIT};

struct source_frame {
    const char *cursor;
};

struct compiler {
    struct page_template *template;
    size_t capacity;
    struct source_frame frames[PAGE_PARTIAL_DEPTH];
    size_t depth;
    size_t open[PAGE_SECTION_DEPTH];
    size_t open_count;
};

/* Our own templates are at fault, so this is a bug of the build: it ends the process. */
static NORETURN void fault(const struct compiler *compiler, const char *what, const char *detail)
{
    LOG_ERROR("page.template_fault", LOG_TEXT("template", compiler->template->name), LOG_TEXT("fault", what),
              LOG_TEXT("detail", detail));
    abort();
}

static const struct page_source *source_of(const char *name)
{
    for (size_t i = 0; i < page_sources_count; i++) {
        if (strcmp(page_sources[i].name, name) == 0)
            return &page_sources[i];
    }
    return NULL;
}

static struct page_op *add(struct compiler *compiler, enum page_op_kind kind)
{
    struct page_template *template = compiler->template;
    if (template->count == compiler->capacity) {
        size_t capacity = compiler->capacity > 0 ? 2 * compiler->capacity : 32;
        struct page_op *ops = arena_calloc(compiled.arena, capacity, sizeof(*ops));
        if (template->count > 0)
            memcpy(ops, template->ops, template->count * sizeof(*ops));
        template->ops = ops;
        compiler->capacity = capacity;
    }
    struct page_op *op = &template->ops[template->count++];
    op->kind = kind;
    return op;
}

static void add_text(struct compiler *compiler, const char *text, size_t length)
{
    if (length == 0)
        return;
    struct page_op *op = add(compiler, OP_TEXT);
    op->text = text;
    op->length = length;
}

static void add_phrase(struct compiler *compiler, const char *key)
{
    struct page_op *op;
    const char *dollar = strchr(key, '$');
    if (dollar != NULL) {
        op = add(compiler, OP_PHRASE_OF);
        size_t length = strcspn(dollar + 1, "+");
        op->text = arena_strndup(compiled.arena, key, (size_t)(dollar - key));
        op->name = arena_strndup(compiled.arena, dollar + 1, length);
        op->suffix = dollar[1 + length] == '+' ? dollar + 2 + length : "";
        return;
    }
    op = add(compiler, OP_PHRASE);
    for (size_t i = 0; i < page_languages_count; i++) {
        op->phrases[i] = page_phrase_find(i, compiler->template->screen, key);
        if (op->phrases[i] == NULL)
            fault(compiler, "no such text", key);
    }
}

static void add_asset(struct compiler *compiler, const char *source)
{
    for (size_t i = 0; i < page_assets_count; i++) {
        if (strcmp(page_assets[i].source, source) != 0)
            continue;
        const char *address = arena_printf(compiled.arena, "/u/assets/%s", page_assets[i].name);
        add_text(compiler, address, strlen(address));
        return;
    }
    fault(compiler, "no such asset", source);
}

static void open_section(struct compiler *compiler, enum page_op_kind kind, const char *name)
{
    if (compiler->open_count == PAGE_SECTION_DEPTH)
        fault(compiler, "sections too deep", name);
    add(compiler, kind)->name = name;
    compiler->open[compiler->open_count++] = compiler->template->count - 1;
}

static void close_section(struct compiler *compiler, const char *name)
{
    if (compiler->open_count == 0)
        fault(compiler, "closes what is not open", name);
    size_t start = compiler->open[--compiler->open_count];
    if (strcmp(compiler->template->ops[start].name, name) != 0)
        fault(compiler, "closes another section", name);
    add(compiler, OP_END)->end = start;
    compiler->template->ops[start].end = compiler->template->count - 1;
}

static void include_partial(struct compiler *compiler, const char *name)
{
    const struct page_source *source = source_of(name);
    if (source == NULL)
        fault(compiler, "no such partial", name);
    if (compiler->depth == PAGE_PARTIAL_DEPTH)
        fault(compiler, "partials too deep", name);
    compiler->frames[compiler->depth++].cursor = source->text;
}

static void add_name(struct compiler *compiler, const char *name)
{
    if (strcmp(name, "page.language") == 0)
        add(compiler, OP_LANGUAGE);
    else if (strcmp(name, "page.direction") == 0)
        add(compiler, OP_DIRECTION);
    else if (strncmp(name, "t.", 2) == 0)
        add_phrase(compiler, name + 2);
    else if (strncmp(name, "asset.", 6) == 0)
        add_asset(compiler, name + 6);
    else if (strncmp(name, "groups.", 7) == 0)
        add(compiler, OP_GROUPS)->name = name + 7;
    else
        add(compiler, OP_VARIABLE)->name = name;
}

static void compile_tag(struct compiler *compiler, const char *tag)
{
    switch (*tag) {
    case '#':
        open_section(compiler, OP_SECTION, tag + 1);
        break;
    case '^':
        open_section(compiler, OP_INVERTED, tag + 1);
        break;
    case '/':
        close_section(compiler, tag + 1);
        break;
    case '>':
        include_partial(compiler, tag + 1);
        break;
    default:
        add_name(compiler, tag);
    }
}

/* One piece of text and the tag behind it, of the innermost source; false where that source is read to its end. */
static bool compile_step(struct compiler *compiler)
{
    struct source_frame *frame = &compiler->frames[compiler->depth - 1];
    const char *open = strstr(frame->cursor, "{{");
    if (open == NULL) {
        add_text(compiler, frame->cursor, strlen(frame->cursor));
        return false;
    }
    add_text(compiler, frame->cursor, (size_t)(open - frame->cursor));
    bool raw = open[2] == '{';
    const char *start = open + (raw ? 3 : 2);
    const char *close = strstr(start, raw ? "}}}" : "}}");
    if (close == NULL)
        fault(compiler, "tag without end", start);
    frame->cursor = close + (raw ? 3 : 2);
    const char *tag = arena_strndup(compiled.arena, start, (size_t)(close - start));
    if (raw)
        add(compiler, OP_RAW)->name = tag;
    else
        compile_tag(compiler, tag);
    return true;
}

static void compile_one(struct page_template *template, const struct page_source *source)
{
    size_t length = strlen(source->name);
    template->name = source->name;
    template->plain = length > 4 && strcmp(source->name + length - 4, ".txt") == 0;
    template->screen =
        template->plain ? arena_strndup(compiled.arena, source->name, length - 4) : source->name;
    struct compiler compiler = {.template = template, .depth = 1};
    compiler.frames[0].cursor = source->text;
    while (compiler.depth > 0) {
        if (!compile_step(&compiler))
            compiler.depth--;
    }
    if (compiler.open_count > 0)
        fault(&compiler, "section without end", template->ops[compiler.open[compiler.open_count - 1]].name);
}

/* Partials (names that begin with "_") are compiled into those that use them, not by themselves: their texts are the user's. */
static void compile_all(void)
{
    compiled.arena = arena_create();
    compiled.templates = arena_calloc(compiled.arena, page_sources_count, sizeof(*compiled.templates));
    compiled.names = arena_calloc(compiled.arena, page_sources_count + 1, sizeof(*compiled.names));
    size_t names = 0;
    for (size_t i = 0; i < page_sources_count; i++) {
        if (page_sources[i].name[0] == '_')
            continue;
        compile_one(&compiled.templates[i], &page_sources[i]);
        compiled.names[names++] = page_sources[i].name;
    }
}

void page_compile_all(void)
{
    (void)pthread_once(&compiled.once, compile_all);
}

const char *const *page_names(void)
{
    page_compile_all();
    return compiled.names;
}

const struct page_template *page_template_find(const char *name)
{
    page_compile_all();
    for (size_t i = 0; i < page_sources_count; i++) {
        if (compiled.templates[i].name != NULL && strcmp(compiled.templates[i].name, name) == 0)
            return &compiled.templates[i];
    }
    return NULL;
}
