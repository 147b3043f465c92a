/* What an application sends to /authorize: read, checked, and refused in the place where the refusal belongs. */
#ifndef COUNTERSIGN_OAUTH_AUTHORIZE_REQUEST_H
#define COUNTERSIGN_OAUTH_AUTHORIZE_REQUEST_H

#include "oauth/oauth.h"
#include "oauth/response.h"

struct authorize_request {
    struct http_pairs parameters;
    struct client client;
    struct response_target target;
    bool redirect_uri_sent;
    const char *scope;    /* granted: what was asked for and can be had; "" for none */
    const char *audience; /* identifier of an API; NULL: none, the token is for /userinfo alone */
    bool prompt_none;
    bool prompt_login; /* login or select_account */
    bool prompt_consent;
    int64_t max_age; /* seconds; -1: not sent */
};

enum authorize_verdict {
    AUTHORIZE_FINE = 0,
    AUTHORIZE_SHOW =
        1, /* the client or its address is not to be trusted: the error is shown on a page of ours */
    AUTHORIZE_SEND = 2,   /* the error goes to the application, in target's mode */
    AUTHORIZE_FAILED = 3, /* the store */
};

struct authorize_error {
    int status;          /* of the page, for AUTHORIZE_SHOW */
    const char *problem; /* of the page: see tenant_reply_error_page */
    const char *error;
    const char *description;
};

/*
 * Reads `parameters` (of the query, or of a posted form) against the client that they name. Every refusal of section 1.2 of
 * the protocol's notes is found here, but for those that depend on the person.
 */
enum authorize_verdict authorize_request_read(struct http_exchange *x, struct db_tx *tx,
                                              const struct http_pairs *parameters,
                                              struct authorize_request *request,
                                              struct authorize_error *error) NODISCARD;

#endif
