#include "notify/aws_signature.h"

#include "base/encode.h"
#include "crypto/digest.h"

#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

static const char algorithm[] = "AWS4-HMAC-SHA256";

static char *digest_hex(struct arena *arena, struct bytes data)
{
    uint8_t digest[32];
    sha256(data, digest);
    return hex_encode(arena, (struct bytes){digest, sizeof digest});
}

/* key = HMAC(key, text), the chain of the signing key. */
static void chain(uint8_t key[32], const char *text)
{
    uint8_t next[32];
    hmac_sha256((struct bytes){key, 32}, bytes_of_text(text), next);
    memcpy(key, next, sizeof next);
    OPENSSL_cleanse(next, sizeof next);
}

char *aws_sign(struct arena *arena, const struct aws_identity *identity, const struct aws_request *request,
               int64_t now, const char **date)
{
    time_t seconds = (time_t)now;
    struct tm parts;
    char stamp[sizeof "20150830T123600Z"];
    gmtime_r(&seconds, &parts);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts);
    *date = arena_strdup(arena, stamp);
    const char *day = arena_strndup(arena, stamp, strlen("20150830"));
    const char *scope =
        arena_printf(arena, "%s/%s/%s/aws4_request", day, identity->region, identity->service);

    const char *type = request->content_type;
    const char *names = type != NULL ? "content-type;host;x-amz-date" : "host;x-amz-date";
    const char *canonical =
        arena_printf(arena, "POST\n%s\n\n%s%s%shost:%s\nx-amz-date:%s\n\n%s\n%s", request->path,
                     type != NULL ? "content-type:" : "", type != NULL ? type : "", type != NULL ? "\n" : "",
                     request->host, *date, names, digest_hex(arena, request->body));
    const char *to_sign = arena_printf(arena, "%s\n%s\n%s\n%s", algorithm, *date, scope,
                                       digest_hex(arena, bytes_of_text(canonical)));

    uint8_t key[32], signature[32];
    hmac_sha256(bytes_of_text(arena_printf(arena, "AWS4%s", identity->secret)), bytes_of_text(day), key);
    chain(key, identity->region);
    chain(key, identity->service);
    chain(key, "aws4_request");
    hmac_sha256((struct bytes){key, sizeof key}, bytes_of_text(to_sign), signature);
    OPENSSL_cleanse(key, sizeof key);
    return arena_printf(arena, "%s Credential=%s/%s, SignedHeaders=%s, Signature=%s", algorithm,
                        identity->key_id, scope, names,
                        hex_encode(arena, (struct bytes){signature, sizeof signature}));
}
