/* The files of web/phone, bundled and compiled in (web/phone/build.mjs). */
#ifndef COUNTERSIGN_PHONE_ASSETS_H
#define COUNTERSIGN_PHONE_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct phone_asset {
    const char *name; /* below /phone/: "sw.js", "app.1A2B3C4D.js" */
    const char *type;
    bool unchanging; /* its name holds a hash of its content */
    const uint8_t *content;
    size_t size;
    const uint8_t *gzip; /* NULL where it does not pay: pictures */
    size_t gzip_size;
};

extern const struct phone_asset phone_assets[];
extern const size_t phone_assets_count;

#endif
