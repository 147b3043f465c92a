#include "crypto/password_policy.h"

#include "base/buffer.h"
#include "crypto/password.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <zxcvbn.h>

enum { LOWER = 1, UPPER = 2, NUMBER = 4, SPECIAL = 8 };

/* How a level judges the kinds of characters. */
struct level {
    const char *name;
    size_t minimum_characters;
    unsigned kinds;      /* that are looked for */
    unsigned at_least;   /* how many of them */
    bool limits_repeats; /* no more than two equal characters in a row */
};

static const struct level levels[] = {
    {"none", 1, 0, 0, false},
    {"low", 6, 0, 0, false},
    {"fair", 8, LOWER | UPPER | NUMBER, 3, false},
    {"good", 8, LOWER | UPPER | NUMBER | SPECIAL, 3, false},
    {"excellent", 10, LOWER | UPPER | NUMBER | SPECIAL, 3, true},
};
enum { LEVEL_GOOD = 3 };

static const struct {
    unsigned kind;
    const char *code;
    const char *message;
} kinds[] = {
    {LOWER, "lowerCase", "lower case letters (a-z)"},
    {UPPER, "upperCase", "upper case letters (A-Z)"},
    {NUMBER, "numbers", "numbers (i.e. 0-9)"},
    {SPECIAL, "specialCharacters", "special characters (e.g. !@#$%^&*)"},
};

/* zxcvbn scores in time that grows with the square of the length; what makes a password common is at its
 * start. */
enum { SCORED_BYTES = 64 };
/* log10 of guesses below which a password is on any list of common ones (the ten thousand most used). */
static const double common_guesses_log10 = 4.0;

static const struct level *level_named(const char *name)
{
    for (size_t i = 0; name != NULL && i < ARRAY_LENGTH(levels); i++) {
        if (strcmp(levels[i].name, name) == 0) {
            return &levels[i];
        }
    }
    return &levels[LEVEL_GOOD];
}

struct password_policy password_policy_of(yyjson_val *connection)
{
    yyjson_val *options = json_member(connection, "options");
    yyjson_val *dictionary = json_member(options, "password_dictionary");
    const struct level *level = level_named(json_text(options, "passwordPolicy"));
    int64_t minimum = json_int(json_member(options, "password_complexity_options"), "min_length", 0);
    return (struct password_policy){
        .level = level->name,
        .minimum_characters = minimum > 0 && minimum <= 128 ? (size_t)minimum : level->minimum_characters,
        .forbids_personal = json_bool(json_member(options, "password_no_personal_info"), "enable", false),
        .forbids_common = json_bool(dictionary, "enable", false),
        .words = json_member(dictionary, "dictionary"),
    };
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return count;
}

static unsigned kinds_in(const char *password)
{
    unsigned found = 0;
    for (const unsigned char *c = (const unsigned char *)password; *c != '\0'; c++) {
        if (*c >= 'a' && *c <= 'z') {
            found |= LOWER;
        } else if (*c >= 'A' && *c <= 'Z') {
            found |= UPPER;
        } else if (*c >= '0' && *c <= '9') {
            found |= NUMBER;
        } else if (*c < 0x80) {
            found |= SPECIAL;
        }
    }
    return found;
}

/* The third equal character in a row; 0 where there is none. */
static char repeated(const char *password)
{
    for (size_t i = 2; password[0] != '\0' && password[1] != '\0' && password[i] != '\0'; i++) {
        if (password[i] == password[i - 1] && password[i] == password[i - 2]) {
            return password[i];
        }
    }
    return '\0';
}

static bool kinds_fit(const struct level *level, const char *password)
{
    return (unsigned)__builtin_popcount(kinds_in(password) & level->kinds) >= level->at_least;
}

static bool is_strong(const struct password_policy *policy, const char *password)
{
    const struct level *level = level_named(policy->level);
    return characters(password) >= policy->minimum_characters && kinds_fit(level, password) &&
           !(level->limits_repeats && repeated(password) != '\0');
}

static bool contains_folded(const char *text, const char *part)
{
    return part != NULL && strlen(part) >= 3 && strcasestr(text, part) != NULL;
}

static bool is_personal(struct arena *arena, const char *password, yyjson_val *user)
{
    static const char *const members[] = {"name",        "username", "nickname",    "given_name",
                                          "family_name", "email",    "phone_number"};
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        const char *value = json_text(user, members[i]);
        const char *at = value != NULL ? strchr(value, '@') : NULL;
        if (contains_folded(password, value) ||
            (at != NULL && contains_folded(password, arena_strndup(arena, value, (size_t)(at - value))))) {
            return true;
        }
    }
    return false;
}

static bool is_common(const struct password_policy *policy, struct arena *arena, const char *password)
{
    size_t index, count;
    yyjson_val *word;
    yyjson_arr_foreach(policy->words, index, count, word)
    {
        if (yyjson_is_str(word) && strcasecmp(yyjson_get_str(word), password) == 0) {
            return true;
        }
    }
    if (strlen(password) > SCORED_BYTES) {
        return false;
    }
    double bits = ZxcvbnMatch(arena_strdup(arena, password), NULL, NULL);
    return bits < common_guesses_log10 / 0.30102999566398120;
}

enum password_fault password_policy_check(const struct password_policy *policy, struct arena *arena,
                                          const char *password, yyjson_val *user)
{
    if (strlen(password) > PASSWORD_MAXIMUM_BYTES) {
        return PASSWORD_TOO_LONG;
    }
    if (!is_strong(policy, password)) {
        return PASSWORD_TOO_WEAK;
    }
    if (policy->forbids_common && is_common(policy, arena, password)) {
        return PASSWORD_TOO_COMMON;
    }
    if (policy->forbids_personal && is_personal(arena, password, user)) {
        return PASSWORD_PERSONAL;
    }
    return PASSWORD_FITS;
}

static yyjson_mut_val *add_rule(yyjson_mut_doc *doc, yyjson_mut_val *rules, const char *code,
                                const char *message, bool verified)
{
    yyjson_mut_val *rule = yyjson_mut_arr_add_obj(doc, rules);
    json_set_text(doc, rule, "code", code);
    json_set_text(doc, rule, "message", message);
    json_set_bool(doc, rule, "verified", verified);
    return rule;
}

static void add_length_rule(const struct password_policy *policy, yyjson_mut_doc *doc, yyjson_mut_val *rules,
                            const char *password)
{
    bool fits = characters(password) >= policy->minimum_characters;
    if (policy->minimum_characters <= 1) {
        (void)add_rule(doc, rules, "nonEmpty", "Non-empty password required", fits);
        return;
    }
    yyjson_mut_val *rule = add_rule(doc, rules, "lengthAtLeast", "At least %d characters in length", fits);
    yyjson_mut_val *format = yyjson_mut_obj_add_arr(doc, rule, "format");
    yyjson_mut_arr_add_uint(doc, format, policy->minimum_characters);
}

static void add_kinds_rule(const struct level *level, yyjson_mut_doc *doc, yyjson_mut_val *rules,
                           const char *password)
{
    unsigned total = (unsigned)__builtin_popcount(level->kinds);
    unsigned found = kinds_in(password);
    bool all = level->at_least == total;
    yyjson_mut_val *rule =
        add_rule(doc, rules, all ? "shouldContain" : "containsAtLeast",
                 all ? "Should contain:" : "Contain at least %d of the following %d types of characters:",
                 kinds_fit(level, password));
    if (!all) {
        yyjson_mut_val *format = yyjson_mut_obj_add_arr(doc, rule, "format");
        yyjson_mut_arr_add_uint(doc, format, level->at_least);
        yyjson_mut_arr_add_uint(doc, format, total);
    }
    yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, rule, "items");
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        if ((level->kinds & kinds[i].kind) != 0) {
            (void)add_rule(doc, items, kinds[i].code, kinds[i].message, (found & kinds[i].kind) != 0);
        }
    }
}

yyjson_mut_val *password_policy_rules(const struct password_policy *policy, struct arena *arena,
                                      yyjson_mut_doc *doc, const char *password)
{
    const struct level *level = level_named(policy->level);
    yyjson_mut_val *rules = yyjson_mut_arr(doc);
    add_length_rule(policy, doc, rules, password);
    if (level->at_least > 0) {
        add_kinds_rule(level, doc, rules, password);
    }
    if (level->limits_repeats) {
        char c = repeated(password);
        yyjson_mut_val *rule =
            add_rule(doc, rules, "identicalChars",
                     "No more than %d identical characters in a row (e.g., \"%s\" not allowed)", c == '\0');
        yyjson_mut_val *format = yyjson_mut_obj_add_arr(doc, rule, "format");
        yyjson_mut_arr_add_uint(doc, format, 2);
        yyjson_mut_arr_add_strcpy(
            doc, format, (c & 0x80) == 0 && c != '\0' ? arena_printf(arena, "%c%c%c", c, c, c) : "aaa");
    }
    return rules;
}

const char *password_policy_text(const struct password_policy *policy, struct arena *arena)
{
    const struct level *level = level_named(policy->level);
    struct buffer text = buffer_create(arena, 4096);
    if (policy->minimum_characters <= 1) {
        buffer_add(&text, "* Non-empty password required");
    } else {
        buffer_printf(&text, "* At least %zu characters in length", policy->minimum_characters);
    }
    if (level->at_least > 0) {
        unsigned total = (unsigned)__builtin_popcount(level->kinds);
        if (level->at_least == total) {
            buffer_add(&text, "\n* Should contain:");
        } else {
            buffer_printf(&text,
                          "\n* Contain at least %u of the following %u types of characters:", level->at_least,
                          total);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
            if ((level->kinds & kinds[i].kind) != 0) {
                buffer_printf(&text, "\n * %s", kinds[i].message);
            }
        }
    }
    if (level->limits_repeats) {
        buffer_add(&text, "\n* No more than 2 identical characters in a row (e.g., \"aaa\" not allowed)");
    }
    return buffer_text(&text);
}

yyjson_mut_doc *password_strength_error(const struct password_policy *policy, struct arena *arena,
                                        const char *password)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "name", "PasswordStrengthError");
    json_set_text(doc, root, "message", "Password is too weak");
    json_set_text(doc, root, "code", "invalid_password");
    yyjson_mut_val *description = yyjson_mut_obj_add_obj(doc, root, "description");
    json_set(doc, description, "rules", password_policy_rules(policy, arena, doc, password));
    json_set_bool(doc, description, "verified", is_strong(policy, password));
    json_set_text(doc, root, "policy", password_policy_text(policy, arena));
    json_set_int(doc, root, "statusCode", 400);
    return doc;
}
