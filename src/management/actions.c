/*
 * Actions, Auth0's successor of rules, do not run here: there are none, and none can be made. Their list is served because
 * tools that read whole tenants (auth0-deploy-cli for databases) ask for it.
 */
#include "management/resources.h"

enum { USUAL_PAGE = 20 };

static void list_actions(struct call *call)
{
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_int(doc, root, "total", 0);
    json_set_int(doc, root, "page", json_int(call->query, "page", 0));
    json_set_int(doc, root, "per_page", json_int(call->query, "per_page", USUAL_PAGE));
    json_set(doc, root, "actions", yyjson_mut_arr(doc));
    http_reply_json(call->x, 200, doc);
}

static const struct operation list[] = {
    {"GET", "/actions/actions", list_actions, NULL},
};
const struct operations actions_operations = {list, ARRAY_LENGTH(list)};
