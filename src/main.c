#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *meaning; /* NULL: not for people */
} commands[] = {
    {"init", init_main, "make a tenant: keys, the first applications, a sign-in link for the administrator"},
    {"serve", serve_main, "serve the tenant"},
    {"migrate", migrate_main, "bring the store's schema up to this version; serve does so by itself"},
    {"rekey", rekey_main, "seal all stored secrets under a new key"},
    {"module", module_main, "add, list and remove modules that rules may require"},
    {"rules", rules_main, "try a rule for a made-up login, or test a folder of rules"},
    {"settings", settings_main, "print the table of settings as Markdown"},
    {"script-worker", script_worker_command, NULL},
};

static int usage(FILE *out, int status)
{
    fputs("usage: countersign COMMAND [SETTINGS]\n\n", out);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].meaning != NULL)
            fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].meaning);
    }
    fputs("\n`countersign serve --help` explains every setting.\n", out);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, 0);
    if (strcmp(argv[1], "--version") == 0) {
        puts("countersign " COUNTERSIGN_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    }
    fprintf(stderr, "countersign: %s is not a command\n", argv[1]);
    return usage(stderr, 2);
}
