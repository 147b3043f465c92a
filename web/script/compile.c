/*
 * compile-programs PROGRAMS OUTPUT.c: at build time, turns the texts that build.mjs gathered into QuickJS bytecode, as one
 * C file. Workers link the same QuickJS, so that they take it as it is, out of memory that they share.
 *
 * PROGRAMS is a sequence of "NAME SIZE\n", SIZE bytes of text, "\n".
 */
#include <quickjs/quickjs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 128, LINE_BYTES = 32 };

static int fail(const char *sentence, const char *name)
{
    fprintf(stderr, "compile-programs: %s: %s\n", name, sentence);
    return 1;
}

static void write_code(FILE *out, const char *name, const uint8_t *code, size_t size)
{
    fprintf(out, "    {\"%s\", %zu, (const uint8_t *)", name, size);
    for (size_t i = 0; i < size; i++) {
        if (i % LINE_BYTES == 0)
            fputs(i == 0 ? "\"" : "\"\n\"", out);
        fprintf(out, "\\%03o", code[i]);
    }
    fputs("\"},\n", out);
}

/* A runtime for each program: its bytecode must not depend on what was compiled before. */
static int compile(FILE *out, const char *name, const char *text, size_t size)
{
    JSRuntime *rt = JS_NewRuntime();
    JSContext *ctx = rt != NULL ? JS_NewContext(rt) : NULL;
    if (ctx == NULL)
        return fail("no memory", name);
    /* Nobody reads the programs' own lines and names; without them they load in half the time. */
    JS_SetStripInfo(rt, JS_STRIP_DEBUG);
    int status = 0;
    JSValue function = JS_Eval(ctx, text, size, name, JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(function)) {
        JSValue fault = JS_GetException(ctx);
        const char *sentence = JS_ToCString(ctx, fault);
        status = fail(sentence != NULL ? sentence : "does not compile", name);
        JS_FreeCString(ctx, sentence);
        JS_FreeValue(ctx, fault);
    } else {
        size_t code_size = 0;
        uint8_t *code = JS_WriteObject(ctx, &code_size, function, JS_WRITE_OBJ_BYTECODE);
        if (code != NULL)
            write_code(out, name, code, code_size);
        else
            status = fail("can not be written", name);
        js_free(ctx, code);
        JS_FreeValue(ctx, function);
    }
    JS_FreeContext(ctx);
    JS_FreeRuntime(rt);
    return status;
}

static int compile_next(FILE *in, FILE *out, const char *name, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL || fread(text, 1, size, in) != size || fgetc(in) != '\n') {
        free(text);
        return fail("is cut short", name);
    }
    text[size] = '\0';
    int status = compile(out, name, text, size);
    free(text);
    return status;
}

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *out = in != NULL ? fopen(argv[2], "wb") : NULL;
    if (out == NULL)
        return fail("is not PROGRAMS OUTPUT.c", "the command line");
    fputs("#include \"script/programs.h\"\n\nconst struct script_program script_programs[] = {\n", out);
    char name[NAME_BYTES];
    size_t size = 0;
    int status = 0;
    while (status == 0 && fscanf(in, "%127s %zu", name, &size) == 2)
        status = fgetc(in) == '\n' ? compile_next(in, out, name, size) : fail("is malformed", name);
    fputs("};\n\nconst size_t script_program_count = sizeof script_programs / sizeof script_programs[0];\n",
          out);
    fclose(in);
    return fclose(out) == 0 ? status : 1;
}
