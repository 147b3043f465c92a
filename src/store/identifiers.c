/*
 * Letters are compared after the mapping of UTS #46 (case folded, composed), which is what IDNA does to host names. Unlike
 * there, a local part or user name is refused where the mapping would turn a foreign character into an ASCII one (U+017F
 * into s, U+212A into k, full-width letters): such a name is another mailbox than the one it would become.
 */
#include "store/identifiers.h"

#include "base/buffer.h"
#include "base/encode.h"

#include <idn2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_EMAIL_BYTES = 254, /* RFC 5321, by way of its erratum 1690 */
    MOST_LOCAL_BYTES = 64,
    MOST_HOST_BYTES = 253,
    MOST_LABEL_BYTES = 63,
    MOST_USERNAME_BYTES = 128,
    MOST_NAME_BYTES = 512,
    MOST_FOLDED_BYTES = 1024,
};

#define ASCII_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ASCII_DIGITS "0123456789"
/* RFC 5322 atext and the dot; what Auth0 allows in user names, and the rest of atext. */
#define LOCAL_PUNCTUATION "!#$%&'*+-/=?^_`{|}~."
#define USERNAME_PUNCTUATION LOCAL_PUNCTUATION "@"

enum script { OTHER = 0, LATIN = 1, GREEK = 2, CYRILLIC = 4, HAN = 8, KANA = 16, HANGUL = 32, ALONE = 64 };

/* The scripts whose letters are taken. ALONE: one that never mixes; each such range is a script of its own. */
static const struct range {
    uint32_t first, last;
    enum script script;
} ranges[] = {
    {0x00C0, 0x00D6, LATIN},    {0x00D8, 0x00F6, LATIN},    {0x00F8, 0x012F, LATIN},  {0x0132, 0x0137, LATIN},
    {0x0139, 0x0148, LATIN},    {0x014A, 0x017E, LATIN},    {0x0180, 0x01BF, LATIN},  {0x01C4, 0x0236, LATIN},
    {0x0370, 0x0373, GREEK},    {0x0376, 0x0377, GREEK},    {0x0386, 0x0386, GREEK},  {0x0388, 0x03FF, GREEK},
    {0x0400, 0x0481, CYRILLIC}, {0x048A, 0x052F, CYRILLIC}, {0x0531, 0x0587, ALONE},  {0x05D0, 0x05EA, ALONE},
    {0x0620, 0x06FF, ALONE},    {0x0900, 0x097F, ALONE},    {0x0980, 0x09FF, ALONE},  {0x0A00, 0x0A7F, ALONE},
    {0x0A80, 0x0AFF, ALONE},    {0x0B00, 0x0B7F, ALONE},    {0x0B80, 0x0BFF, ALONE},  {0x0C00, 0x0C7F, ALONE},
    {0x0C80, 0x0CFF, ALONE},    {0x0D00, 0x0D7F, ALONE},    {0x0D80, 0x0DFF, ALONE},  {0x0E01, 0x0E4E, ALONE},
    {0x0E80, 0x0EFF, ALONE},    {0x1000, 0x109F, ALONE},    {0x10D0, 0x10FF, ALONE},  {0x1200, 0x139F, ALONE},
    {0x1780, 0x17B3, ALONE},    {0x17B6, 0x17FF, ALONE},    {0x1E00, 0x1EFF, LATIN},  {0x1F00, 0x1FFF, GREEK},
    {0x3005, 0x3007, HAN},      {0x3041, 0x3096, KANA},     {0x30A1, 0x30FE, KANA},   {0x3105, 0x312F, HAN},
    {0x3400, 0x4DBF, HAN},      {0x4E00, 0x9FFF, HAN},      {0xAC00, 0xD7A3, HANGUL}, {0x20000, 0x323AF, HAN},
};

/* Small letters of other scripts that look like a Latin one. A name of these alone would pass for a Latin name. */
static const uint16_t latin_lookalikes[] =
    {
        0x03B1, 0x03B3, 0x03B9, 0x03BA, 0x03BD, 0x03BF, 0x03C1, 0x03C5, 0x03C7, 0x03C9, 0x03F2,
        0x03F3, /* Greek */
        0x0430, 0x0433, 0x0435, 0x043A, 0x043E, 0x043F, 0x0440, 0x0441, 0x0443, 0x0445, 0x0455,
        0x0456, 0x0458, 0x0475, 0x04AF, 0x04BB, 0x04CF, 0x04D5, 0x0501, 0x050D, 0x051B, 0x051D, /* Cyrillic */
};

/* The code point at *text, which is well-formed UTF-8, and moves past it. */
static uint32_t next_code_point(const char **text)
{
    const unsigned char *c = (const unsigned char *)*text;
    size_t size = c[0] < 0x80 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    uint32_t point = size == 1 ? c[0] : c[0] & (0xFFU >> (size + 1));
    for (size_t i = 1; i < size; i++)
        point = point << 6 | (c[i] & 0x3FU);
    *text += size;
    return point;
}

static const struct range *range_of(uint32_t point)
{
    for (size_t i = 0; i < ARRAY_LENGTH(ranges); i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return &ranges[i];
    }
    return NULL;
}

static bool is_ascii_letter(uint32_t point)
{
    return point < 0x80 && point != 0 && strchr(ASCII_LETTERS, (int)point) != NULL;
}

/* But for U+034F, which joins nothing that anyone sees and would map to nothing at all. */
static bool is_mark(uint32_t point)
{
    return point >= 0x0300 && point <= 0x036F && point != 0x034F;
}

static bool is_lookalike(uint32_t point)
{
    for (size_t i = 0; i < ARRAY_LENGTH(latin_lookalikes); i++) {
        if (latin_lookalikes[i] == point)
            return true;
    }
    return false;
}

/* How many ASCII characters stand by themselves: one that a combining mark follows is a part of another letter. */
static size_t count_ascii(const char *text)
{
    size_t count = 0;
    uint32_t before = 0;
    while (*text != '\0') {
        uint32_t point = next_code_point(&text);
        count += point < 0x80 ? 1 : 0;
        count -= is_mark(point) && before != 0 && before < 0x80 ? 1 : 0;
        before = point;
    }
    return count;
}

/* Whether scripts meet that are written together: one alone, or Latin with the scripts of one of China, Japan, Korea. */
static bool scripts_mix(unsigned scripts)
{
    bool is_single = (scripts & (scripts - 1)) == 0;
    return is_single || (scripts & ~(unsigned)(LATIN | HAN | KANA)) == 0 ||
           (scripts & ~(unsigned)(LATIN | HAN | HANGUL)) == 0;
}

/* Whether all letters of a folded name are of scripts that are written together, and it is not Latin by its looks alone. */
static bool letters_fit(const char *text)
{
    unsigned scripts = 0;
    const struct range *alone = NULL;
    bool looks_latin = true;
    while (*text != '\0') {
        uint32_t point = next_code_point(&text);
        if (is_ascii_letter(point))
            scripts |= LATIN;
        if (point < 0x80)
            continue;
        const struct range *range = range_of(point);
        if (range == NULL || (range->script == ALONE && alone != NULL && alone != range))
            return false;
        alone = range->script == ALONE ? range : alone;
        scripts |= range->script;
        looks_latin = looks_latin && is_lookalike(point);
    }
    bool is_foreign = (scripts & (GREEK | CYRILLIC)) != 0;
    return scripts_mix(scripts) && !(is_foreign && looks_latin);
}

/* Adds the folded form of a run of letters and digits that holds more than ASCII; false where it is not to be had. */
static bool fold_run(struct arena *arena, struct buffer *folded, const char *run, size_t length)
{
    char *text = arena_strndup(arena, run, length);
    for (const char *c = text; *c != '\0';) {
        uint32_t point = next_code_point(&c);
        bool is_taken = point < 0x80 ? is_ascii_letter(point) || (point >= '0' && point <= '9')
                                     : range_of(point) != NULL || is_mark(point);
        if (!is_taken)
            return false;
    }
    char *ascii = NULL;
    char *mapped = NULL;
    bool is_mapped = idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
                     idn2_to_unicode_8z8z(ascii, &mapped, 0) == IDN2_OK &&
                     count_ascii(mapped) == count_ascii(text);
    if (is_mapped)
        buffer_add(folded, mapped);
    idn2_free(ascii);
    idn2_free(mapped);
    return is_mapped;
}

/* Folds a name of letters, digits and `punctuation`; NULL where it holds anything else, or letters that do not fit. */
static char *fold(struct arena *arena, const char *text, size_t length, const char *punctuation)
{
    struct buffer folded = buffer_create(arena, MOST_FOLDED_BYTES);
    size_t i = 0;
    while (i < length) {
        if (strchr(punctuation, text[i]) != NULL) {
            buffer_add_char(&folded, text[i++]);
            continue;
        }
        size_t run = 0;
        bool is_ascii = true;
        while (i + run < length && strchr(punctuation, text[i + run]) == NULL) {
            is_ascii = is_ascii && (unsigned char)text[i + run] < 0x80;
            run++;
        }
        if (is_ascii && strspn(text + i, ASCII_LETTERS ASCII_DIGITS) < run)
            return NULL;
        if (!is_ascii && !fold_run(arena, &folded, text + i, run))
            return NULL;
        for (size_t j = 0; j < run && is_ascii; j++)
            buffer_add_char(
                &folded, (char)(text[i + j] >= 'A' && text[i + j] <= 'Z' ? text[i + j] + 32 : text[i + j]));
        i += run;
    }
    const char *result = buffer_text(&folded);
    return folded.overflowed || result[0] == '\0' || !letters_fit(result) ? NULL
                                                                          : arena_strdup(arena, result);
}

/* Whether it is a host name of two labels at least (RFC 1123: letters, digits and inner hyphens). */
static bool host_valid(const char *host)
{
    size_t labels = 0;
    size_t length = strlen(host);
    if (length == 0 || length > MOST_HOST_BYTES)
        return false;
    for (const char *label = host;; label++) {
        size_t size = strcspn(label, ".");
        if (size == 0 || size > MOST_LABEL_BYTES || label[0] == '-' || label[size - 1] == '-' ||
            strspn(label, "abcdefghijklmnopqrstuvwxyz" ASCII_DIGITS "-") < size)
            return false;
        labels++;
        label += size;
        if (*label == '\0')
            return labels >= 2;
    }
}

static char *host_canonical(struct arena *arena, const char *host)
{
    char *ascii = NULL;
    char *canonical = NULL;
    if (idn2_to_ascii_8z(host, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK && host_valid(ascii))
        canonical = arena_strdup(arena, ascii);
    idn2_free(ascii);
    return canonical;
}

char *email_canonical(struct arena *arena, const char *email)
{
    if (email == NULL || strlen(email) > MOST_EMAIL_BYTES || !utf8_valid(email, strlen(email)))
        return NULL;
    const char *at = strrchr(email, '@');
    if (at == NULL || at == email || (size_t)(at - email) > MOST_LOCAL_BYTES)
        return NULL;
    if (email[0] == '.' || at[-1] == '.' || strstr(email, "..") != NULL)
        return NULL;
    char *local = fold(arena, email, (size_t)(at - email), LOCAL_PUNCTUATION);
    char *host = host_canonical(arena, at + 1);
    return local == NULL || host == NULL ? NULL : arena_printf(arena, "%s@%s", local, host);
}

char *username_canonical(struct arena *arena, const char *username)
{
    if (username == NULL || username[0] == '\0' || strlen(username) > MOST_USERNAME_BYTES ||
        !utf8_valid(username, strlen(username)))
        return NULL;
    return fold(arena, username, strlen(username), USERNAME_PUNCTUATION);
}

char *phone_canonical(struct arena *arena, const char *phone)
{
    if (phone == NULL || phone[0] != '+' || phone[1] == '0')
        return NULL;
    size_t digits = strspn(phone + 1, ASCII_DIGITS);
    return digits < 7 || digits > 15 || phone[1 + digits] != '\0' ? NULL : arena_strdup(arena, phone);
}

char *profile_key(struct arena *arena, const char *name)
{
    if (name == NULL || strlen(name) > MOST_NAME_BYTES)
        return NULL;
    char *key = arena_strdup(arena, name);
    for (char *c = key; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return key;
}
