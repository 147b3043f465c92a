/* Rules, and the configuration that they read. */
#include "management/resources.h"
#include "rules/try.h"
#include "store/settings.h"

#include <string.h>

static const char *rule_id(struct arena *arena)
{
    return id_of_prefix(arena, "rul_");
}

/* A rule without an order comes last; of several made at once, one after the other. */
static bool order_rule(struct call *call, struct db_tx *tx, struct record *record)
{
    struct db_value *row = NULL;
    if (settings_lock(tx, call->arena, "rules.order") != DB_OK) {
        return management_store_failed(call->x);
    }
    if (json_mut_member(record->root, "order") != NULL) {
        return true;
    }
    if (db_row(tx, call->arena, &row, "SELECT COALESCE(MAX(rule_order), 0) FROM rules", "") != DB_OK) {
        return management_store_failed(call->x);
    }
    json_set_int(record->doc, record->root, "order", row[0].number + 1);
    return true;
}

/* Tells which of the two unique members is taken, while nothing has been written yet. */
static bool check_unique(struct call *call, struct db_tx *tx, struct record *record)
{
    struct db_rows rows;
    const char *name = json_mut_text(record->root, "name");
    int64_t order = json_mut_int(record->root, "order", 0);
    if (db_rows(tx, call->arena, &rows,
                "SELECT name FROM rules WHERE (name = ? OR rule_order = ?) AND id <> ?", "tit", name, order,
                record->id) != DB_OK) {
        return management_store_failed(call->x);
    }
    for (size_t i = 0; i < rows.count; i++) {
        bool by_name = strcmp(db_at(&rows, i, 0)->text, name) == 0;
        return management_error(call->x, 409,
                                by_name ? "A rule with the same name already exists"
                                        : "A rule with the same order already exists",
                                by_name ? "rule_name_conflict" : "rule_order_conflict");
    }
    return true;
}

static bool before_create_rule(struct call *call, struct db_tx *tx, struct record *record)
{
    return order_rule(call, tx, record) && check_unique(call, tx, record);
}

static const struct resource_column rule_columns[] = {
    {"name", "name", 't'}, {"rule_order", "order", 'i'}, {"enabled", "enabled", 'i'}};
static const struct resource_filter rule_filters[] = {{"enabled", "enabled", NULL, NULL}};

static const struct resource rules = {
    .name = "rules",
    .table = "rules",
    .id_member = "id",
    .new_id = rule_id,
    .columns = rule_columns,
    .column_count = ARRAY_LENGTH(rule_columns),
    .filters = rule_filters,
    .filter_count = ARRAY_LENGTH(rule_filters),
    .order = "rule_order, id",
    .defaults = "{\"enabled\":true,\"stage\":\"login_success\"}",
    .missing = "The rule does not exist",
    .missing_code = "inexistent_rule",
    .conflict = "A rule with the same name already exists",
    .conflict_code = "rule_name_conflict",
    .before_create = before_create_rule,
    .before_update = check_unique,
};

/*
 * As with Auth0, a rule that does not compile is stored. Whoever saves it is told by a header that SDKs pass by, and the
 * tenant's log by an entry. Before the write, which must not wait for a script.
 */
static void warn_of_fault(struct call *call)
{
    const char *name = json_text(call->body, "name");
    struct rule rule = {
        .id = "saved", .name = name != NULL ? name : "rule", .script = json_text(call->body, "script")};
    yyjson_val *fault = rule.script != NULL ? rules_check(call->tenant->scripts, call->arena, &rule) : NULL;
    if (fault == NULL)
        return;
    const char *message = json_text(fault, "message");
    char *text = arena_printf(call->arena, "%s at line %lld: %s", json_text(fault, "name"),
                              (long long)json_int(fault, "line", 1),
                              message != NULL ? message : "it does not compile");
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
            *at = '?';
    http_set_header(call->x, "x-countersign-warning", text);
    tenant_log(call->tenant, call->x,
               (struct log_entry){.type = "w",
                                  .description = arena_printf(call->arena, "Rule %s: %s", rule.name, text)});
}

static void create_rule(struct call *call)
{
    warn_of_fault(call);
    resource_create(call);
}

static void update_rule(struct call *call)
{
    warn_of_fault(call);
    resource_update(call);
}

static const struct resource rules_configs = {
    .name = "rules_configs",
    .table = "rules_configs",
    .id_member = "key",
    .id_parameter = "key",
    .order = "id",
    .secret = "value",
};

/* Keys alone, all of them: values never come back. */
static void list_configs(struct call *call)
{
    struct paging paging = {.limit = INT32_MAX};
    struct record *records = NULL;
    size_t count;
    int64_t total;
    struct db_tx *tx = NULL;
    if (!call_read(call, &tx)) {
        return;
    }
    enum db_result result = record_page(call, tx, &rules_configs, &paging, &records, &count, &total);
    db_end(&tx);
    if (result != DB_OK) {
        (void)management_store_failed(call->x);
        return;
    }
    yyjson_mut_doc *doc = json_new_array(call->arena);
    for (size_t i = 0; i < count; i++) {
        yyjson_mut_val *config = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
        json_set_text(doc, config, "key", records[i].id);
    }
    http_reply_json(call->x, 200, doc);
}

static enum db_result put_config(struct call *call, struct db_tx *tx, struct record *record)
{
    struct record old;
    enum db_result result = record_by_id(call, tx, &rules_configs, record->id, &old);
    if (result == DB_NOT_FOUND) {
        return record_insert(call, tx, &rules_configs, record);
    }
    record->version = old.version;
    return result == DB_OK ? record_update(call, tx, &rules_configs, record) : result;
}

static void set_config(struct call *call)
{
    struct record record = {.id = http_parameter(call->x, "key"),
                            .doc = json_new_object(call->arena),
                            .secret = json_text(call->body, "value")};
    record.root = yyjson_mut_doc_get_root(record.doc);
    json_set_text(record.doc, record.root, "key", record.id);
    struct db_tx *tx = NULL;
    if (!call_write(call, &tx)) {
        return;
    }
    if (put_config(call, tx, &record) != DB_OK) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (call_commit(call, &tx)) {
        json_set_text(record.doc, record.root, "value", record.secret);
        http_reply_json(call->x, 200, record.doc);
    }
}

static const struct operation list[] = {
    {"GET", "/rules", resource_list, &rules},
    {"POST", "/rules", create_rule, &rules},
    {"GET", "/rules/{id}", resource_read, &rules},
    {"PATCH", "/rules/{id}", update_rule, &rules},
    {"DELETE", "/rules/{id}", resource_remove, &rules},
    {"GET", "/rules-configs", list_configs, &rules_configs},
    {"PUT", "/rules-configs/{key}", set_config, &rules_configs},
    {"DELETE", "/rules-configs/{key}", resource_remove, &rules_configs},
};
const struct operations rules_operations = {list, ARRAY_LENGTH(list)};
