#include "mfa/browser_token.h"

#include "base/random.h"
#include "crypto/jwt.h"

#include <string.h>

static const struct {
    const char *audience; /* behind the issuer, which ends with a slash */
    const char *key_use;  /* NULL: the tenant's signing key */
} kinds[] = {
    [BROWSER_TOKEN_REQUEST] = {"appliance-mfa/start-flow", "widget-request"},
    [BROWSER_TOKEN_TRANSACTION] = {"appliance-mfa/", "widget-transaction"},
    [BROWSER_TOKEN_SIGNATURE] = {"", NULL},
};

static const char *audience_of(const struct tenant *tenant, struct arena *arena, enum browser_token kind)
{
    return arena_printf(arena, "%s%s", tenant->config->issuer, kinds[kind].audience);
}

const char *browser_token_make(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                               enum browser_token kind, const struct mfa_transaction *transaction,
                               int64_t now_ms)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
    bool is_signature = kind == BROWSER_TOKEN_SIGNATURE;
    int64_t now = now_ms / 1000;
    json_set_text(doc, claims, "iss", tenant->config->issuer);
    json_set_text(doc, claims, "aud", audience_of(tenant, arena, kind));
    json_set_text(doc, claims, "sub", transaction->user_id);
    json_set_text(doc, claims, "txid", transaction->id);
    if (is_signature) {
        json_set_text(doc, claims, "method", json_mut_text(transaction->root, "method"));
        if (json_mut_text(transaction->root, "login") == NULL)
            json_set_bool(doc, claims, "enrollment_only", true);
        json_set_text(doc, claims, "jti", random_text(arena, RANDOM_ALPHANUMERIC, 32));
    }
    json_set_int(doc, claims, "iat", now);
    json_set_int(doc, claims, "exp",
                 is_signature ? now + BROWSER_SIGNATURE_S : transaction->expires_at / 1000);
    if (is_signature) {
        const struct signing_key *key = tenant_signing_key(tenant, tx);
        return key != NULL ? jwt_sign_rs256(arena, key, "JWT", claims) : NULL;
    }
    uint8_t key[32];
    keyring_derive(tenant->keyring, kinds[kind].key_use, key);
    const char *token = jwt_sign_hs256(arena, (struct bytes){.data = key, .size = sizeof key}, claims);
    explicit_bzero(key, sizeof key);
    return token;
}

static bool is_signed(struct tenant *tenant, struct db_tx *tx, enum browser_token kind, const struct jwt *jwt)
{
    if (kind == BROWSER_TOKEN_SIGNATURE) {
        const struct signing_key *key = jwt->kid != NULL ? tenant_key_by_kid(tenant, tx, jwt->kid) : NULL;
        return key != NULL && jwt_verify_rs256(jwt, key);
    }
    uint8_t key[32];
    keyring_derive(tenant->keyring, kinds[kind].key_use, key);
    bool is_ours = jwt_verify_hs256(jwt, (struct bytes){.data = key, .size = sizeof key});
    explicit_bzero(key, sizeof key);
    return is_ours;
}

enum browser_token_fault browser_token_read(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                            enum browser_token kind, const char *token, int64_t now_ms,
                                            const char **txid)
{
    struct jwt jwt;
    *txid = NULL;
    if (!jwt_parse(arena, token, &jwt) || !is_signed(tenant, tx, kind, &jwt))
        return BROWSER_TOKEN_INVALID;
    const char *issuer = json_text(jwt.claims, "iss");
    if (issuer == NULL || strcmp(issuer, tenant->config->issuer) != 0 ||
        !jwt_has_audience(&jwt, audience_of(tenant, arena, kind)))
        return BROWSER_TOKEN_INVALID;
    if (!jwt_is_current(&jwt, now_ms / 1000, 0))
        return BROWSER_TOKEN_EXPIRED;
    *txid = json_text(jwt.claims, "txid");
    return *txid != NULL ? BROWSER_TOKEN_FINE : BROWSER_TOKEN_INVALID;
}
