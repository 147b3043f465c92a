/* One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238). */
#ifndef COUNTERSIGN_CRYPTO_OTP_H
#define COUNTERSIGN_CRYPTO_OTP_H

#include "base/arena.h"
#include "base/bytes.h"

enum otp_algorithm { OTP_SHA1 = 1, OTP_SHA256 = 2, OTP_SHA512 = 3 };

/* The code of `digits` (6 to 8) for a counter, NUL-ended, into code. */
void hotp(struct bytes secret, enum otp_algorithm algorithm, uint64_t counter, unsigned digits,
          char code[16]);

/* The time step of `seconds` with a period of 30. */
int64_t totp_step(int64_t seconds) NODISCARD;

/*
 * Whether `code` (digits, of SHA-1/6/30) is that of the step of `now`, or one either side, and of a step later than
 * `last_step`. On true *step is the step to remember.
 */
bool totp_verify(struct bytes secret, const char *code, int64_t now, int64_t last_step,
                 int64_t *step) NODISCARD;

/*
 * The otpauth URI of a QR code (Key URI format): label ISSUER:ACCOUNT with neither half holding a colon, issuer parameter
 * equal to the label's prefix, all else percent-encoded, secret as 32 base32 characters.
 */
char *otpauth_uri(struct arena *arena, const char *issuer, const char *account,
                  const char *secret_base32) NODISCARD;

#endif
