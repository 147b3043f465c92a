/* Applications, the APIs they call, and what each was granted: what the token endpoint reads on every request. */
#ifndef COUNTERSIGN_STORE_CLIENTS_H
#define COUNTERSIGN_STORE_CLIENTS_H

#include "crypto/keyring.h"
#include "store/db.h"
#include "json/json.h"

struct client {
    const char *client_id;
    const char *secret; /* opened; NULL where it has none */
    yyjson_val *doc;    /* as the Management API shows it, without client_secret */
    bool is_system;
    int64_t version;
};

enum db_result client_by_id(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                            const char *client_id, struct client *client) NODISCARD;

/* The API with that identifier (audience). */
enum db_result resource_server_by_identifier(struct db_tx *tx, struct arena *arena, const char *identifier,
                                             yyjson_val **doc) NODISCARD;

/* The secret that an API's HS256 tokens are signed with; `id` is the record's. DB_NOT_FOUND where it has none. */
enum db_result resource_server_secret(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                      const char *id, const char **secret) NODISCARD;

/* The grant of a client for an audience. */
enum db_result client_grant_for(struct db_tx *tx, struct arena *arena, const char *client_id,
                                const char *audience, yyjson_val **doc) NODISCARD;

/* A connection by its name or id. doc as the Management API shows it (id, name, strategy, options, enabled_clients …). */
enum db_result connection_by_name(struct db_tx *tx, struct arena *arena, const char *name,
                                  yyjson_val **doc) NODISCARD;
/* The database connections that a client may use (enabled_clients), oldest first. */
enum db_result connections_of_client(struct db_tx *tx, struct arena *arena, const char *client_id,
                                     yyjson_val ***docs, size_t *count) NODISCARD;

#endif
