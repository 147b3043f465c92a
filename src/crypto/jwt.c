#include "crypto/jwt.h"

#include "base/buffer.h"
#include "base/encode.h"
#include "crypto/digest.h"

#include <math.h>
#include <openssl/pem.h>
#include <string.h>

enum { TOKEN_MAXIMUM_BYTES = 16 * 1024 };

/* Above 2^53 a number is no longer exact in every reader; no time of ours comes near. */
static const double time_maximum = 9007199254740992.0;

enum { LARGEST_SIGNATURE_BYTES = 1024 };
enum { BASE64URL_ROOM = 16 /* over 4/3 of a text: rounding, a dot, NUL */ };

/* Starts a token: base64url(header).base64url(claims), the text that is signed, with room for a signature behind it. */
static struct buffer begin_token(struct arena *arena, const char *header, yyjson_mut_val *claims)
{
    const char *payload = json_write_mut(arena, claims);
    size_t most = (strlen(header) + strlen(payload) + LARGEST_SIGNATURE_BYTES) * 4 / 3 + BASE64URL_ROOM;
    struct buffer token = buffer_create(arena, most);
    buffer_add(&token, base64url_encode(arena, bytes_of_text(header)));
    buffer_add_char(&token, '.');
    buffer_add(&token, base64url_encode(arena, bytes_of_text(payload)));
    return token;
}

static char *end_token(struct arena *arena, struct buffer *token, struct bytes signature)
{
    buffer_add_char(token, '.');
    buffer_add(token, base64url_encode(arena, signature));
    return arena_strdup(arena, buffer_text(token));
}

char *jwt_sign_rs256(struct arena *arena, const struct signing_key *key, const char *typ,
                     yyjson_mut_val *claims)
{
    const char *header =
        arena_printf(arena, "{\"alg\":\"RS256\",\"typ\":\"%s\",\"kid\":\"%s\"}", typ, signing_key_kid(key));
    struct buffer token = begin_token(arena, header, claims);
    uint8_t signature[SIGNING_KEY_SIGNATURE_BYTES];
    if (!signing_key_sign(key, bytes_of_text(buffer_text(&token)), signature))
        return NULL;
    return end_token(arena, &token, (struct bytes){.data = signature, .size = sizeof signature});
}

char *jwt_sign_hs256(struct arena *arena, struct bytes key, yyjson_mut_val *claims)
{
    struct buffer token = begin_token(arena, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims);
    uint8_t mac[32];
    hmac_sha256(key, bytes_of_text(buffer_text(&token)), mac);
    return end_token(arena, &token, (struct bytes){.data = mac, .size = sizeof mac});
}

char *jwt_sign_hs512(struct arena *arena, struct bytes key, yyjson_mut_val *claims)
{
    struct buffer token = begin_token(arena, "{\"alg\":\"HS512\",\"typ\":\"JWT\"}", claims);
    uint8_t mac[64];
    hmac_sha512(key, bytes_of_text(buffer_text(&token)), mac);
    return end_token(arena, &token, (struct bytes){.data = mac, .size = sizeof mac});
}

static const char *header_of(struct arena *arena, const char *alg, const char *kid)
{
    yyjson_mut_doc *header = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(header);
    json_set_text(header, root, "alg", alg);
    json_set_text(header, root, "typ", "JWT");
    json_set_text(header, root, "kid", kid);
    return json_write_doc(arena, header);
}

char *jwt_sign_es256(struct arena *arena, const struct p256_pair *key, const char *kid,
                     yyjson_mut_val *claims)
{
    struct buffer token = begin_token(arena, header_of(arena, "ES256", kid), claims);
    uint8_t signature[P256_SIGNATURE_BYTES];
    if (!p256_sign(key, bytes_of_text(buffer_text(&token)), signature))
        return NULL;
    return end_token(arena, &token, (struct bytes){.data = signature, .size = sizeof signature});
}

char *jwt_sign_rs256_pem(struct arena *arena, const char *pem, const char *kid, yyjson_mut_val *claims)
{
    struct buffer token = begin_token(arena, header_of(arena, "RS256", kid), claims);
    struct bytes text = bytes_of_text(buffer_text(&token));
    uint8_t signature[LARGEST_SIGNATURE_BYTES];
    size_t size = sizeof signature;
    static const char no_password[] = "";
    BIO *reader = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(reader, NULL, NULL, (void *)(uintptr_t)no_password);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_signed = key != NULL && EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= 2048 &&
                     EVP_PKEY_get_size(key) <= LARGEST_SIGNATURE_BYTES &&
                     EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                     EVP_DigestSign(context, signature, &size, text.data, text.size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(reader);
    return is_signed ? end_token(arena, &token, (struct bytes){.data = signature, .size = size}) : NULL;
}

/* One part of a token as a JSON object. */
static yyjson_val *parse_part(struct arena *arena, const char *text, size_t length)
{
    struct bytes json;
    yyjson_val *root = NULL;
    if (!base64url_decode(arena, text, length, &json) ||
        json_parse(arena, json, &json_limits_token, &root) != JSON_FINE || !yyjson_is_obj(root))
        return NULL;
    return root;
}

/* A text member of the header that may be absent; false where it is there and no text. */
static bool optional_text(yyjson_val *header, const char *name, const char **text)
{
    yyjson_val *member = json_member(header, name);
    *text = yyjson_get_str(member);
    return member == NULL || *text != NULL;
}

bool jwt_parse(struct arena *arena, const char *token, struct jwt *jwt)
{
    *jwt = (struct jwt){.alg = NULL};
    if (strnlen(token, TOKEN_MAXIMUM_BYTES + 1) > TOKEN_MAXIMUM_BYTES)
        return false;
    const char *first = strchr(token, '.');
    const char *second = first == NULL ? NULL : strchr(first + 1, '.');
    if (second == NULL || second[1] == '\0' || strchr(second + 1, '.') != NULL)
        return false;
    jwt->signed_text = token;
    jwt->signed_size = (size_t)(second - token);
    if (!base64url_decode(arena, second + 1, strlen(second + 1), &jwt->signature))
        return false;
    jwt->header = parse_part(arena, token, (size_t)(first - token));
    jwt->claims = parse_part(arena, first + 1, (size_t)(second - first - 1));
    if (jwt->header == NULL || jwt->claims == NULL)
        return false;
    /* No extension is understood here, so none may be critical (RFC 7515 section 4.1.11). */
    if (json_member(jwt->header, "crit") != NULL)
        return false;
    return optional_text(jwt->header, "alg", &jwt->alg) && jwt->alg != NULL &&
           optional_text(jwt->header, "kid", &jwt->kid) && optional_text(jwt->header, "typ", &jwt->typ);
}

static struct bytes signed_bytes(const struct jwt *jwt)
{
    return (struct bytes){.data = (const uint8_t *)jwt->signed_text, .size = jwt->signed_size};
}

bool jwt_verify_rs256(const struct jwt *jwt, const struct signing_key *key)
{
    return strcmp(jwt->alg, "RS256") == 0 && signing_key_verify(key, signed_bytes(jwt), jwt->signature);
}

bool jwt_verify_hs256(const struct jwt *jwt, struct bytes key)
{
    if (strcmp(jwt->alg, "HS256") != 0)
        return false;
    uint8_t mac[32];
    hmac_sha256(key, signed_bytes(jwt), mac);
    return bytes_equal_secret((struct bytes){.data = mac, .size = sizeof mac}, jwt->signature);
}

bool jwt_verify_hs512(const struct jwt *jwt, struct bytes key)
{
    if (strcmp(jwt->alg, "HS512") != 0)
        return false;
    uint8_t mac[64];
    hmac_sha512(key, signed_bytes(jwt), mac);
    return bytes_equal_secret((struct bytes){.data = mac, .size = sizeof mac}, jwt->signature);
}

/* The NumericDate of that name (RFC 7519 section 2), NAN where absent; false where it is no number in range.
 */
static bool read_time(const struct jwt *jwt, const char *name, double *seconds)
{
    yyjson_val *member = json_member(jwt->claims, name);
    *seconds = NAN;
    if (member == NULL)
        return true;
    if (!yyjson_is_num(member))
        return false;
    *seconds = yyjson_get_num(member);
    return *seconds >= 0 && *seconds <= time_maximum;
}

bool jwt_is_current(const struct jwt *jwt, int64_t now, int64_t leeway)
{
    double expires, not_before, issued;
    if (!read_time(jwt, "exp", &expires) || !read_time(jwt, "nbf", &not_before) ||
        !read_time(jwt, "iat", &issued))
        return false;
    if (isnan(expires) || (double)(now - leeway) >= expires)
        return false;
    double latest = (double)(now + leeway);
    return !(not_before > latest) && !(issued > latest);
}

bool jwt_has_audience(const struct jwt *jwt, const char *audience)
{
    yyjson_val *aud = json_member(jwt->claims, "aud");
    if (yyjson_is_str(aud))
        return strcmp(yyjson_get_str(aud), audience) == 0;
    return json_array_has_text(aud, audience);
}
