/*
 * What a server started with --dev has for trying and testing:
 *   GET  /dev/outbox   the messages that would have left, newest first: JSON, or a page for a browser; ?to=
 * and ?channel= filter POST /dev/clock    {"advance_ms": N} moves this process's clock; answers {"now": "…"}
 * Without --dev these routes do not exist.
 */
#ifndef COUNTERSIGN_CLI_DEV_H
#define COUNTERSIGN_CLI_DEV_H

#include "http/router.h"

extern const struct http_routes dev_routes;

#endif
