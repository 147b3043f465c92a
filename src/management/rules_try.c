/* Beyond Auth0: templates to begin a rule with, and a try of a rule that logs nobody in and changes nothing. */
#include "management/resources.h"

#include "rules/templates.h"
#include "rules/try.h"
#include "script/modules.h"

static void list_templates(struct call *call)
{
    yyjson_mut_doc *doc = json_new_array(call->arena);
    for (size_t i = 0; i < rule_templates_count; i++) {
        const struct rule_template *template = &rule_templates[i];
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
        json_set_text(doc, entry, "id", template->id);
        json_set_text(doc, entry, "title", template->title);
        json_set_text(doc, entry, "category", template->category);
        json_set_text(doc, entry, "description", template->description);
        json_set_text(doc, entry, "script", template->script);
    }
    http_reply_json(call->x, 200, doc);
}

/* The rules that the body brings: `script` alone, or `rules` in their order. */
static const struct rule *rules_of(struct call *call, size_t *count)
{
    yyjson_val *given = json_member(call->body, "rules");
    *count = yyjson_is_arr(given) ? yyjson_arr_size(given) : 1;
    struct rule *rules = arena_calloc(call->arena, *count + 1, sizeof *rules);
    if (!yyjson_is_arr(given)) {
        rules[0] = (struct rule){.id = "try", .name = "try", .script = json_text(call->body, "script")};
        return rules[0].script == NULL ? NULL : rules;
    }
    size_t index, size;
    yyjson_val *rule;
    yyjson_arr_foreach(given, index, size, rule)
    {
        rules[index] = (struct rule){.id = arena_printf(call->arena, "try_%zu", index),
                                     .name = json_text(rule, "name"),
                                     .script = json_text(rule, "script")};
    }
    return rules;
}

static void try_rules(struct call *call)
{
    struct rules_try_world world = {.scripts = call->tenant->scripts,
                                    .tenant = tenant_name(call->tenant, call->arena),
                                    .host = call->tenant->config->host,
                                    .issuer = call->tenant->config->issuer,
                                    .modules = module_directory(call->arena, call->tenant->config->data)};
    struct rules_wish wish = {.user = json_member(call->body, "user"),
                              .context = json_member(call->body, "context"),
                              .configuration = json_member(call->body, "configuration"),
                              .http = json_member(call->body, "http")};
    wish.rules = rules_of(call, &wish.count);
    if (wish.rules == NULL) {
        (void)management_error(call->x, 400, "Payload validation error: 'Missing required property: script'.",
                               "invalid_body");
        return;
    }
    struct rules_tried *tried = arena_alloc(call->arena, sizeof *tried);
    rules_try(&world, call->arena, &wish, tried);
    http_reply_json(call->x, 200, rules_tried_json(call->arena, tried));
}

static const struct operation list[] = {
    {"GET", "/rules/templates", list_templates, NULL},
    {"POST", "/rules/try", try_rules, NULL},
};
const struct operations rules_try_operations = {list, ARRAY_LENGTH(list)};
