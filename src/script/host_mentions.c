/* Which names the text of a rule has: of all that rules may find in their world, most touch nothing. */
#include "script/engine.h"

#include <string.h>

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

static void search(struct source *source, const char *names)
{
    source->mentions = WAS_SEARCHED;
    for (unsigned i = 0; i < NAMES_MOST && *names != '\0'; i++) {
        size_t length = strcspn(names, " ");
        if (has_word(source->text, names, length))
            source->mentions |= UINT64_C(1) << i;
        names += length + (names[length] == ' ' ? 1 : 0);
    }
}

/* The names whose bits are set, as a list. */
static JSValue list_names(JSContext *ctx, uint64_t bits, const char *names)
{
    JSValue list = JS_NewArray(ctx);
    uint32_t count = 0;
    for (unsigned i = 0; i < NAMES_MOST && *names != '\0' && !JS_IsException(list); i++) {
        size_t length = strcspn(names, " ");
        if ((bits >> i & 1) != 0)
            JS_SetPropertyUint32(ctx, list, count++, JS_NewStringLen(ctx, names, length));
        names += length + (names[length] == ' ' ? 1 : 0);
    }
    return list;
}

JSValue host_mentions(JSContext *ctx, UNUSED JSValueConst this, UNUSED int argc, JSValueConst *argv)
{
    struct engine *engine = JS_GetRuntimeOpaque(JS_GetRuntime(ctx));
    size_t size = 0;
    const char *hash = JS_ToCStringLen(ctx, &size, argv[0]);
    const char *names = hash != NULL ? JS_ToCString(ctx, argv[1]) : NULL;
    JSValue answer = JS_UNDEFINED;
    struct source *source = names != NULL && size == FRAME_HASH_BYTES ? engine_source(engine, hash) : NULL;
    if (names == NULL) {
        answer = JS_EXCEPTION;
    } else if (source != NULL) {
        if (source->mentions == 0)
            search(source, names);
        if (source->mentions != WAS_SEARCHED)
            answer = list_names(ctx, source->mentions, names);
    }
    JS_FreeCString(ctx, names);
    JS_FreeCString(ctx, hash);
    return answer;
}
