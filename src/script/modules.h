/*
 * Modules that the operator added (`countersign module add`): one file each in a directory of the data folder, holding the text
 * of a function (require, module, exports, global). A rule finds them as soon as they are there. A worker asks for the
 * versions of a name, and for a text once: it keeps what it compiled.
 */
#ifndef COUNTERSIGN_SCRIPT_MODULES_H
#define COUNTERSIGN_SCRIPT_MODULES_H

#include "base/arena.h"
#include "json/json.h"

enum { MODULE_BYTES_MOST = 3 * 1024 * 1024 };

/* What `require` names. */
struct module_name {
    const char *name;    /* "lodash", "@octokit/rest" */
    const char *version; /* "4.17.21" */
    const char *entry;   /* "clients/s3" of "aws-sdk@2.1.0/clients/s3"; NULL: the package's main file */
};

/* Reads "NAME@VERSION[/ENTRY]"; false where it is nothing that npm could hold. */
bool module_name_read(struct arena *arena, const char *text, struct module_name *name) NODISCARD;
const char *module_name_text(struct arena *arena, const struct module_name *name) NODISCARD;

/* The file of a module, beside the others; and back, false where it is none of theirs. */
const char *module_file(struct arena *arena, const struct module_name *name) NODISCARD;
bool module_file_read(struct arena *arena, const char *file, struct module_name *name) NODISCARD;

/* The directory of modules in the data folder. */
const char *module_directory(struct arena *arena, const char *data) NODISCARD;

/*
 * What workers ask: {"name","entry"} gives [{"version","key"}], the key changing with the file; {"key"} gives the text.
 * NULL, with one sentence in *error, where there is none.
 */
const char *script_module_versions(const char *directory, struct arena *arena, yyjson_val *arguments,
                                   const char **error);
const char *script_module_text(const char *directory, struct arena *arena, yyjson_val *arguments,
                               const char **error);

#endif
