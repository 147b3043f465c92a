/* The files of web/demo, bundled and compiled in (web/demo/build.mjs). */
#ifndef COUNTERSIGN_CLI_DEMO_ASSETS_H
#define COUNTERSIGN_CLI_DEMO_ASSETS_H

#include <stddef.h>

struct demo_asset {
    const char *name;
    const char *type;
    const unsigned char *content;
    size_t size;
};

extern const struct demo_asset demo_assets[];
extern const size_t demo_assets_count;

#endif
