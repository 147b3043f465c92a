/*
 * Where an address is, by an operator's database of MaxMind's form (.mmdb: GeoLite2 or GeoIP2 City or Country, or another
 * maker's with the same members). Guarded by itself: lookups run on many threads while a reload swaps the file.
 */
#ifndef COUNTERSIGN_TENANT_GEOIP_H
#define COUNTERSIGN_TENANT_GEOIP_H

#include "json/json.h"

struct geoip;

/* What Auth0 tells of a place; texts are NULL where the database does not say. */
struct geoip_place {
    const char *country_code;  /* ISO 3166-1 alpha-2 */
    const char *country_code3; /* alpha-3 */
    const char *country_name;  /* English */
    const char *city_name;
    bool has_position;
    double latitude;
    double longitude;
    const char *time_zone; /* "Europe/Vienna" */
    const char *continent_code;
    const char *subdivision_code; /* of the first level, ISO 3166-2 without the country */
    const char *subdivision_name;
};

/* Opens the file; NULL with one sentence in *error where it is none. */
struct geoip *geoip_open(struct arena *arena, const char *file, const char **error) NODISCARD;
/* NULL is allowed. */
void geoip_close(struct geoip **geoip);

/* Opens the file again, as SIGHUP asks; where that fails the old one stays, and false with the cause in *error. */
bool geoip_reload(struct geoip *geoip, struct arena *arena, const char **error) NODISCARD;

/* Looks up `ip`; all members are NULL where it is unknown, no address, or `geoip` is NULL. Texts live in the arena. */
struct geoip_place geoip_find(struct geoip *geoip, struct arena *arena, const char *ip) NODISCARD;

/* The place as an object of `doc` with Auth0's names in snake case; {} where nothing is known. */
yyjson_mut_val *geoip_object(yyjson_mut_doc *doc, const struct geoip_place *place) NODISCARD;

#endif
