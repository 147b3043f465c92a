#include "cli/commands.h"

#include "base/log.h"
#include "script/worker.h"

#include <stdio.h>
#include <string.h>

int command_fail(const char *sentence)
{
    fprintf(stderr, "countersign: %s\n", sentence);
    return 1;
}

void command_configure_log(const struct config *config)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (unsigned i = 0; i < ARRAY_LENGTH(levels); i++) {
        if (strcmp(config->log_level, levels[i]) == 0)
            log_configure((enum log_level)i, strcmp(config->log_format, "json") == 0);
    }
}

bool command_wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

bool command_take_flag(int *argc, char **argv, const char *flag)
{
    bool found = false;
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], flag) == 0)
            found = true;
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return found;
}

int settings_main(int argc, char **argv)
{
    (void)argv;
    if (argc != 0)
        return command_fail("settings takes no arguments");
    struct arena *arena = arena_create();
    fputs(config_table(arena), stdout);
    arena_destroy(&arena);
    return 0;
}

int script_worker_command(int argc, char **argv)
{
    (void)argv;
    if (argc != 0)
        return command_fail("script-worker is started by the server");
    return script_worker_main();
}
