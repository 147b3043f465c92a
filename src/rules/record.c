/* What the log tells of a login's rules: each rule's time, lines, calls, changes and fault. */
#include "rules/program.h"

#include "base/buffer.h"

#include <string.h>
#include <strings.h>

enum {
    RECORD_BYTES = 48 * 1024, /* of all entries together; what follows is left out */
    LINE_BYTES = 2000,
    SECRET_LEAST = 6, /* a configuration value of less is too common a text to be looked for */
};

static const char hidden[] = "[hidden]";

struct recording {
    struct arena *arena;
    yyjson_mut_doc *doc;
    const struct rule_set *set;
    const struct script_report *report;
    const struct rules_outcome *outcome;
    size_t used;
    bool is_full;
};

/* --- secrets --- */

static bool names_a_secret(const char *name)
{
    static const char *const words[] = {"password",   "secret",        "token",  "apikey", "api_key",
                                        "credential", "authorization", "cookie", "skey",   "private"};
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (strcasestr(name, words[i]) != NULL)
            return true;
    return false;
}

/* The members that the tokens go by: "context.idToken.plan" is none of the words above meant. */
static bool path_names_a_secret(const char *path)
{
    static const char *const claims[] = {"context.idToken", "context.accessToken"};
    for (size_t i = 0; i < ARRAY_LENGTH(claims); i++)
        if (strncmp(path, claims[i], strlen(claims[i])) == 0)
            path += strlen(claims[i]);
    return names_a_secret(path);
}

static const char *replace_all(struct arena *arena, const char *text, const char *secret, const char *by)
{
    const char *at = strstr(text, secret);
    if (at == NULL)
        return text;
    struct buffer clean = buffer_create(arena, 16 * strlen(text) + 1024);
    for (; at != NULL; text = at + strlen(secret), at = strstr(text, secret)) {
        buffer_add_bytes(&clean, text, (size_t)(at - text));
        buffer_printf(&clean, "[%s]", by);
    }
    buffer_add(&clean, text);
    return buffer_text(&clean);
}

/* The text with each value of the configuration replaced by its key; `in_json`: it is JSON, where they stand escaped. */
static const char *without_configuration(const struct recording *r, const char *text, bool in_json)
{
    size_t index, count;
    yyjson_mut_val *key, *value;
    if (r->set->configuration == NULL)
        return text;
    yyjson_mut_obj_foreach(r->set->configuration, index, count, key, value)
    {
        if (yyjson_mut_get_len(value) < SECRET_LEAST)
            continue;
        char *secret = arena_printf(r->arena, "%s", yyjson_mut_get_str(value));
        if (in_json) {
            secret = json_write_mut(r->arena, value) + 1;
            secret[strlen(secret) - 1] = '\0';
        }
        text = replace_all(r->arena, text, secret, yyjson_mut_get_str(key));
    }
    return text;
}

/* --- parts of an entry --- */

/* Counts a text towards the record's size; false where it does not fit any more. */
static bool fits(struct recording *r, size_t bytes)
{
    r->used += bytes + 16;
    r->is_full |= r->used > RECORD_BYTES;
    return !r->is_full;
}

static const char *level_name(char level)
{
    static const struct {
        char letter;
        const char *name;
    } levels[] = {{'i', "info"}, {'w', "warn"}, {'e', "error"}, {'d', "debug"}};
    for (size_t i = 0; i < ARRAY_LENGTH(levels); i++)
        if (levels[i].letter == level)
            return levels[i].name;
    return "log";
}

static void add_line(struct recording *r, yyjson_mut_val *lines, const char *level, const char *text)
{
    text = without_configuration(r, text, false);
    size_t length = strlen(text);
    if (length > LINE_BYTES) {
        length = LINE_BYTES;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
        text = arena_printf(r->arena, "%.*s…", (int)length, text);
    }
    if (!fits(r, strlen(text)))
        return;
    yyjson_mut_val *line = yyjson_mut_arr_add_obj(r->doc, lines);
    yyjson_mut_obj_add_str(r->doc, line, "level", level);
    yyjson_mut_obj_add_strcpy(r->doc, line, "text", text);
}

static bool changes_saml(yyjson_val *changes)
{
    static const char saml[] = "context.samlConfiguration";
    size_t index, count;
    yyjson_val *change;
    if (!yyjson_is_arr(changes))
        return false;
    yyjson_arr_foreach(changes, index, count, change)
    {
        const char *path = json_text(change, "path");
        if (path != NULL && strncmp(path, saml, strlen(saml)) == 0)
            return true;
    }
    return false;
}

static void add_console(struct recording *r, yyjson_mut_val *entry, size_t stage, yyjson_val *run)
{
    yyjson_mut_val *lines = yyjson_mut_arr(r->doc);
    for (size_t i = 0; i < r->report->line_count; i++)
        if (r->report->lines[i].stage == stage)
            add_line(r, lines, level_name(r->report->lines[i].level), r->report->lines[i].text);
    if (changes_saml(json_member(run, "changes")))
        add_line(r, lines, "warn", "context.samlConfiguration has no effect: this is no SAML login");
    if (yyjson_mut_arr_size(lines) > 0)
        yyjson_mut_obj_add_val(r->doc, entry, "console", lines);
}

/* An address for a log: without a user, a password or a query. */
static const char *public_address(struct recording *r, const char *url)
{
    const char *authority = strstr(url, "://");
    if (authority == NULL)
        return "";
    authority += 3;
    size_t authority_size = strcspn(authority, "/?#");
    const char *host = memrchr(authority, '@', authority_size);
    host = host == NULL ? authority : host + 1;
    const char *address =
        arena_printf(r->arena, "%.*s%.*s", (int)(authority - url), url, (int)strcspn(host, "?#"), host);
    return without_configuration(r, address, false);
}

/* The status of an answer that was made up for a try; else 0. */
static int made_up_status(struct arena *arena, const struct script_called *called)
{
    return (int)json_int(json_parse_own(arena, called->answer), "status", 0);
}

static void add_http(struct recording *r, yyjson_mut_val *calls, const struct script_called *called)
{
    const char *method = json_text(called->arguments, "method");
    const char *url = json_text(called->arguments, "url");
    if (method == NULL || url == NULL || !fits(r, strlen(url)))
        return;
    yyjson_mut_val *call = yyjson_mut_arr_add_obj(r->doc, calls);
    yyjson_mut_obj_add_strcpy(r->doc, call, "method", method);
    yyjson_mut_obj_add_strcpy(r->doc, call, "url", public_address(r, url));
    yyjson_mut_obj_add_int(r->doc, call, "ms", called->ms);
    int status = called->is_http ? called->status : made_up_status(r->arena, called);
    if (status > 0) {
        yyjson_mut_obj_add_int(r->doc, call, "status", status);
        yyjson_mut_obj_add_uint(r->doc, call, "bytes", called->bytes);
    } else {
        yyjson_mut_obj_add_strcpy(r->doc, call, "error",
                                  called->fault != NULL ? called->fault : "the rules did not wait for it");
    }
}

/* What was asked of the server itself: whose metadata, which members; never their values. */
static void add_own_call(struct recording *r, yyjson_mut_val *calls, const struct script_called *called)
{
    yyjson_val *patch = json_member(called->arguments, "patch");
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_mut_val *call = yyjson_mut_arr_add_obj(r->doc, calls);
    yyjson_mut_obj_add_strcpy(r->doc, call, "call", called->name);
    json_set_text(r->doc, call, "user_id", json_text(called->arguments, "user_id"));
    if (yyjson_is_obj(patch)) {
        yyjson_mut_val *members = yyjson_mut_obj_add_arr(r->doc, call, "members");
        yyjson_obj_foreach(patch, index, count, name, value)
        {
            if (fits(r, yyjson_get_len(name)))
                yyjson_mut_arr_append(members, yyjson_val_mut_copy(r->doc, name));
        }
    }
    yyjson_mut_obj_add_int(r->doc, call, "ms", called->ms);
    yyjson_mut_obj_add_bool(r->doc, call, "done", called->fault == NULL);
}

static void add_calls(struct recording *r, yyjson_mut_val *entry, size_t stage)
{
    yyjson_mut_val *http = yyjson_mut_arr(r->doc);
    yyjson_mut_val *own = yyjson_mut_arr(r->doc);
    for (size_t i = 0; i < r->report->called_count; i++) {
        const struct script_called *called = &r->report->called[i];
        /* Looking for a module is no doing of the rule's. */
        if (called->stage != stage || strncmp(called->name, "module.", 7) == 0)
            continue;
        if (strcmp(called->name, "http") == 0)
            add_http(r, http, called);
        else if (fits(r, strlen(called->name)))
            add_own_call(r, own, called);
    }
    if (yyjson_mut_arr_size(http) > 0)
        yyjson_mut_obj_add_val(r->doc, entry, "http", http);
    if (yyjson_mut_arr_size(own) > 0)
        yyjson_mut_obj_add_val(r->doc, entry, "calls", own);
}

/* A value for the log, without what the configuration holds; it is small (script/changes.h). */
static yyjson_mut_val *clean_value(struct recording *r, yyjson_val *value)
{
    const char *json = json_write(r->arena, value);
    yyjson_val *clean = json_parse_own(r->arena, without_configuration(r, json, true));
    return clean == NULL ? yyjson_mut_str(r->doc, hidden) : yyjson_val_mut_copy(r->doc, clean);
}

/* Hides secret members of an object, at its first two levels: {"provider":"duo","skey":…}. */
static void hide_members(yyjson_mut_doc *doc, yyjson_mut_val *object, int levels)
{
    size_t index, count;
    yyjson_mut_val *name, *value;
    if (!yyjson_mut_is_obj(object))
        return;
    yyjson_mut_obj_foreach(object, index, count, name, value)
    {
        if (names_a_secret(yyjson_mut_get_str(name)))
            yyjson_mut_set_str(value, hidden);
        else if (levels > 1)
            hide_members(doc, value, levels - 1);
    }
}

static void add_value(struct recording *r, yyjson_mut_val *change, const char *name, yyjson_val *value,
                      bool hide)
{
    if (value == NULL)
        return;
    yyjson_mut_val *told = hide ? yyjson_mut_str(r->doc, hidden) : clean_value(r, value);
    hide_members(r->doc, told, 2);
    yyjson_mut_obj_add_val(r->doc, change, name, told);
}

static void add_changes(struct recording *r, yyjson_mut_val *entry, yyjson_val *changes)
{
    size_t index, count;
    yyjson_val *change;
    if (!yyjson_is_arr(changes) || yyjson_arr_size(changes) == 0)
        return;
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(r->doc, entry, "changes");
    yyjson_arr_foreach(changes, index, count, change)
    {
        const char *path = json_text(change, "path");
        if (path == NULL || !fits(r, yyjson_get_len(json_member(change, "path")) + 2 * LINE_BYTES / 20))
            continue;
        bool hide = path_names_a_secret(path);
        yyjson_mut_val *told = yyjson_mut_arr_add_obj(r->doc, list);
        yyjson_mut_obj_add_strcpy(r->doc, told, "path", path);
        add_value(r, told, "from", json_member(change, "from"), hide);
        add_value(r, told, "to", json_member(change, "to"), hide);
    }
}

static void add_error(struct recording *r, yyjson_mut_val *entry)
{
    yyjson_val *told = json_member(r->report->answer, "error");
    yyjson_val *line = json_member(told, "line");
    yyjson_val *column = json_member(told, "column");
    yyjson_mut_val *error = yyjson_mut_obj_add_obj(r->doc, entry, "error");
    json_set_text(r->doc, error, "message", without_configuration(r, r->outcome->error_description, false));
    json_set_text(r->doc, error, "name", json_text(told, "name"));
    if (yyjson_is_int(line))
        yyjson_mut_obj_add_val(r->doc, error, "line", yyjson_val_mut_copy(r->doc, line));
    if (yyjson_is_int(column))
        yyjson_mut_obj_add_val(r->doc, error, "column", yyjson_val_mut_copy(r->doc, column));
}

static void add_entry(struct recording *r, size_t stage, yyjson_val *run)
{
    const struct rule *rule = &r->set->rules[stage];
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(r->doc, yyjson_mut_doc_get_root(r->doc));
    yyjson_mut_obj_add_strcpy(r->doc, entry, "rule", rule->name);
    yyjson_mut_obj_add_strcpy(r->doc, entry, "id", rule->id);
    if (yyjson_is_num(json_member(run, "ms")))
        yyjson_mut_obj_add_val(r->doc, entry, "ms", yyjson_val_mut_copy(r->doc, json_member(run, "ms")));
    add_console(r, entry, stage, run);
    add_calls(r, entry, stage);
    add_changes(r, entry, json_member(run, "changes"));
    if (r->outcome->error != NULL && r->outcome->refusing_rule == rule->name)
        add_error(r, entry);
    if (r->is_full)
        yyjson_mut_obj_add_bool(r->doc, entry, "shortened", true);
}

yyjson_val *rules_record(struct arena *arena, const struct rule_set *set, const struct script_report *report,
                         const struct rules_outcome *outcome)
{
    struct recording r = {
        .arena = arena, .doc = json_new_array(arena), .set = set, .report = report, .outcome = outcome};
    yyjson_val *runs = json_member(report->answer, "runs");
    size_t told = yyjson_arr_size(runs);
    /* A run that never ended left no entry of its own. */
    size_t reached = told > report->stage + 1 ? told : report->stage + 1;
    for (size_t i = 0; i < reached && i < set->count; i++)
        add_entry(&r, i, yyjson_arr_get(runs, i));
    return json_parse_own(arena, json_write_doc(arena, r.doc));
}
