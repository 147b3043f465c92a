#include "login/password_rules.h"

#include "page/page.h"

#include <string.h>

/* The policy's codes and the keys of our texts. */
static const struct {
    const char *code;
    const char *key;
} texts[] = {
    {"lengthAtLeast", "password-length-at-least"},
    {"nonEmpty", "password-length-at-least"},
    {"containsAtLeast", "password-contains-at-least"},
    {"shouldContain", "password-contains"},
    {"identicalChars", "password-identical"},
    {"lowerCase", "password-lower-case"},
    {"upperCase", "password-upper-case"},
    {"numbers", "password-numbers"},
    {"specialCharacters", "password-special"},
};

static const char *text_of(struct arena *arena, const char *language, yyjson_mut_val *rule)
{
    const char *code = json_mut_text(rule, "code");
    yyjson_mut_doc *variables = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(variables);
    yyjson_mut_val *number = yyjson_mut_arr_get_first(json_mut_member(rule, "format"));
    json_set_int(variables, root, "count", number != NULL ? yyjson_mut_get_sint(number) : 1);
    for (size_t i = 0; code != NULL && i < ARRAY_LENGTH(texts); i++) {
        if (strcmp(texts[i].code, code) == 0)
            return page_text_filled(arena, language, "common", texts[i].key, root);
    }
    return json_mut_text(rule, "message");
}

void password_rules_add(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *variables,
                        const char *language, const struct password_policy *policy)
{
    yyjson_mut_val *rules = password_policy_rules(policy, arena, json_new(arena), "");
    yyjson_mut_val *shown = yyjson_mut_obj(doc);
    yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, shown, "items");
    size_t index, count;
    yyjson_mut_val *rule;
    yyjson_mut_arr_foreach(rules, index, count, rule)
    {
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, items);
        json_set_text(doc, item, "text", text_of(arena, language, rule));
        yyjson_mut_val *kinds = json_mut_member(rule, "items");
        if (kinds == NULL)
            continue;
        yyjson_mut_val *choices = yyjson_mut_obj_add_obj(doc, item, "choices");
        yyjson_mut_val *choice_items = yyjson_mut_obj_add_arr(doc, choices, "items");
        size_t kind_index, kind_count;
        yyjson_mut_val *kind;
        yyjson_mut_arr_foreach(kinds, kind_index, kind_count, kind)
        {
            yyjson_mut_val *choice = yyjson_mut_arr_add_obj(doc, choice_items);
            json_set_text(doc, choice, "text", text_of(arena, language, kind));
        }
    }
    json_set(doc, variables, "passwordRules", shown);
}

const char *password_fault_key(enum password_fault fault)
{
    switch (fault) {
    case PASSWORD_FITS:
        break;
    case PASSWORD_TOO_WEAK:
        return "password-too-weak";
    case PASSWORD_TOO_COMMON:
        return "password-too-common";
    case PASSWORD_PERSONAL:
        return "password-contains-user-information";
    case PASSWORD_TOO_LONG:
        return "password-too-long";
    }
    return NULL;
}
