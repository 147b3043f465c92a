/*
 * Logins by OpenID Connect Client-Initiated Backchannel Authentication (CIBA Core 1.0), in poll mode: what their auth_req_id,
 * which is stored hashed, stands for. doc has the member "grant" (oauth/issue.h).
 */
#ifndef COUNTERSIGN_STORE_BACKCHANNEL_LOGINS_H
#define COUNTERSIGN_STORE_BACKCHANNEL_LOGINS_H

#include "store/db.h"
#include "json/json.h"

struct backchannel_login {
    const char *hash;
    const char *client_id;
    const char *user_id;
    yyjson_val *doc;
    int64_t interval_s; /* that must be between two polls */
    int64_t polled_at;  /* ms; 0: not yet */
    int64_t created_at;
    int64_t expires_at;
    int64_t ended_at; /* 0: not yet */
};

enum db_result backchannel_login_insert(struct db_tx *tx, struct arena *arena,
                                        const struct backchannel_login *login) NODISCARD;
/*
 * By its hash, ended and expired ones too; the row stays locked for the rest of the write, so that of polls that come at once
 * each sees the one before.
 */
enum db_result backchannel_login_lock(struct db_tx *tx, struct arena *arena, const char *hash,
                                      struct backchannel_login *out) NODISCARD;
/* Notes a poll, and how long the next one must wait. */
enum db_result backchannel_login_note_poll(struct db_tx *tx, const char *hash, int64_t interval_s,
                                           int64_t now) NODISCARD;
/* Ends it, once: DB_CONFLICT where it was ended before. */
enum db_result backchannel_login_end(struct db_tx *tx, const char *hash, int64_t now) NODISCARD;

#endif
