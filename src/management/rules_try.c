/* Beyond Auth0: templates to begin a rule with, and a try of a rule that logs nobody in and changes nothing. */
#include "management/resources.h"

#include "rules/templates.h"
#include "rules/try.h"

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

static void add_copy(yyjson_mut_doc *doc, const char *name, yyjson_val *value)
{
    if (value != NULL)
        json_set(doc, yyjson_mut_doc_get_root(doc), name, yyjson_val_mut_copy(doc, value));
}

static void add_updates(yyjson_mut_doc *doc, const struct rules_tried *tried)
{
    yyjson_mut_val *updates = yyjson_mut_arr(doc);
    for (size_t i = 0; i < tried->update_count; i++) {
        yyjson_val *arguments = tried->updates[i].arguments;
        yyjson_mut_val *update = yyjson_mut_arr_add_obj(doc, updates);
        json_set_text(doc, update, "user_id", json_text(arguments, "user_id"));
        json_set(doc, update, tried->updates[i].member,
                 yyjson_val_mut_copy(doc, json_member(arguments, "patch")));
    }
    json_set(doc, yyjson_mut_doc_get_root(doc), "updates", updates);
}

static void try_rule(struct call *call)
{
    struct rules_wish wish = {.script = json_text(call->body, "script"),
                              .user = json_member(call->body, "user"),
                              .context = json_member(call->body, "context")};
    struct rules_tried tried;
    rules_try(call->tenant, call->arena, &wish, &tried);
    const struct rules_outcome *outcome = &tried.outcome;
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "error", outcome->error);
    json_set_text(doc, root, "error_description", outcome->error_description);
    if (outcome->error == NULL) {
        add_copy(doc, "user", outcome->user);
        add_copy(doc, "id_token", outcome->id_token);
        add_copy(doc, "access_token", outcome->access_token);
        add_copy(doc, "scope", outcome->scopes);
        add_copy(doc, "multifactor", outcome->multifactor);
        json_set_text(doc, root, "redirect_url", outcome->redirect_url);
    }
    add_updates(doc, &tried);
    add_copy(doc, "run", outcome->run);
    http_reply_json(call->x, 200, doc);
}

static const struct operation list[] = {
    {"GET", "/rules/templates", list_templates, NULL},
    {"POST", "/rules/try", try_rule, NULL},
};
const struct operations rules_try_operations = {list, ARRAY_LENGTH(list)};
