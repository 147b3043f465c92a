/*
 * Questions put to phones ("is it you who signs in?"), a row for each phone that was asked. An answer counts once, a refusal
 * voids all other questions of its login, and a login takes an approval once: each of these is one statement whose count
 * decides.
 */
#ifndef COUNTERSIGN_STORE_PUSH_CHALLENGES_H
#define COUNTERSIGN_STORE_PUSH_CHALLENGES_H

#include "store/db.h"
#include "json/json.h"

struct push_challenge {
    const char *id;               /* "psh_" + 16 alphanumerics */
    const char *send_id;          /* the same for all phones that were asked at once */
    const char *authenticator_id; /* the phone */
    const char *user_id;
    const char *binding; /* the login transaction, mfa_token, … that waits for the answer */
    const char *status;  /* "pending", "accepted", "rejected", "spent", "closed" */
    yyjson_val *doc;     /* what the phone shows: mfa/push.h */
    int64_t created_at;  /* ms */
    int64_t expires_at;
    int64_t answered_at; /* 0: not yet */
};

enum db_result push_challenge_insert(struct db_tx *tx, struct arena *arena,
                                     const struct push_challenge *challenge) NODISCARD;
/* DB_NOT_FOUND where there is none (any more). */
enum db_result push_challenge_by_id(struct db_tx *tx, struct arena *arena, const char *id,
                                    struct push_challenge *out) NODISCARD;
/* Those that this phone can still answer, oldest first. */
enum db_result push_challenges_open(struct db_tx *tx, struct arena *arena, const char *authenticator_id,
                                    int64_t now, struct push_challenge **list, size_t *count) NODISCARD;
/* The newest of that binding: an answered one before those that were closed with it. DB_NOT_FOUND where there is none. */
enum db_result push_challenge_latest(struct db_tx *tx, struct arena *arena, const char *binding,
                                     struct push_challenge *out) NODISCARD;

/*
 * Answers a pending one that has not expired, and closes all others of its binding. `reason` of a refusal may be NULL; it
 * becomes doc's member. DB_NOT_FOUND where it was answered, closed, or too late.
 */
enum db_result push_challenge_answer(struct db_tx *tx, struct arena *arena,
                                     const struct push_challenge *challenge, bool accepted,
                                     const char *reason, int64_t now) NODISCARD;
/* Takes the approval of that binding, once; *authenticator_id is the phone that gave it. DB_NOT_FOUND where there is none. */
enum db_result push_challenge_spend(struct db_tx *tx, struct arena *arena, const char *binding,
                                    int64_t answered_since, const char **authenticator_id) NODISCARD;
/* Closes the pending ones of that binding. */
enum db_result push_challenges_close(struct db_tx *tx, const char *binding, int64_t now) NODISCARD;
/* How many sendings of the user since then (ms) were refused or are without an answer. */
enum db_result push_challenges_unanswered(struct db_tx *tx, struct arena *arena, const char *user_id,
                                          int64_t since, int64_t *count) NODISCARD;

#endif
