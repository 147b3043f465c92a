#include "cli/commands.h"
#include "store/db.h"
#include "tenant/tenant.h"

#include <stdio.h>

static int migrate(struct arena *arena, const struct config *config)
{
    struct db *db = NULL;
    const char *error = NULL;
    unsigned applied = 0;
    if (db_open(tenant_store_address(config, arena), 1, arena, &db, &error) != DB_OK)
        return command_fail(error);
    enum db_result result = db_migrate(db, arena, &applied, &error);
    db_close(&db);
    if (result != DB_OK)
        return command_fail(error);
    if (applied == 0)
        puts("The store's schema is up to date.");
    else
        printf("%u migration%s applied.\n", applied, applied == 1 ? " was" : "s were");
    return 0;
}

int migrate_main(int argc, char **argv)
{
    struct arena *arena = arena_create();
    const char *error = NULL;
    int status = 0;
    if (command_wants_help(argc, argv)) {
        printf("usage: countersign migrate [SETTINGS]\n\nBrings the store's schema up to this version. "
               "`serve` does the "
               "same when it starts; several servers\nmay start at once.\n\n%s",
               config_help(arena));
    } else {
        const struct config *config = config_read(arena, argc, argv, &error);
        status = config != NULL ? migrate(arena, config) : command_fail(error);
    }
    arena_destroy(&arena);
    return status;
}
