/*
 * The tenant: what handlers need to serve it. One is made at start and shared by all threads; nothing in it
 * changes afterwards but what its members guard themselves. No state that matters lives here alone: several
 * servers may serve one store.
 */
#ifndef COUNTERSIGN_TENANT_TENANT_H
#define COUNTERSIGN_TENANT_TENANT_H

#include "crypto/jwk.h"
#include "crypto/keyring.h"
#include "crypto/password.h"
#include "http/client.h"
#include "http/exchange.h"
#include "notify/channel.h"
#include "script/pool.h"
#include "store/db.h"
#include "store/housekeeping.h"
#include "store/logs.h"
#include "tenant/config.h"
#include "tenant/geoip.h"

struct key_cache;

struct tenant {
    const struct config *config;
    struct db *db;
    struct keyring *keyring;
    struct password_gate *passwords;
    struct http_client *http;
    struct script_pool *scripts;
    struct notifier *notifier;
    struct log_writer *logs;
    struct housekeeping *housekeeping;
    struct key_cache *keys;
    struct geoip *geoip; /* NULL where no database is set */
    uint8_t cookie_key[32];
};

static inline struct tenant *tenant_of(const struct http_exchange *x)
{
    return x->context;
}

/*
 * Opens everything that `config` names and starts its threads and workers; on failure NULL and the cause in
 * *error. The store must hold a tenant (tenant_create). `executable` is this binary's own path, for the
 * script workers.
 */
struct tenant *tenant_open(const struct config *config, const char *executable, struct arena *arena,
                           const char **error) NODISCARD;
/* Opens and migrates the store, and the keyring, without threads and workers: for commands such as init and
 * rekey. */
struct tenant *tenant_open_store(const struct config *config, struct arena *arena,
                                 const char **error) NODISCARD;
void tenant_close(struct tenant **tenant);

/* Where the keyring's file is; NULL where the keyring comes from the environment. */
const char *tenant_keyring_path(const struct config *config, struct arena *arena) NODISCARD;
/* The store's name, as db_open takes it. */
const char *tenant_store_address(const struct config *config, struct arena *arena) NODISCARD;

/* Makes the data directory and, where there is none yet, the keyring file in it; false with the cause in
 * *error. */
bool tenant_make_directory(const struct config *config, struct arena *arena, const char **error) NODISCARD;

/*
 * What `countersign init` makes: signing keys (current and next), the Management API as a resource server,
 * the clients "All Applications" (global) and "Default App", one for the Management API with a grant of all
 * its scopes, the connection Username-Password-Authentication, the administrators' connection, and one
 * sign-in link. As new-tenant.json shows it.
 */
struct tenant_birth {
    const char *issuer;
    const char *management_client_id;
    const char *management_client_secret;
    const char *default_client_id;
    const char *default_client_secret;
    const char *admin_sign_in_url;
};
/* DB_CONFLICT where the store holds a tenant already. */
enum db_result tenant_create(struct tenant *tenant, struct arena *arena,
                             struct tenant_birth *birth) NODISCARD;

/* Whether the store holds a tenant. */
enum db_result tenant_exists(struct tenant *tenant, bool *exists) NODISCARD;

/* The name that Auth0 calls `tenant` (context.tenant): the first label of the issuer's host. */
const char *tenant_name(const struct tenant *tenant, struct arena *arena) NODISCARD;
/* The friendly name of the settings, else tenant_name. */
const char *tenant_friendly_name(struct tenant *tenant, struct db_tx *tx, struct arena *arena) NODISCARD;

/* The key that signs now; owned by the cache, which sees a rotation made by any server. NULL where the store
 * fails. */
const struct signing_key *tenant_signing_key(struct tenant *tenant, struct db_tx *tx) NODISCARD;
/* The key of that kid, unless it was revoked; NULL where unknown. */
const struct signing_key *tenant_key_by_kid(struct tenant *tenant, struct db_tx *tx,
                                            const char *kid) NODISCARD;

/* All keys that verify tokens (current, next, previous), the current one first: what the JWKS publishes. */
enum db_result tenant_published_keys(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                     const struct signing_key ***keys, size_t *count) NODISCARD;
/* Seals a new key into the store in that state ("next"). Made by signing_key_generate before the
 * transaction, as that is slow. */
enum db_result tenant_store_key(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                const struct signing_key *key, const char *state) NODISCARD;

/* Adds a log entry with what the request tells (ip, user agent, hostname) filled in; x may be NULL. */
void tenant_log(struct tenant *tenant, const struct http_exchange *x, struct log_entry entry);

#endif
