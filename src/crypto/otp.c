#include "crypto/otp.h"

#include "base/buffer.h"
#include "base/encode.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOTP_PERIOD_S = 30, TOTP_DIGITS = 6, TOTP_STEPS_EITHER_SIDE = 1 };

static const EVP_MD *digest_of(enum otp_algorithm algorithm)
{
    switch (algorithm) {
    case OTP_SHA1:
        return EVP_sha1();
    case OTP_SHA256:
        return EVP_sha256();
    case OTP_SHA512:
        return EVP_sha512();
    }
    return EVP_sha1();
}

void hotp(struct bytes secret, enum otp_algorithm algorithm, uint64_t counter, unsigned digits, char code[16])
{
    uint8_t message[8];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(counter >> (56 - 8 * i));

    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (HMAC(digest_of(algorithm), secret.data, (int)secret.size, message, sizeof message, mac, &size) ==
        NULL)
        abort();

    /* Dynamic truncation, RFC 4226 section 5.3. */
    unsigned offset = mac[size - 1] & 0x0f;
    uint32_t number = (uint32_t)(mac[offset] & 0x7f) << 24 | (uint32_t)mac[offset + 1] << 16 |
                      (uint32_t)mac[offset + 2] << 8 | (uint32_t)mac[offset + 3];
    OPENSSL_cleanse(mac, sizeof mac);

    uint32_t modulus = 1;
    for (unsigned i = 0; i < digits; i++)
        modulus *= 10;
    snprintf(code, 16, "%0*" PRIu32, (int)digits, number % modulus);
}

int64_t totp_step(int64_t seconds)
{
    return seconds / TOTP_PERIOD_S;
}

bool totp_verify(struct bytes secret, const char *code, int64_t now, int64_t last_step, int64_t *step)
{
    int64_t current = totp_step(now);
    bool right = false;
    *step = 0;
    /* All steps are tried whatever matches, so that the time taken tells nothing; should two steps share a
     * code, the later one is remembered, and neither can be replayed. */
    for (int64_t s = current - TOTP_STEPS_EITHER_SIDE; s <= current + TOTP_STEPS_EITHER_SIDE; s++) {
        char expected[16];
        hotp(secret, OTP_SHA1, (uint64_t)s, TOTP_DIGITS, expected);
        bool equal = text_equal_secret(expected, code);
        if (equal && s > last_step) {
            right = true;
            *step = s;
        }
        OPENSSL_cleanse(expected, sizeof expected);
    }
    return right;
}

/* Half of a label: colons become spaces, and spaces neither begin, end, nor double. */
static char *label_part(struct arena *arena, const char *text)
{
    struct buffer part = buffer_create(arena, strlen(text) + 1);
    bool space = false;
    for (; *text != '\0'; text++) {
        if (*text == ':' || *text == ' ') {
            space = part.size > 0;
            continue;
        }
        if (space)
            buffer_add_char(&part, ' ');
        space = false;
        buffer_add_char(&part, *text);
    }
    return percent_encode(arena, buffer_text(&part));
}

char *otpauth_uri(struct arena *arena, const char *issuer, const char *account, const char *secret_base32)
{
    const char *prefix = label_part(arena, issuer);
    return arena_printf(arena, "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
                        prefix, label_part(arena, account), secret_base32, prefix, TOTP_DIGITS,
                        TOTP_PERIOD_S);
}
