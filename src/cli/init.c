#include "cli/commands.h"

#include "tenant/tenant.h"
#include "json/json.h"

#include <stdio.h>

static void add_client(yyjson_mut_doc *doc, const char *name, const char *id, const char *secret)
{
    yyjson_mut_val *client = yyjson_mut_obj(doc);
    json_set_text(doc, client, "client_id", id);
    json_set_text(doc, client, "client_secret", secret);
    json_set(doc, yyjson_mut_doc_get_root(doc), name, client);
}

static void print_json(struct arena *arena, const struct tenant_birth *birth)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "issuer", birth->issuer);
    add_client(doc, "management", birth->management_client_id, birth->management_client_secret);
    add_client(doc, "default_client", birth->default_client_id, birth->default_client_secret);
    yyjson_mut_val *admin = yyjson_mut_obj(doc);
    json_set_text(doc, admin, "sign_in_url", birth->admin_sign_in_url);
    json_set(doc, root, "admin", admin);
    puts(json_write_doc(arena, doc));
}

static void print_text(const struct config *config, const struct tenant_birth *birth)
{
    printf("A new tenant in %s\n\n"
           "  Issuer                    %s\n\n"
           "  Management API            an application with all its scopes\n"
           "    client id               %s\n"
           "    client secret           %s\n\n"
           "  Default App               for trying the Authentication API\n"
           "    client id               %s\n"
           "    client secret           %s\n\n"
           "  First administrator       open once, within a day\n"
           "    %s\n\n"
           "The secrets are not shown again. Next: countersign serve%s%s\n",
           config->database != NULL ? "the database" : config->data, birth->issuer,
           birth->management_client_id, birth->management_client_secret, birth->default_client_id,
           birth->default_client_secret, birth->admin_sign_in_url, config->database != NULL ? "" : " --data ",
           config->database != NULL ? "" : config->data);
}

static int init_tenant(struct arena *arena, const struct config *config, bool as_json)
{
    const char *error = NULL;
    struct tenant_birth birth;

    command_configure_log(config);
    if (!tenant_make_directory(config, arena, &error))
        return command_fail(error);
    struct tenant *tenant = tenant_open_store(config, arena, &error);
    if (tenant == NULL)
        return command_fail(error);
    bool exists = false;
    enum db_result result = tenant_exists(tenant, &exists);
    if (result == DB_OK && !exists)
        result = tenant_create(tenant, arena, &birth);
    tenant_close(&tenant);
    if (exists || result == DB_CONFLICT)
        return command_fail("this store holds a tenant already");
    if (result != DB_OK)
        return command_fail("the tenant cannot be written to the store (its log above says why)");
    if (as_json)
        print_json(arena, &birth);
    else
        print_text(config, &birth);
    return 0;
}

int init_main(int argc, char **argv)
{
    struct arena *arena = arena_create();
    const char *error = NULL;
    bool as_json = command_take_flag(&argc, argv, "--json");
    int status;

    if (command_wants_help(argc, argv)) {
        printf("usage: countersign init [--json] [SETTINGS]\n\nMakes a tenant in an empty store and prints "
               "its first "
               "credentials, with --json as one object.\n\n%s",
               config_help(arena));
        status = 0;
    } else {
        const struct config *config = config_read(arena, argc, argv, &error);
        status = config != NULL ? init_tenant(arena, config, as_json) : command_fail(error);
    }
    arena_destroy(&arena);
    return status;
}
