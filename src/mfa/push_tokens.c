#include "mfa/push_tokens.h"

#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"

#include <string.h>

enum { KEY_BYTES = 32, TICKET_LENGTH = 32 };

/* HMAC-SHA256 of `id` under a key of that use. */
static void derive(struct tenant *tenant, const char *use, const char *id, uint8_t mac[32])
{
    uint8_t key[KEY_BYTES];
    keyring_derive(tenant->keyring, use, key);
    hmac_sha256((struct bytes){.data = key, .size = sizeof key}, bytes_of_text(id), mac);
    explicit_bzero(key, sizeof key);
}

/* 32 of the 62 characters hold 190 bits; that a byte is not evenly spread over them costs less than one of these bits a letter. */
const char *push_ticket(struct tenant *tenant, struct arena *arena, const char *authenticator_id)
{
    uint8_t mac[TICKET_LENGTH];
    derive(tenant, "push-enrollment", authenticator_id, mac);
    char *ticket = arena_alloc(arena, TICKET_LENGTH + 1);
    for (size_t i = 0; i < TICKET_LENGTH; i++)
        ticket[i] = RANDOM_ALPHANUMERIC[mac[i] % (sizeof RANDOM_ALPHANUMERIC - 1)];
    ticket[TICKET_LENGTH] = '\0';
    return ticket;
}

const char *push_challenge_text(struct tenant *tenant, struct arena *arena, const char *challenge_id)
{
    uint8_t mac[32];
    derive(tenant, "push-challenge", challenge_id, mac);
    return base64url_encode(arena, (struct bytes){.data = mac, .size = sizeof mac});
}

static const char *audience_of(struct tenant *tenant, struct arena *arena)
{
    return arena_printf(arena, "%sappliance-mfa/api/resolve-transaction", tenant->config->issuer);
}

const char *push_transaction_token(struct tenant *tenant, struct arena *arena,
                                   const struct push_challenge *challenge)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, claims, "iss", tenant->config->issuer);
    json_set_text(doc, claims, "aud", audience_of(tenant, arena));
    json_set_text(doc, claims, "sub", challenge->user_id);
    json_set_text(doc, claims, "txid", challenge->id);
    json_set_int(doc, claims, "iat", challenge->created_at / 1000);
    json_set_int(doc, claims, "exp", challenge->expires_at / 1000);
    uint8_t key[KEY_BYTES];
    keyring_derive(tenant->keyring, "push-transaction", key);
    const char *token = jwt_sign_hs256(arena, (struct bytes){.data = key, .size = sizeof key}, claims);
    explicit_bzero(key, sizeof key);
    return token;
}

bool push_transaction_token_read(struct tenant *tenant, struct arena *arena, const char *txtkn,
                                 const char **challenge_id, const char **user_id)
{
    struct jwt jwt;
    uint8_t key[KEY_BYTES];
    if (!jwt_parse(arena, txtkn, &jwt))
        return false;
    keyring_derive(tenant->keyring, "push-transaction", key);
    bool is_ours = jwt_verify_hs256(&jwt, (struct bytes){.data = key, .size = sizeof key});
    explicit_bzero(key, sizeof key);
    *challenge_id = json_text(jwt.claims, "txid");
    *user_id = json_text(jwt.claims, "sub");
    return is_ours && jwt_has_audience(&jwt, audience_of(tenant, arena)) && *challenge_id != NULL &&
           *user_id != NULL;
}

const char *push_consent_id(struct arena *arena, const char *challenge_id)
{
    return arena_printf(arena, "cns_%s", challenge_id + strlen("psh_"));
}

const char *push_challenge_of_consent(struct arena *arena, const char *consent_id)
{
    return strncmp(consent_id, "cns_", 4) == 0 ? arena_printf(arena, "psh_%s", consent_id + 4) : NULL;
}
