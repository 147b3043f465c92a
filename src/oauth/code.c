#include "oauth/code.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"

#include <string.h>

enum { CODE_LENGTH = 43, CODE_MS = 60 * 1000 };

/* How long a spent code is kept, so that its second use is noticed: as long as a token that it gave. */
static const int64_t spent_code_ms = 24 * 3600 * 1000;

enum db_result authorization_code_issue(struct db_tx *tx, struct arena *arena, const char *client_id,
                                        yyjson_mut_doc *grant, const char **code)
{
    *code = random_text(arena, RANDOM_ALPHANUMERIC, CODE_LENGTH);
    int64_t now = clock_now_ms();
    return db_exec(tx, NULL,
                   "INSERT INTO authorization_codes (code_hash, client_id, doc, created_at, expires_at) "
                   "VALUES (?, ?, ?, ?, ?)",
                   "tttii", token_hash(arena, *code), client_id, json_write_doc(arena, grant), now,
                   now + CODE_MS);
}

const char *code_challenge_of(struct arena *arena, const char *verifier)
{
    uint8_t digest[32];
    sha256(bytes_of_text(verifier), digest);
    return base64url_encode(arena, (struct bytes){.data = digest, .size = sizeof digest});
}

static enum code_fault check(struct arena *arena, yyjson_val *grant, const struct code_try *attempt)
{
    const char *challenge = json_text(grant, "code_challenge");
    if ((challenge == NULL) != (attempt->verifier == NULL))
        return CODE_WRONG_VERIFIER;
    if (challenge != NULL && !text_equal_secret(challenge, code_challenge_of(arena, attempt->verifier)))
        return CODE_WRONG_VERIFIER;
    const char *redirect_uri = json_text(grant, "redirect_uri");
    if (attempt->redirect_uri != NULL && redirect_uri != NULL &&
        strcmp(attempt->redirect_uri, redirect_uri) != 0)
        return CODE_WRONG_REDIRECT;
    return CODE_FINE;
}

enum code_fault authorization_code_redeem(struct db_tx *tx, struct arena *arena,
                                          const struct code_try *attempt, yyjson_val **grant,
                                          const char **code_hash)
{
    *grant = NULL;
    *code_hash = token_hash(arena, attempt->code);
    int64_t now = clock_now_ms();
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT client_id, doc, created_at FROM authorization_codes WHERE code_hash = ? FOR UPDATE",
               "t", *code_hash);
    if (result == DB_NOT_FOUND)
        return CODE_INVALID;
    *grant = result == DB_OK ? json_parse_own(arena, row[1].text) : NULL;
    if (*grant == NULL)
        return CODE_FAILED;
    int64_t changed = 0;
    result = db_exec(
        tx, &changed,
        "UPDATE authorization_codes SET used_at = ?, expires_at = ? WHERE code_hash = ? AND used_at IS NULL",
        "iit", now, now + spent_code_ms, *code_hash);
    if (result != DB_OK)
        return CODE_FAILED;
    if (changed == 0)
        return db_exec(tx, NULL, "DELETE FROM access_tokens WHERE code_hash = ?", "t", *code_hash) == DB_OK
                   ? CODE_REPLAYED
                   : CODE_FAILED;
    if (row[2].number + CODE_MS <= now || strcmp(row[0].text, attempt->client_id) != 0)
        return CODE_INVALID;
    return check(arena, *grant, attempt);
}
