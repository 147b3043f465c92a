/* The operations of each resource; routes.c puts them in order. */
#ifndef COUNTERSIGN_MANAGEMENT_RESOURCES_H
#define COUNTERSIGN_MANAGEMENT_RESOURCES_H

#include "management/engine.h"

extern const struct operations users_operations;
extern const struct operations user_factors_operations;
extern const struct operations factors_operations;
extern const struct operations factor_duo_operations;
extern const struct operations enrollments_operations;
extern const struct operations rules_operations;
extern const struct operations actions_operations;
extern const struct operations rules_try_operations;
extern const struct operations clients_operations;
extern const struct operations client_grants_operations;
extern const struct operations resource_servers_operations;
extern const struct operations connections_operations;
extern const struct operations tenant_settings_operations;

/* Takes a client out of all connections within the write; false where the store failed. */
bool connections_forget_client(struct call *call, struct db_tx *tx, const char *client_id) NODISCARD;

#endif
