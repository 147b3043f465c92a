/* Phone numbers (ITU-T E.164) and codes as people type them. */
#include "mfa/mfa.h"

#include "base/buffer.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_TYPED = 100, LONGEST_NUMBER = 15, SHORTEST_NUMBER = 7, NORTH_AMERICAN_NUMBER = 11 };

/*
 * Country calling codes in use (ITU-T E.164, list of assigned codes), by their first digits. Left out are the codes that
 * are no country and cost whoever sends: premium rates (979), shared cost, satellites (87x, 88x).
 */
static const char *const country_codes =
    " 1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 "
    "81 82 84 86 "
    "90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 "
    "235 236 237 "
    "238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 "
    "265 266 267 "
    "268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 "
    "379 380 381 "
    "382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 "
    "597 598 599 "
    "670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 850 852 853 855 856 "
    "880 886 960 "
    "961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 992 993 994 995 996 998 ";

/* Reads one character of UTF-8 (valid: forms were checked) and moves past it. */
static uint32_t next_character(const char **text)
{
    const unsigned char *c = (const unsigned char *)*text;
    size_t more = c[0] < 0x80 ? 0 : c[0] < 0xe0 ? 1 : c[0] < 0xf0 ? 2 : 3;
    uint32_t value = more == 0 ? c[0] : c[0] & (0x3fu >> more);
    size_t read = 1;
    for (; read <= more && (c[read] & 0xc0) == 0x80; read++)
        value = value << 6 | (c[read] & 0x3fu);
    *text += read;
    return value;
}

/* The ASCII form of digits, and of the plus, that keyboards of other scripts make. */
static uint32_t to_ascii(uint32_t character)
{
    static const uint32_t zeros[] = {0x0660, 0x06f0, 0xff10}; /* Arabic, Persian, full width */
    for (size_t i = 0; i < ARRAY_LENGTH(zeros); i++)
        if (character >= zeros[i] && character <= zeros[i] + 9)
            return '0' + (character - zeros[i]);
    if (character >= 0xff21 && character <= 0xff5a) /* full-width letters, of recovery codes */
        return character - 0xff21 + 'A';
    return character == 0xff0b ? '+' : character;
}

static bool is_space(uint32_t character)
{
    return character == ' ' || character == '\t' || character == 0xa0 || character == 0x3000 ||
           (character >= 0x2000 && character <= 0x200f) || (character >= 0x202a && character <= 0x202f) ||
           (character >= 0x2066 && character <= 0x2069);
}

static bool is_dash(uint32_t character)
{
    return character == '-' || (character >= 0x2010 && character <= 0x2015) || character == 0xff0d;
}

char *code_typed(struct arena *arena, const char *typed)
{
    struct buffer code = buffer_create(arena, LONGEST_TYPED);
    while (*typed != '\0') {
        uint32_t character = to_ascii(next_character(&typed));
        if (is_space(character) || is_dash(character))
            continue;
        /* What is no ASCII is in no code; it stays as one character that no check lets pass. */
        buffer_add_char(&code, character < 0x80 ? (char)character : '?');
    }
    return arena_strdup(arena, code.overflowed ? "?" : buffer_text(&code));
}

static bool has_country_code(const char *digits)
{
    for (int length = 1; length <= 3; length++) {
        char wanted[8];
        snprintf(wanted, sizeof wanted, " %.*s ", length, digits);
        if (strstr(country_codes, wanted) != NULL)
            return true;
    }
    return false;
}

char *phone_e164(struct arena *arena, const char *typed)
{
    struct buffer number = buffer_create(arena, LONGEST_NUMBER + 2);
    while (typed != NULL && *typed != '\0') {
        uint32_t character = to_ascii(next_character(&typed));
        if (is_space(character) || is_dash(character) || character == '.' || character == '(' ||
            character == ')')
            continue;
        bool fits =
            (character >= '0' && character <= '9') ? number.size > 0 : character == '+' && number.size == 0;
        if (!fits)
            return NULL;
        buffer_add_char(&number, (char)character);
    }
    const char *text = buffer_text(&number);
    size_t digits = number.size > 0 ? number.size - 1 : 0;
    if (number.overflowed || digits < SHORTEST_NUMBER || digits > LONGEST_NUMBER ||
        !has_country_code(text + 1))
        return NULL;
    if (text[1] == '1' && digits != NORTH_AMERICAN_NUMBER)
        return NULL;
    return arena_strdup(arena, text);
}
