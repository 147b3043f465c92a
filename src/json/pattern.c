#include "json/pattern.h"

#include <stdint.h>
#include <string.h>

/*
 * A program for Pike's virtual machine: all threads step through the text together, each instruction at most
 * once a character, so nothing backtracks.
 */
enum operation { MATCH, SET, SPLIT, JUMP, BEGIN, END };

struct set {
    uint64_t ascii[2];
    bool beyond; /* characters over U+007F */
};

struct instruction {
    enum operation operation;
    unsigned first;  /* SPLIT, JUMP: where to */
    unsigned second; /* SPLIT */
    struct set set;
};

enum { MAXIMUM_INSTRUCTIONS = 2000, MAXIMUM_GROUPS = 16, MAXIMUM_REPEATS = 255, WITHOUT_LIMIT = -1 };

struct pattern {
    struct instruction code[MAXIMUM_INSTRUCTIONS];
    unsigned size;
};

struct compiler {
    struct pattern *pattern;
    const char *at;
    unsigned depth;
    bool failed;
};

static void compile_alternatives(struct compiler *c);

static unsigned emit(struct compiler *c, enum operation operation)
{
    if (c->pattern->size >= MAXIMUM_INSTRUCTIONS) {
        c->failed = true;
        return 0;
    }
    c->pattern->code[c->pattern->size].operation = operation;
    return c->pattern->size++;
}

/* Makes room for one instruction before `at`; jumps inside what is moved move along. */
static void insert_split(struct compiler *c, unsigned at)
{
    struct instruction *code = c->pattern->code;
    (void)emit(c, JUMP);
    if (c->failed) {
        return;
    }
    memmove(&code[at + 1], &code[at], (c->pattern->size - 1 - at) * sizeof(code[0]));
    for (unsigned i = at + 1; i < c->pattern->size; i++) {
        if (code[i].operation == SPLIT || code[i].operation == JUMP) {
            code[i].first += code[i].first >= at;
            code[i].second += code[i].second >= at;
        }
    }
    code[at] = (struct instruction){.operation = SPLIT, .first = at + 1};
}

static void set_add(struct set *set, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to && i < 128; i++) {
        set->ascii[i / 64] |= (uint64_t)1 << (i % 64);
    }
    set->beyond = set->beyond || to >= 128;
}

static struct set set_inverse(struct set set)
{
    return (struct set){{~set.ascii[0], ~set.ascii[1]}, !set.beyond};
}

/* \d \w \s and their opposites; false where `letter` names no class. */
static bool set_add_class(struct set *set, char letter)
{
    struct set class = {{0, 0}, false};
    switch (letter | 0x20) {
    case 'd':
        set_add(&class, '0', '9');
        break;
    case 'w':
        set_add(&class, '0', '9');
        set_add(&class, 'A', 'Z');
        set_add(&class, 'a', 'z');
        set_add(&class, '_', '_');
        break;
    case 's':
        set_add(&class, '\t', '\r');
        set_add(&class, ' ', ' ');
        break;
    default:
        return false;
    }
    if ((letter & 0x20) == 0) {
        class = set_inverse(class);
    }
    set->ascii[0] |= class.ascii[0];
    set->ascii[1] |= class.ascii[1];
    set->beyond = set->beyond || class.beyond;
    return true;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c | 0x20) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* The character after a backslash at c->at; advances past it. */
static unsigned escaped(struct compiler *c)
{
    char letter = *c->at;
    if (letter == '\0') {
        c->failed = true;
        return 0;
    }
    c->at++;
    if (letter == 'x') {
        int high = hex_digit(c->at[0]), low = high >= 0 ? hex_digit(c->at[1]) : -1;
        c->failed = c->failed || low < 0;
        c->at += low < 0 ? 0 : 2;
        return low < 0 ? 0 : (unsigned)(high * 16 + low);
    }
    return letter == 'n' ? '\n' : letter == 't' ? '\t' : letter == 'r' ? '\r' : (unsigned char)letter;
}

/* One end of a range, or a whole class; `is_class` says which. */
static unsigned class_member(struct compiler *c, struct set *set, bool *is_class)
{
    *is_class = false;
    if (*c->at != '\\') {
        return (unsigned char)*c->at++;
    }
    c->at++;
    if (set_add_class(set, *c->at)) {
        c->at++;
        *is_class = true;
        return 0;
    }
    return escaped(c);
}

static void compile_class(struct compiler *c)
{
    struct set set = {{0, 0}, false};
    bool negated = *c->at == '^';
    c->at += negated;
    while (*c->at != ']' && *c->at != '\0' && !c->failed) {
        bool is_class, end_is_class = false;
        unsigned from = class_member(c, &set, &is_class);
        if (is_class) {
            continue;
        }
        unsigned to = from;
        if (c->at[0] == '-' && c->at[1] != ']' && c->at[1] != '\0') {
            c->at++;
            to = class_member(c, &set, &end_is_class);
            if (end_is_class || to < from) {
                set_add(&set, '-', '-');
                to = from;
            }
        }
        set_add(&set, from, to);
    }
    if (*c->at != ']') {
        c->failed = true;
        return;
    }
    c->at++;
    unsigned at = emit(c, SET);
    c->pattern->code[at].set = negated ? set_inverse(set) : set;
}

static void compile_group(struct compiler *c)
{
    if (c->at[0] == '?') {
        if (c->at[1] != ':') {
            c->failed = true;
            return;
        }
        c->at += 2;
    }
    if (++c->depth > MAXIMUM_GROUPS) {
        c->failed = true;
        return;
    }
    compile_alternatives(c);
    c->depth--;
    if (*c->at != ')') {
        c->failed = true;
        return;
    }
    c->at++;
}

static void compile_atom(struct compiler *c)
{
    char letter = *c->at++;
    struct set set = {{0, 0}, false};
    switch (letter) {
    case '(':
        compile_group(c);
        return;
    case '[':
        compile_class(c);
        return;
    case '^':
        (void)emit(c, BEGIN);
        return;
    case '$':
        (void)emit(c, END);
        return;
    case '.':
        set_add(&set, '\n', '\n');
        set_add(&set, '\r', '\r');
        set = set_inverse(set);
        break;
    case '\\':
        if (set_add_class(&set, *c->at)) {
            c->at++;
        } else {
            unsigned character = escaped(c);
            set_add(&set, character, character);
        }
        break;
    case '*':
    case '+':
    case '?':
        c->failed = true;
        return;
    default:
        set_add(&set, (unsigned char)letter, (unsigned char)letter);
        break;
    }
    unsigned at = emit(c, SET);
    c->pattern->code[at].set = set;
}

static bool read_number(const char **at, int *number)
{
    const char *start = *at;
    for (*number = 0; **at >= '0' && **at <= '9' && *number <= MAXIMUM_REPEATS; (*at)++) {
        *number = *number * 10 + (**at - '0');
    }
    return *at > start && *number <= MAXIMUM_REPEATS;
}

/* How often the atom before may repeat; false where no quantifier stands here. */
static bool read_quantifier(struct compiler *c, int *least, int *most)
{
    if (*c->at == '*' || *c->at == '+' || *c->at == '?') {
        *least = *c->at == '+';
        *most = *c->at == '?' ? 1 : WITHOUT_LIMIT;
        c->at++;
        return true;
    }
    const char *at = c->at;
    if (*at != '{' || (at++, !read_number(&at, least))) {
        return false;
    }
    *most = *least;
    if (*at == ',') {
        at++;
        *most = WITHOUT_LIMIT;
        if (*at != '}' && !read_number(&at, most)) {
            return false;
        }
    }
    if (*at != '}') {
        return false;
    }
    c->at = at + 1;
    return true;
}

/* Compiles the atom at `source` once more. */
static void again(struct compiler *c, const char *source)
{
    const char *after = c->at;
    c->at = source;
    compile_atom(c);
    c->at = after;
}

static void compile_repeat(struct compiler *c)
{
    const char *source = c->at;
    unsigned start = c->pattern->size;
    int least, most;
    compile_atom(c);
    if (c->failed || !read_quantifier(c, &least, &most)) {
        return;
    }
    c->pattern->size = start;
    for (int i = 0; i < least && !c->failed; i++) {
        again(c, source);
    }
    if (most == WITHOUT_LIMIT) {
        unsigned loop = c->pattern->size;
        again(c, source);
        insert_split(c, loop);
        unsigned jump = emit(c, JUMP);
        c->pattern->code[jump].first = loop;
        c->pattern->code[loop].second = c->pattern->size;
        return;
    }
    for (int i = least; i < most && !c->failed; i++) {
        unsigned at = c->pattern->size;
        again(c, source);
        insert_split(c, at);
        c->pattern->code[at].second = c->pattern->size;
    }
}

static void compile_alternatives(struct compiler *c)
{
    unsigned start = c->pattern->size;
    while (*c->at != '\0' && *c->at != ')' && *c->at != '|' && !c->failed) {
        compile_repeat(c);
    }
    while (*c->at == '|' && !c->failed) {
        c->at++;
        insert_split(c, start);
        unsigned jump = emit(c, JUMP);
        c->pattern->code[start].second = c->pattern->size;
        while (*c->at != '\0' && *c->at != ')' && *c->at != '|' && !c->failed) {
            compile_repeat(c);
        }
        c->pattern->code[jump].first = c->pattern->size;
    }
}

struct pattern *pattern_compile(struct arena *arena, const char *text)
{
    struct compiler c = {.pattern = arena_alloc(arena, sizeof(struct pattern)), .at = text};
    compile_alternatives(&c);
    for (const char *at = text; *at != '\0'; at++) {
        c.failed = c.failed || (*at & 0x80) != 0;
    }
    (void)emit(&c, MATCH);
    return c.failed || *c.at != '\0' ? NULL : c.pattern;
}

/* The threads of one step: instruction numbers, each at most once. */
struct threads {
    unsigned *list;
    unsigned count;
    uint32_t *mark;
};

struct step {
    const struct pattern *pattern;
    unsigned *stack;
    uint32_t number;
    bool at_begin;
    bool at_end;
};

static void add_thread(const struct step *step, struct threads *threads, unsigned start)
{
    unsigned depth = 0;
    step->stack[depth++] = start;
    while (depth > 0) {
        unsigned at = step->stack[--depth];
        if (threads->mark[at] == step->number) {
            continue;
        }
        threads->mark[at] = step->number;
        const struct instruction *instruction = &step->pattern->code[at];
        if (instruction->operation == JUMP) {
            step->stack[depth++] = instruction->first;
        } else if (instruction->operation == SPLIT) {
            step->stack[depth++] = instruction->second;
            step->stack[depth++] = instruction->first;
        } else if (instruction->operation == BEGIN || instruction->operation == END) {
            if (instruction->operation == BEGIN ? step->at_begin : step->at_end) {
                step->stack[depth++] = at + 1;
            }
        } else {
            threads->list[threads->count++] = at;
        }
    }
}

static bool set_has(const struct set *set, unsigned char c)
{
    return c >= 128 ? set->beyond : (set->ascii[c / 64] >> (c % 64) & 1) != 0;
}

/* The bytes of the character at `at`; 0 at the end. */
static size_t character_size(const char *at)
{
    size_t size = *at != '\0';
    while (size > 0 && ((unsigned char)at[size] & 0xC0) == 0x80) {
        size++;
    }
    return size;
}

bool pattern_matches(const struct pattern *pattern, struct arena *arena, const char *text)
{
    unsigned size = pattern->size;
    uint32_t *mark = arena_calloc(arena, size, sizeof(uint32_t));
    struct threads now = {arena_calloc(arena, size, sizeof(unsigned)), 0, mark};
    struct threads next = {arena_calloc(arena, size, sizeof(unsigned)), 0, mark};
    struct step step = {pattern, arena_calloc(arena, 2 * size + 2, sizeof(unsigned)), 1, true, *text == '\0'};
    for (const char *at = text;;) {
        size_t length = character_size(at);
        add_thread(&step, &now, 0);
        step.number++;
        step.at_begin = false;
        step.at_end = length > 0 && at[length] == '\0';
        next.count = 0;
        for (unsigned i = 0; i < now.count; i++) {
            const struct instruction *instruction = &pattern->code[now.list[i]];
            if (instruction->operation == MATCH) {
                return true;
            }
            if (length > 0 && set_has(&instruction->set, (unsigned char)*at)) {
                add_thread(&step, &next, now.list[i] + 1);
            }
        }
        if (length == 0) {
            return false;
        }
        struct threads swapped = now;
        now = next;
        next = swapped;
        at += length;
    }
}
