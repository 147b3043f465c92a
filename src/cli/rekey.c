/*
 * A change of key has two steps, for the sake of servers that run meanwhile: `rekey` adds a key and seals everything under
 * it, `rekey --retire` removes the old keys once every server has seen the new one. Both may be interrupted and run again.
 */
#include "base/clock.h"
#include "cli/commands.h"
#include "crypto/keyring_file.h"
#include "store/reseal.h"
#include "tenant/tenant.h"

#include <inttypes.h>
#include <stdio.h>

/* Servers look at the keyring's file once a minute. */
enum { SETTLING_S = 150 };

static const char usage[] =
    "usage: countersign rekey [--retire] [SETTINGS]\n\n"
    "Puts a new key first in the keyring's file and seals every stored secret under it. Servers may run\n"
    "meanwhile: they learn of the key by themselves. The old keys stay in the file until\n"
    "`countersign rekey --retire` removes them. Where the keyring comes from the environment\n"
    "(COUNTERSIGN_KEYRING), put the new key first there yourself; rekey then seals under it.\n\n";

static int reseal(struct tenant *tenant)
{
    struct reseal_counts counts;
    if (reseal_all(tenant->db, tenant->keyring, &counts) != DB_OK)
        return command_fail("not everything was sealed anew (the log above says why); run rekey again");
    printf("%" PRId64 " secret%s sealed anew.\n", counts.resealed, counts.resealed == 1 ? " was" : "s were");
    if (counts.unreadable == 0)
        return 0;
    return command_fail(
        "some secrets open with none of the keys (the log above names them); the old keys stay");
}

static int rekey(struct tenant *tenant, struct arena *arena, const char *path)
{
    int64_t remaining = 0;
    const char *error = NULL;
    if (reseal_remaining(tenant->db, tenant->keyring, &remaining) != DB_OK)
        return command_fail("the store cannot be read (the log above says why)");
    /* With secrets left under an older key, an earlier rekey did not come to its end: this one continues it. */
    bool continues = keyring_count(tenant->keyring) > 1 && remaining > 0;
    if (path != NULL && !continues) {
        if (!keyring_file_add(arena, path, &error))
            return command_fail(error);
        keyring_refresh(tenant->keyring);
    }
    int status = reseal(tenant);
    if (status == 0 && path != NULL)
        printf("The old keys are still in %s.\nRun `countersign rekey --retire` in some minutes to remove "
               "them.\n",
               path);
    return status;
}

static int retire(struct tenant *tenant, struct arena *arena, const char *path)
{
    const char *error = NULL;
    if (path == NULL)
        return command_fail("the keyring comes from the environment: remove the old keys there");
    int64_t age = clock_now() - keyring_file_changed_at(path);
    if (age < SETTLING_S)
        return command_fail(arena_printf(arena,
                                         "servers may not have seen the new key yet; try again in %d seconds",
                                         (int)(SETTLING_S - (age < 0 ? 0 : age))));
    int status = reseal(tenant);
    if (status != 0)
        return status;
    if (!keyring_file_keep_first(arena, path, &error))
        return command_fail(error);
    printf("%s holds the new key alone.\n", path);
    return 0;
}

static int run(struct arena *arena, const struct config *config, bool retires)
{
    const char *error = NULL;
    const char *path = tenant_keyring_path(config, arena);
    struct tenant *tenant = tenant_open_store(config, arena, &error);
    if (tenant == NULL)
        return command_fail(error);
    int status = retires ? retire(tenant, arena, path) : rekey(tenant, arena, path);
    tenant_close(&tenant);
    return status;
}

int rekey_main(int argc, char **argv)
{
    struct arena *arena = arena_create();
    const char *error = NULL;
    bool retires = command_take_flag(&argc, argv, "--retire");
    int status = 0;
    if (command_wants_help(argc, argv)) {
        printf("%s%s", usage, config_help(arena));
    } else {
        const struct config *config = config_read(arena, argc, argv, &error);
        status = config != NULL ? run(arena, config, retires) : command_fail(error);
    }
    arena_destroy(&arena);
    return status;
}
