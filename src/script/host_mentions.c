/* Which names the text of a rule has: of all that rules may find in their world, most touch nothing. */
#include "script/engine.h"

#include <string.h>

/*
 * What rules find without require: packages of the first generation of Auth0's sandbox, and globals of Node and of browsers.
 * At most 63. The list is not the program's to give: what is found is kept for other logins.
 */
static const char names[] =
    "request _ jwt querystring uuid async bcrypt q Q ip pbkdf2 xml2js xmldom xpath xtend mongo mysql pg "
    "postgres sqlserver couchbase cql "
    "Knex azure_storage pubnub Buffer URL URLSearchParams TextEncoder TextDecoder atob btoa fetch Headers "
    "Request Response "
    "AbortController AbortSignal process queueMicrotask structuredClone ValidationError crypto performance";

enum { NAMES_MOST = 63 };
#define WAS_SEARCHED (UINT64_C(1) << 63)

static bool is_identifier(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

/* Whether the text has the name as a word of its own, be it in a comment. */
static bool has_word(const char *text, const char *name, size_t length)
{
    const char *at = text;
    while ((at = memmem(at, strlen(at), name, length)) != NULL) {
        if ((at == text || !is_identifier(at[-1])) && !is_identifier(at[length]))
            return true;
        at++;
    }
    return false;
}

/* The next name and its length; NULL after the last. */
static const char *next_name(const char *name, size_t *length)
{
    name += *length + (*length > 0 && name[*length] == ' ' ? 1 : 0);
    *length = strcspn(name, " ");
    return *length > 0 ? name : NULL;
}

static void search(struct source *source)
{
    size_t length = 0;
    const char *name = next_name(names, &length);
    source->mentions = WAS_SEARCHED;
    for (unsigned i = 0; i < NAMES_MOST && name != NULL; i++, name = next_name(name, &length))
        if (has_word(source->text, name, length))
            source->mentions |= UINT64_C(1) << i;
}

/* The names whose bits are set, as a list. */
static JSValue list_names(JSContext *ctx, uint64_t bits)
{
    size_t length = 0;
    const char *name = next_name(names, &length);
    JSValue list = JS_NewArray(ctx);
    uint32_t count = 0;
    for (unsigned i = 0; i < NAMES_MOST && name != NULL && !JS_IsException(list);
         i++, name = next_name(name, &length))
        if ((bits >> i & 1) != 0)
            JS_SetPropertyUint32(ctx, list, count++, JS_NewStringLen(ctx, name, length));
    return list;
}

JSValue host_mentions(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct engine *engine = JS_GetRuntimeOpaque(JS_GetRuntime(ctx));
    size_t size = 0;
    if (JS_IsUndefined(argv[0]))
        return list_names(ctx, UINT64_MAX);
    const char *hash = JS_ToCStringLen(ctx, &size, argv[0]);
    if (hash == NULL)
        return JS_EXCEPTION;
    struct source *source = size == FRAME_HASH_BYTES ? engine_source(engine, hash) : NULL;
    JS_FreeCString(ctx, hash);
    if (source == NULL)
        return JS_UNDEFINED;
    if (source->mentions == 0)
        search(source);
    return source->mentions != WAS_SEARCHED ? list_names(ctx, source->mentions) : JS_UNDEFINED;
}
