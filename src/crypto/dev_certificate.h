/*
 * Certificates for trying things on one machine: an authority of its own and, signed by it, a certificate for localhost. The
 * official SDKs speak https alone; with this they reach a server started with --dev.
 */
#ifndef COUNTERSIGN_CRYPTO_DEV_CERTIFICATE_H
#define COUNTERSIGN_CRYPTO_DEV_CERTIFICATE_H

#include "base/arena.h"

#include <stdbool.h>

/*
 * PEM texts: the authority's certificate (to be trusted by the SDK's process: NODE_EXTRA_CA_CERTS), and a certificate with
 * its private key for localhost, 127.0.0.1 and ::1. EC P-256, 397 days; the authority's own key is forgotten at once. False
 * where OpenSSL fails.
 */
struct dev_certificate {
    const char *authority;
    const char *certificate;
    const char *private_key;
};
bool dev_certificate_make(struct arena *arena, struct dev_certificate *made) NODISCARD;

#endif
