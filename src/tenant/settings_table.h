/* The one table of settings, from which flags, environment, file, `--help` and docs/configuration.md are
 * made. */
#ifndef COUNTERSIGN_TENANT_SETTINGS_TABLE_H
#define COUNTERSIGN_TENANT_SETTINGS_TABLE_H

#include "tenant/config.h"

enum setting_kind { SETTING_TEXT = 1, SETTING_NUMBER = 2, SETTING_TRUTH = 3 };

struct setting {
    const char *group;
    const char *name; /* in the file; --na-me as a flag, COUNTERSIGN_NA_ME in the environment */
    enum setting_kind kind;
    size_t offset;        /* of its member in struct config */
    const char *standard; /* the value where it is not set; NULL: none */
    unsigned least;       /* of a number */
    unsigned most;
    const char *form; /* what a value looks like: "HOST:PORT" */
    const char *meaning;
    bool reloads; /* SIGHUP applies a new value */
};

extern const struct setting settings_table[];
extern const size_t settings_count;

#endif
