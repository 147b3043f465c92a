/* What `countersign module add` runs with Node.js: web/script's bundle.mjs and add.mjs, and the esbuild that goes with them. */
#ifndef COUNTERSIGN_CLI_MODULE_TOOLS_H
#define COUNTERSIGN_CLI_MODULE_TOOLS_H

extern const char module_tool_bundle[];
extern const char module_tool_add[];
extern const char module_tool_esbuild[]; /* NAME@VERSION */

#endif
