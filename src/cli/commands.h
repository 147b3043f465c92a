/* The subcommands: each takes the arguments after its name and returns the process's exit status. */
#ifndef COUNTERSIGN_CLI_COMMANDS_H
#define COUNTERSIGN_CLI_COMMANDS_H

#include "tenant/config.h"

/* Prints "countersign: SENTENCE" on standard error and returns 1: how every command fails. */
int command_fail(const char *sentence) NODISCARD;

/* The process's own log as the settings say. */
void command_configure_log(const struct config *config);

/* Whether the arguments ask for help (--help or -h). */
bool command_wants_help(int argc, char **argv) NODISCARD;

/* Takes `flag` out of the arguments, which are settings otherwise; whether it was there. */
bool command_take_flag(int *argc, char **argv, const char *flag) NODISCARD;

int init_main(int argc, char **argv);
int migrate_main(int argc, char **argv);
int module_main(int argc, char **argv);
int rekey_main(int argc, char **argv);
int rules_main(int argc, char **argv);
int serve_main(int argc, char **argv);
int settings_main(int argc, char **argv);
int script_worker_command(int argc, char **argv);

#endif
