/* Signature Version 4, as Amazon Web Services want requests signed (AWS Signature Version 4 signing process). */
#ifndef COUNTERSIGN_NOTIFY_AWS_SIGNATURE_H
#define COUNTERSIGN_NOTIFY_AWS_SIGNATURE_H

#include "base/arena.h"
#include "base/bytes.h"

struct aws_request {
    const char *host;         /* as it stands in the Host header, with a port where it has one */
    const char *path;         /* "/" */
    const char *content_type; /* signed along; NULL: none is sent */
    struct bytes body;
};

struct aws_identity {
    const char *key_id;
    const char *secret;
    const char *region;  /* "eu-west-1" */
    const char *service; /* "sns" */
};

/*
 * The values of the headers x-amz-date (into *date) and Authorization for a POST at `now` (seconds), with host, x-amz-date and,
 * where there is one, content-type signed.
 */
char *aws_sign(struct arena *arena, const struct aws_identity *identity, const struct aws_request *request,
               int64_t now, const char **date) NODISCARD;

#endif
