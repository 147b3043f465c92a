#include "cli/dev.h"

#include "base/clock.h"
#include "cli/demo.h"
#include "tenant/tenant.h"

#include <string.h>

/* The stored messages that the query asks for; answers the request itself where the store fails. */
static bool read_outbox(struct http_exchange *x, struct db_rows *rows)
{
    const char *to = http_query(x, "to");
    const char *channel = http_query(x, "channel");
    struct db_tx *tx;
    enum db_result result = db_begin_read(tenant_of(x)->db, &tx);
    if (result == DB_OK) {
        result = db_rows(tx, x->arena, rows,
                         "SELECT at, channel, recipient, doc FROM dev_outbox WHERE (? = '' OR recipient = ?) "
                         "AND (? = '' OR channel = ?) ORDER BY at DESC, id DESC LIMIT 500",
                         "tttt", to != NULL ? to : "", to != NULL ? to : "", channel != NULL ? channel : "",
                         channel != NULL ? channel : "");
        db_end(&tx);
    }
    if (result != DB_OK)
        http_reply(x, 503, "text/plain", "the store is not reachable\n");
    return result == DB_OK;
}

static void add_entry(struct http_exchange *x, yyjson_mut_doc *doc, yyjson_mut_val *list,
                      const struct db_rows *rows, size_t r)
{
    static const char *const members[] = {"text", "subject", "html", "payload"};
    yyjson_val *message = json_parse_own(x->arena, db_at(rows, r, 3)->text);
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, list);

    json_set_text(doc, entry, "at", clock_iso8601(x->arena, db_at(rows, r, 0)->number));
    json_set_text(doc, entry, "channel", db_at(rows, r, 1)->text);
    json_set_text(doc, entry, "to", db_at(rows, r, 2)->text);
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        yyjson_val *value = json_member(message, members[i]);
        if (value != NULL && !yyjson_is_null(value))
            json_set(doc, entry, members[i], yyjson_val_mut_copy(doc, value));
    }
}

static void get_outbox(struct http_exchange *x)
{
    const char *accept = http_header(x, "accept");
    struct db_rows rows;
    http_set_header(x, "Vary", "Accept");
    if (accept != NULL && strstr(accept, "text/html") != NULL) {
        demo_reply_asset(x, "outbox.html");
        return;
    }
    if (!read_outbox(x, &rows))
        return;
    yyjson_mut_doc *doc = json_new_array(x->arena);
    yyjson_mut_val *list = yyjson_mut_doc_get_root(doc);
    for (size_t r = 0; r < rows.count; r++)
        add_entry(x, doc, list, &rows, r);
    http_reply_json(x, 200, doc);
}

static void post_clock(struct http_exchange *x)
{
    yyjson_val *root = NULL;
    yyjson_val *advance = NULL;
    if (http_json(x, &root) == JSON_FINE)
        advance = json_member(root, "advance_ms");
    if (!yyjson_is_int(advance)) {
        http_reply(x, 400, "text/plain", "send {\"advance_ms\": N}\n");
        return;
    }
    clock_advance(yyjson_get_sint(advance));
    yyjson_mut_doc *doc = json_new_object(x->arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "now", clock_iso8601(x->arena, clock_now_ms()));
    http_reply_json(x, 200, doc);
}

static const struct http_route routes[] = {
    {"GET", "/dev/outbox", get_outbox, 0, "dev"},
    {"POST", "/dev/clock", post_clock, 0, "dev"},
};

const struct http_routes dev_routes = {.routes = routes, .count = ARRAY_LENGTH(routes)};
