#include "rules/pipeline.h"

#include "base/log.h"
#include "rules/calls.h"
#include "rules/program.h"

#include <string.h>

static bool is_login_success(yyjson_val *doc)
{
    const char *stage = json_text(doc, "stage");
    return stage == NULL || strcmp(stage, "login_success") == 0;
}

static enum db_result read_rules(struct db_tx *tx, struct arena *arena, struct rule_set *set)
{
    struct db_rows rows;
    enum db_result result = db_rows(
        tx, arena, &rows, "SELECT id, name, doc FROM rules WHERE enabled = 1 ORDER BY rule_order, id", "");
    if (result != DB_OK)
        return result;
    struct rule *rules = arena_calloc(arena, rows.count + 1, sizeof *rules);
    for (size_t i = 0; i < rows.count; i++) {
        yyjson_val *doc = json_parse_own(arena, db_at(&rows, i, 2)->text);
        const char *script = json_text(doc, "script");
        if (script != NULL && is_login_success(doc))
            rules[set->count++] = (struct rule){
                .id = db_at(&rows, i, 0)->text, .name = db_at(&rows, i, 1)->text, .script = script};
    }
    set->rules = rules;
    return DB_OK;
}

/* All rules-configs, opened, as the object `configuration`. */
static enum db_result read_configuration(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                         yyjson_mut_doc *doc, struct rule_set *set)
{
    struct db_rows rows;
    enum db_result result = db_rows(tx, arena, &rows, "SELECT id, sealed FROM rules_configs ORDER BY id", "");
    if (result != DB_OK)
        return result;
    set->configuration = yyjson_mut_obj(doc);
    for (size_t i = 0; i < rows.count; i++) {
        const char *key = db_at(&rows, i, 0)->text;
        struct bytes value;
        if (!keyring_open(tenant->keyring, arena, arena_printf(arena, "rules_configs:%s", key),
                          db_at(&rows, i, 1)->text, &value)) {
            LOG_ERROR("rules.config_sealed", LOG_TEXT("key", key));
            return DB_FAILED;
        }
        yyjson_mut_obj_add(set->configuration, yyjson_mut_strcpy(doc, key),
                           yyjson_mut_strncpy(doc, (const char *)value.data, value.size));
    }
    return DB_OK;
}

static enum db_result read_enrollment(struct db_tx *tx, struct arena *arena, const char *user_id,
                                      bool *has_factor)
{
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, arena, &row,
                                   "SELECT id FROM authenticators WHERE user_id = ? AND status = 'confirmed' "
                                   "AND kind <> 'recovery-code' LIMIT 1",
                                   "t", user_id);
    *has_factor = result == DB_OK;
    return result == DB_NOT_FOUND ? DB_OK : result;
}

static yyjson_val *frozen(struct arena *arena, yyjson_mut_val *value)
{
    return json_parse_own(arena, json_write_mut(arena, value));
}

/* Finds the account that a rule named in context.primaryUser. */
static void find_primary(struct tenant *tenant, struct arena *arena, const struct rules_login *login,
                         struct rules_outcome *outcome)
{
    const char *user_id = outcome->primary_user_id;
    if (outcome->error != NULL || user_id == NULL || strcmp(user_id, login->user->user_id) == 0)
        return;
    struct user *primary = arena_calloc(arena, 1, sizeof *primary);
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant->db, &tx);
    if (result == DB_OK)
        result = user_by_id(tx, arena, user_id, primary);
    db_end(&tx);
    if (result == DB_OK && json_bool(primary->doc, "blocked", false)) {
        outcome->error = "unauthorized";
        outcome->error_description = "user is blocked";
    } else if (result == DB_OK) {
        const char *left_as = json_text(outcome->user, "user_id");
        outcome->primary = primary;
        if (left_as == NULL || strcmp(left_as, user_id) != 0)
            outcome->user = primary->doc;
    } else {
        outcome->error = result == DB_NOT_FOUND ? "access_denied" : "server_error";
        outcome->error_description = "The user that context.primaryUser names does not exist.";
    }
}

static void settle_redirect(struct arena *arena, const struct rules_login *login, yyjson_val *before,
                            struct rules_outcome *outcome)
{
    if (outcome->error != NULL || strcmp(login->protocol, "redirect-callback") == 0)
        outcome->redirect_url = NULL;
    if (outcome->redirect_url != NULL)
        outcome->overlay = rules_overlay_of(arena, before, outcome->user);
}

void rules_run(struct tenant *tenant, struct arena *arena, const struct rules_login *login,
               struct rules_outcome *outcome)
{
    struct rule_set set = {.rules = NULL};
    struct rules_place place = {.host = tenant->config->host, .issuer = tenant->config->issuer};
    place.tenant = tenant_name(tenant, arena);
    if (login->x != NULL) {
        place.user_agent = http_header(login->x, "user-agent");
        place.ip = login->x->request.client_ip;
    }
    yyjson_mut_doc *configuration = json_new(arena);
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant->db, &tx);
    if (result == DB_OK)
        result = read_rules(tx, arena, &set);
    if (result == DB_OK && set.count > 0)
        result = read_configuration(tenant, tx, arena, configuration, &set);
    if (result == DB_OK && set.count > 0)
        result = read_enrollment(tx, arena, login->user->user_id, &place.has_factor);
    db_end(&tx);
    rules_outcome_plain(arena, login->user->doc, outcome);
    if (result != DB_OK) {
        outcome->error = "server_error";
        outcome->error_description = "The rules could not be read";
        return;
    }
    if (set.count == 0)
        return;
    struct rules_calls calls = {.tenant = tenant, .numbers = exact_numbers_in(arena, login->user->doc)};
    struct script_job allowed = {.context = NULL};
    rules_calls_allow(&calls, &allowed);
    place.geoip = geoip_find(tenant->geoip, arena, place.ip);
    yyjson_mut_doc *input = rules_input(arena, login, &place);
    rules_program_run(tenant->scripts, arena, &set, input, calls.numbers, &allowed, outcome);
    /* The user as the rules got it is asked for only where one of them sent the person away. */
    yyjson_mut_val *given = json_mut_member(yyjson_mut_doc_get_root(input), "user");
    settle_redirect(arena, login, outcome->redirect_url != NULL ? frozen(arena, given) : NULL, outcome);
    find_primary(tenant, arena, login, outcome);
    if (outcome->error != NULL)
        LOG_INFO("rules.refused", LOG_TEXT("rule", outcome->refusing_rule),
                 LOG_TEXT("error", outcome->error));
}
