/*
 * Modules of the operator's: fetched by npm (from whatever registry it is set to, or out of a tarball), bundled by the
 * esbuild that bundled the built-in ones, checked by the QuickJS that will run them, put beside the others. Rules find
 * them from then on; no server is told.
 */
#include "cli/commands.h"
#include "cli/module_tools.h"
#include "script/modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <quickjs/quickjs.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MOST = 16, LISTED_MOST = 10000, PRINTED_BYTES = 512 };

static const char usage[] =
    "usage: countersign module add NAME@VERSION[/ENTRY] | FILE.tgz [--esbuild DIRECTORY] [SETTINGS]\n"
    "       countersign module list [SETTINGS]\n"
    "       countersign module remove NAME@VERSION[/ENTRY] [SETTINGS]\n\n"
    "Modules of npm that rules may require beside the built-in ones. `add` needs npm and Node.js, and "
    "esbuild,\n"
    "which it fetches once where --esbuild does not name its package's directory. Scripts of the packages "
    "are\n"
    "not run. Running servers know of a module at once.\n\n";

struct adding {
    struct arena *arena;
    const char *directory; /* of all modules */
    const char *work;      /* a folder for this one alone */
    const char *esbuild;   /* the package's directory */
    const char *source;    /* what npm installs */
    const char *entry;     /* "": the main one */
    const char *error;
};

static bool fail(struct adding *adding, const char *error)
{
    adding->error = error;
    return false;
}

/* Runs a program and waits for it; false where it does not end well. What it prints goes there, or nowhere. */
static bool run(char *const *arguments, char printed[PRINTED_BYTES])
{
    int pipe_fds[2] = {-1, -1};
    pid_t pid = 0;
    int status = 0;
    posix_spawn_file_actions_t actions;
    if (printed != NULL && pipe2(pipe_fds, O_CLOEXEC) != 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    if (printed != NULL)
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
    else
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    int failure = posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (printed != NULL) {
        size_t size = 0;
        ssize_t got = 0;
        close(pipe_fds[1]);
        while (failure == 0 && size < PRINTED_BYTES - 1 &&
               (got = read(pipe_fds[0], printed + size, PRINTED_BYTES - 1 - size)) > 0)
            size += (size_t)got;
        printed[size] = '\0';
        close(pipe_fds[0]);
    }
    if (failure != 0)
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool npm_install(const char *folder, const char *package)
{
    char *const arguments[ARGUMENTS_MOST] = {(char *)"npm",
                                             (char *)"install",
                                             (char *)"--prefix",
                                             (char *)folder,
                                             (char *)"--ignore-scripts",
                                             (char *)"--no-audit",
                                             (char *)"--no-fund",
                                             (char *)"--save",
                                             (char *)"--loglevel=error",
                                             (char *)"--",
                                             (char *)package,
                                             NULL};
    return run(arguments, NULL);
}

static bool write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return false;
    bool fine = fputs(text, file) >= 0;
    return fclose(file) == 0 && fine;
}

/* Whatever the umask is: the server may run as another user than who adds modules. */
static bool make_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) == 0;
    return errno == EEXIST;
}

static int remove_one(const char *path, UNUSED const struct stat *facts, UNUSED int kind,
                      UNUSED struct FTW *place)
{
    return remove(path);
}

static void remove_folder(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The package of esbuild in the modules' folder, fetched where it is not there. */
static bool find_esbuild(struct adding *adding)
{
    struct arena *arena = adding->arena;
    if (adding->esbuild != NULL)
        return true;
    const char *tools = arena_printf(arena, "%s/.tools", adding->directory);
    adding->esbuild = arena_printf(arena, "%s/node_modules/esbuild", tools);
    const char *main = arena_printf(arena, "%s/lib/main.js", adding->esbuild);
    if (access(main, R_OK) == 0)
        return true;
    if (!make_folder(tools, 0755) ||
        !write_file(arena_printf(arena, "%s/package.json", tools), "{\"private\":true}\n"))
        return fail(adding, "the folder of esbuild cannot be made");
    if (!npm_install(tools, module_tool_esbuild) || access(main, R_OK) != 0)
        return fail(adding, arena_printf(arena, "npm did not install %s; --esbuild names one that is there",
                                         module_tool_esbuild));
    return true;
}

static bool fetch(struct adding *adding)
{
    struct arena *arena = adding->arena;
    if (!write_file(arena_printf(arena, "%s/package.json", adding->work), "{\"private\":true}\n") ||
        !write_file(arena_printf(arena, "%s/bundle.mjs", adding->work), module_tool_bundle) ||
        !write_file(arena_printf(arena, "%s/add.mjs", adding->work), module_tool_add))
        return fail(adding, arena_printf(arena, "%s cannot be written", adding->work));
    return npm_install(adding->work, adding->source) ||
           fail(adding, arena_printf(arena, "npm did not install %s", adding->source));
}

/* Bundles what npm installed; its name and version are what the script prints. */
static bool bundle(struct adding *adding, struct module_name *name)
{
    struct arena *arena = adding->arena;
    char printed[PRINTED_BYTES] = "";
    char *const arguments[ARGUMENTS_MOST] = {(char *)"node",
                                             (char *)arena_printf(arena, "%s/add.mjs", adding->work),
                                             (char *)adding->work,
                                             (char *)adding->esbuild,
                                             (char *)adding->entry,
                                             (char *)arena_printf(arena, "%s/module.js", adding->work),
                                             NULL};
    if (!run(arguments, printed))
        return fail(adding, arena_printf(arena, "%s could not be bundled", adding->source));
    const char *text = adding->entry[0] != '\0' ? arena_printf(arena, "%s/%s", printed, adding->entry)
                                                : arena_strdup(arena, printed);
    return module_name_read(arena, text, name) ||
           fail(adding, arena_printf(arena, "%s is no name and version that rules can require", text));
}

static const char *read_whole(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? arena_alloc(arena, MODULE_BYTES_MOST + 2) : NULL;
    size_t size = text != NULL ? fread(text, 1, MODULE_BYTES_MOST + 1, file) : 0;
    if (file != NULL)
        fclose(file);
    return size > 0 && size <= MODULE_BYTES_MOST ? text : NULL;
}

/* Whether the workers' engine takes it. */
static bool compiles(struct adding *adding, const char *text)
{
    JSRuntime *rt = JS_NewRuntime();
    JSContext *ctx = rt != NULL ? JS_NewContext(rt) : NULL;
    if (ctx == NULL)
        return fail(adding, "no memory");
    JSValue function =
        JS_Eval(ctx, text, strlen(text), "module", JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
    bool fine = !JS_IsException(function);
    if (!fine) {
        JSValue fault = JS_GetException(ctx);
        const char *sentence = JS_ToCString(ctx, fault);
        fail(adding, arena_printf(adding->arena, "the engine of rules does not take it: %.200s",
                                  sentence != NULL ? sentence : ""));
        JS_FreeCString(ctx, sentence);
        JS_FreeValue(ctx, fault);
    }
    JS_FreeValue(ctx, function);
    JS_FreeContext(ctx);
    JS_FreeRuntime(rt);
    return fine;
}

static bool put_in_place(struct adding *adding, const struct module_name *name)
{
    struct arena *arena = adding->arena;
    const char *made = arena_printf(arena, "%s/module.js", adding->work);
    const char *text = read_whole(arena, made);
    if (text == NULL)
        return fail(adding, arena_printf(arena, "the module is larger than %d bytes", MODULE_BYTES_MOST));
    if (!compiles(adding, text))
        return false;
    const char *path = arena_printf(arena, "%s/%s", adding->directory, module_file(arena, name));
    if (chmod(made, 0644) != 0 || rename(made, path) != 0)
        return fail(adding, arena_printf(arena, "%s cannot be written: %s", path, strerror(errno)));
    printf("Rules can require('%s').\n", module_name_text(arena, name));
    return true;
}

static bool is_file(const char *source)
{
    size_t length = strlen(source);
    return (length > 4 && strcmp(source + length - 4, ".tgz") == 0) ||
           (length > 7 && strcmp(source + length - 7, ".tar.gz") == 0);
}

/* What npm is to install: a file by its whole path, or NAME@VERSION. */
static bool read_source(struct adding *adding, const char *source)
{
    struct arena *arena = adding->arena;
    struct module_name name;
    adding->entry = "";
    if (is_file(source)) {
        char path[PATH_MAX];
        if (realpath(source, path) == NULL)
            return fail(adding, arena_printf(arena, "%s cannot be read: %s", source, strerror(errno)));
        adding->source = arena_strdup(arena, path);
        return true;
    }
    if (!module_name_read(arena, source, &name))
        return fail(adding,
                    arena_printf(arena, "%s is not NAME@VERSION, nor a file that ends in .tgz", source));
    if (name.entry != NULL)
        adding->entry = name.entry;
    name.entry = NULL;
    adding->source = module_name_text(arena, &name);
    return true;
}

static int add(struct adding *adding, const char *data, const char *source)
{
    struct module_name name;
    if (!make_folder(data, 0700) || !make_folder(adding->directory, 0755))
        return command_fail(
            arena_printf(adding->arena, "%s cannot be made: %s", adding->directory, strerror(errno)));
    char *work = arena_printf(adding->arena, "%s/.adding-XXXXXX", adding->directory);
    if (!read_source(adding, source))
        return command_fail(adding->error);
    if (mkdtemp(work) == NULL)
        return command_fail(arena_printf(adding->arena, "%s cannot be written to", adding->directory));
    adding->work = work;
    bool fine = find_esbuild(adding) && fetch(adding) && bundle(adding, &name) && put_in_place(adding, &name);
    remove_folder(work);
    return fine ? 0 : command_fail(adding->error);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list(struct arena *arena, const char *directory)
{
    const char **names = arena_calloc(arena, LISTED_MOST, sizeof *names);
    size_t count = 0;
    DIR *files = opendir(directory);
    struct dirent *file;
    while (files != NULL && count < LISTED_MOST && (file = readdir(files)) != NULL) {
        struct module_name name;
        if (module_file_read(arena, file->d_name, &name))
            names[count++] = module_name_text(arena, &name);
    }
    if (files != NULL)
        closedir(files);
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++)
        puts(names[i]);
    return 0;
}

static int remove_module(struct arena *arena, const char *directory, const char *text)
{
    struct module_name name;
    if (!module_name_read(arena, text, &name))
        return command_fail(arena_printf(arena, "%s is not NAME@VERSION", text));
    if (unlink(arena_printf(arena, "%s/%s", directory, module_file(arena, &name))) != 0)
        return command_fail(arena_printf(arena, "%s cannot be removed: %s", text, strerror(errno)));
    printf("Rules do not find %s any more.\n", text);
    return 0;
}

/* Takes "--esbuild DIRECTORY" out of the arguments. */
static const char *take_esbuild(int *argc, char **argv)
{
    const char *found = getenv("COUNTERSIGN_ESBUILD");
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--esbuild") == 0 && i + 1 < *argc)
            found = argv[++i];
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return found;
}

static int do_command(struct arena *arena, int argc, char **argv)
{
    const char *error = NULL;
    struct adding adding = {.arena = arena, .esbuild = take_esbuild(&argc, argv)};
    const char *action = argc > 0 ? argv[0] : "";
    bool lists = strcmp(action, "list") == 0;
    int taken = lists ? 1 : 2;
    if (!lists &&
        ((strcmp(action, "add") != 0 && strcmp(action, "remove") != 0) || argc < 2 || argv[1][0] == '-')) {
        fputs(usage, stderr);
        return 2;
    }
    const struct config *config = config_read(arena, argc - taken, argv + taken, &error);
    if (config == NULL)
        return command_fail(error);
    adding.directory = module_directory(arena, config->data);
    if (lists)
        return list(arena, adding.directory);
    return action[0] == 'a' ? add(&adding, config->data, argv[1])
                            : remove_module(arena, adding.directory, argv[1]);
}

int module_main(int argc, char **argv)
{
    struct arena *arena = arena_create();
    int status = 0;
    if (command_wants_help(argc, argv))
        printf("%s%s", usage, config_help(arena));
    else
        status = do_command(arena, argc, argv);
    arena_destroy(&arena);
    return status;
}
