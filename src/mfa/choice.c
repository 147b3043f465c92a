#include "mfa/mfa.h"

#include <stdlib.h>
#include <string.h>

/*
 * Whether a login may use that factor: the enabled ones; a provider that is named overrides the switches where none of its
 * factors is on, and then means one-time codes.
 */
static bool is_usable(const struct mfa_settings *settings, const char *provider, const struct factor *factor)
{
    /* Who asks for Duo is content with nothing else. */
    if (provider != NULL && strcmp(provider, "duo") == 0)
        return false;
    if (mfa_factor_enabled(settings, factor->name))
        return true;
    if (provider != NULL && strcmp(provider, "any") == 0)
        return false;
    for (size_t i = 0; i < factors_count; i++)
        if (factors[i]->counts_as_enrolled && settings->enabled[i])
            return false;
    return strcmp(factor->name, "otp") == 0;
}

static int64_t last_used(const struct authenticator *authenticator)
{
    return authenticator->last_auth_at > authenticator->confirmed_at ? authenticator->last_auth_at
                                                                     : authenticator->confirmed_at;
}

/* The last one used first, recovery codes after all others. */
static int compare_usefulness(const void *left, const void *right)
{
    const struct authenticator *a = left, *b = right;
    int a_counts = factor_by_kind(a->kind)->counts_as_enrolled,
        b_counts = factor_by_kind(b->kind)->counts_as_enrolled;
    if (a_counts != b_counts)
        return b_counts - a_counts;
    if (last_used(a) != last_used(b))
        return last_used(a) > last_used(b) ? -1 : 1;
    return strcmp(a->id, b->id);
}

enum db_result mfa_choice_read(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                               const struct mfa_settings *settings, const char *user_id, const char *provider,
                               struct mfa_choice *choice)
{
    struct authenticator *list;
    size_t count;
    *choice = (struct mfa_choice){0};
    enum db_result result = authenticators_of_user(tx, arena, tenant->keyring, user_id, &list, &count);
    if (result != DB_OK)
        return result;

    bool enrolled = false;
    choice->enrolled = arena_calloc(arena, count + 1, sizeof *choice->enrolled);
    for (size_t i = 0; i < count; i++) {
        const struct factor *factor = factor_by_kind(list[i].kind);
        if (factor == NULL || !list[i].confirmed || !is_usable(settings, provider, factor))
            continue;
        choice->enrolled[choice->enrolled_count++] = list[i];
        enrolled |= factor->counts_as_enrolled;
    }
    if (!enrolled)
        choice->enrolled_count = 0; /* a recovery code is no factor of its own */
    qsort(choice->enrolled, choice->enrolled_count, sizeof *choice->enrolled, compare_usefulness);

    choice->enrollable = arena_calloc(arena, factors_count, sizeof(const struct factor *));
    for (size_t i = 0; i < factors_count; i++)
        if (factors[i]->counts_as_enrolled && is_usable(settings, provider, factors[i]))
            choice->enrollable[choice->enrollable_count++] = factors[i];
    return DB_OK;
}

enum db_result mfa_is_enrolled(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                               const char *user_id, bool *enrolled)
{
    struct authenticator *list;
    size_t count;
    *enrolled = false;
    enum db_result result = authenticators_of_user(tx, arena, tenant->keyring, user_id, &list, &count);
    for (size_t i = 0; result == DB_OK && i < count; i++) {
        const struct factor *factor = factor_by_kind(list[i].kind);
        *enrolled |= factor != NULL && list[i].confirmed && factor->counts_as_enrolled;
    }
    return result;
}
