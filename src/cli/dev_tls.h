/* The certificate of --dev's TLS listener, in the data directory: made once, and again before it expires. */
#ifndef COUNTERSIGN_CLI_DEV_TLS_H
#define COUNTERSIGN_CLI_DEV_TLS_H

#include "tenant/config.h"

/*
 * The files DIR/dev-tls.pem and DIR/dev-tls.key (mode 0600), made together with DIR/dev-ca.pem where they are missing or older
 * than a year. False with the cause, one sentence, in *error.
 */
bool dev_tls_files(const struct config *config, struct arena *arena, const char **certificate,
                   const char **private_key, const char **error) NODISCARD;

#endif
