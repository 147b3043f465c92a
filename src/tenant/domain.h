/*
 * The tenant's domain. A store remembers the issuer that it was last served under, as the Management API's
 * identifier (the audience of its tokens) is made of it; another issuer moves the tenant there.
 */
#ifndef COUNTERSIGN_TENANT_DOMAIN_H
#define COUNTERSIGN_TENANT_DOMAIN_H

#include "tenant/tenant.h"

/*
 * Settles under which issuer this server serves: the configured one, else the store's, else (with --dev) that
 * of the listening address; tenant->config then says it. Where the store has another, its Management API and
 * the grants for it are moved in one transaction. False, with one sentence in *error, where there is no
 * tenant yet, none of the three is there, or it is http without --dev.
 */
bool domain_settle(struct tenant *tenant, struct arena *arena, const char **error) NODISCARD;

/*
 * The audience that `audience` means. SDKs speak https alone: with --dev what they name by dev_tls_listen
 * ("https://localhost:3443/api/v2/"), or by the issuer's host with https before it, means the issuer's.
 */
const char *domain_audience(const struct tenant *tenant, struct arena *arena, const char *audience) NODISCARD;

#endif
