/*
 * The demo application at /demo, of a server started with --dev: a single page that signs in by authorization code and PKCE
 * with the official browser SDK, and goes through the tutorial of user-initiated MFA. Its three steps call the server's own
 * Management API over HTTP, each with a token of an application that has just the scopes that step needs, and show
 * what was sent and answered. The demo's applications are made when /demo is first opened.
 */
#ifndef COUNTERSIGN_CLI_DEMO_H
#define COUNTERSIGN_CLI_DEMO_H

#include "http/router.h"

extern const struct http_routes demo_routes;

/* Answers with one of the files of web/demo, under a policy that lets it load nothing but its own. */
void demo_reply_asset(struct http_exchange *x, const char *name);

#endif
