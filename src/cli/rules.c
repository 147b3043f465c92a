/* Rules outside a server: a try of one, and tests of a folder of them, for people who keep rules in git. No store is opened. */
#include "cli/rules.h"

#include "cli/commands.h"
#include "script/modules.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_FILE = 1 << 20, RULES_MOST = 100, WORKERS = 1, JOBS = 4 };

static const char usage[] =
    "usage: countersign rules try FILE... [--user JSON] [--context JSON] [--configuration JSON] [--http "
    "JSON]\n"
    "                             [SETTINGS]\n"
    "       countersign rules test DIRECTORY [SETTINGS]\n\n"
    "`try` runs rules, in their order, for a made-up login and prints what they did: claims, a second "
    "factor, a\n"
    "refusal, console lines, HTTP calls, and what each changed in user and context. JSON may be @FILE. HTTP "
    "calls\n"
    "are made, under the settings of egress, unless --http gives their answers:\n"
    "  [{\"method\": \"GET\", \"url\": \"https://api.example.com/*\", \"status\": 200, \"body\": {\"ok\": "
    "true}}]\n"
    "It ends with status 1 where the rules fail or refuse.\n\n"
    "`test` compiles every NAME.js of the directory and runs the cases of every NAME.test.json:\n"
    "  {\"rules\": [\"NAME.js\"], \"configuration\": {}, \"cases\": [{\"name\": \"…\", \"user\": {}, "
    "\"context\": {},\n"
    "   \"http\": [], \"expect\": {\"multifactor\": {\"provider\": \"any\"}, \"error\": null}}]}\n"
    "`expect` names what `try` prints, as much of it as matters; null: must be absent. Only --http answers "
    "are used.\n\n";

/* --- reading --- */

const char *rules_file_text(struct arena *arena, const char *path, const char **error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        *error = arena_printf(arena, "%s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    char *text = arena_alloc(arena, LARGEST_FILE + 1);
    size_t size = fread(text, 1, LARGEST_FILE + 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || size > LARGEST_FILE || memchr(text, '\0', size) != NULL) {
        *error = arena_printf(arena, "%s is no text of at most a mebibyte", path);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

yyjson_val *rules_json(struct arena *arena, const char *given, const char **error)
{
    const char *text = given[0] == '@' ? rules_file_text(arena, given + 1, error) : given;
    yyjson_val *root = NULL;
    static const struct json_limits limits = {.bytes = LARGEST_FILE, .depth = 64, .items = 100000};
    if (text == NULL)
        return NULL;
    if (json_parse(arena, bytes_of_text(text), &limits, &root) != JSON_FINE)
        *error = arena_printf(arena, "%s is no JSON", given[0] == '@' ? given + 1 : "an argument");
    return root;
}

const char *rules_pretty(struct arena *arena, yyjson_mut_doc *doc)
{
    char *text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
    const char *kept = arena_strdup(arena, text != NULL ? text : "");
    free(text);
    return kept;
}

/* --- trying --- */

struct trying {
    struct arena *arena;
    struct rule rules[RULES_MOST];
    struct rules_wish wish;
    const char *error;
};

/* Takes one argument of `try`: an option with its value, or a file. The number of arguments taken; 0: a setting. */
static int take_argument(struct trying *trying, int argc, char **argv)
{
    const struct {
        const char *name;
        yyjson_val **value;
    } options[] = {
        {"--user", &trying->wish.user},
        {"--context", &trying->wish.context},
        {"--configuration", &trying->wish.configuration},
        {"--http", &trying->wish.http},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        if (strcmp(argv[0], options[i].name) != 0)
            continue;
        if (argc < 2)
            trying->error = arena_printf(trying->arena, "%s needs JSON after it", argv[0]);
        else
            *options[i].value = rules_json(trying->arena, argv[1], &trying->error);
        return 2;
    }
    if (argv[0][0] == '-')
        return 0;
    if (trying->wish.count == RULES_MOST)
        trying->error = "too many rules";
    const char *slash = strrchr(argv[0], '/');
    const char *script =
        trying->error == NULL ? rules_file_text(trying->arena, argv[0], &trying->error) : NULL;
    if (script == NULL)
        return 1;
    trying->rules[trying->wish.count] =
        (struct rule){.id = arena_printf(trying->arena, "try_%zu", trying->wish.count),
                      .name = slash != NULL ? slash + 1 : argv[0],
                      .script = script};
    trying->wish.count++;
    return 1;
}

static int try_files(const struct rules_try_world *world, struct trying *trying)
{
    struct rules_tried *tried = arena_alloc(trying->arena, sizeof *tried);
    trying->wish.rules = trying->rules;
    rules_try(world, trying->arena, &trying->wish, tried);
    puts(rules_pretty(trying->arena, rules_tried_json(trying->arena, tried)));
    return tried->outcome.error != NULL ? 1 : 0;
}

/* --- the command --- */

/* Starts what runs rules; false with the cause in *error. */
static bool open_world(struct arena *arena, const struct config *config, struct http_client **http,
                       struct rules_try_world *world, const char **error)
{
    char executable[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length < 0) {
        *error = "its own binary cannot be found through /proc";
        return false;
    }
    executable[length] = '\0';
    *http = http_client_create(&(struct http_client_config){
        .proxy = config->egress_proxy, .ca_file = config->egress_ca_file, .allow = config->egress_allow});
    struct tenant named = {.config = config};
    *world = (struct rules_try_world){
        .tenant = tenant_name(&named, arena),
        .host = config->host,
        .issuer = config->issuer,
        .modules = module_directory(arena, config->data),
        .scripts = script_pool_start(
            &(struct script_pool_config){.executable = arena_strdup(arena, executable),
                                         .workers = WORKERS,
                                         .queue = JOBS,
                                         .time_ms = config->script_seconds * 1000,
                                         .cpu_ms = config->script_seconds * 1000,
                                         .memory_bytes = (size_t)config->script_memory_mib << 20,
                                         .http = *http},
            arena, error),
    };
    return world->scripts != NULL;
}

static int run(struct arena *arena, const struct config *config, struct trying *trying, const char *directory)
{
    struct http_client *http = NULL;
    struct rules_try_world world = {0};
    const char *error = NULL;
    int status = 1;
    if (!open_world(arena, config, &http, &world, &error))
        status = command_fail(error);
    else
        status = directory != NULL ? rules_test(&world, directory) : try_files(&world, trying);
    script_pool_stop(&world.scripts);
    http_client_free(&http);
    return status;
}

static int rules_command(struct arena *arena, int argc, char **argv)
{
    struct trying *trying = arena_calloc(arena, 1, sizeof *trying);
    const char *error = NULL, *directory = NULL;
    bool tests = argc > 1 && strcmp(argv[0], "test") == 0;
    trying->arena = arena;
    int kept = 0, taken;
    if (argc < 2 || (!tests && strcmp(argv[0], "try") != 0))
        return command_fail("say `rules try FILE` or `rules test DIRECTORY`; --help tells more");
    if (tests)
        directory = argv[1];
    for (int i = tests ? 2 : 1; i < argc && trying->error == NULL; i += taken) {
        taken = tests ? 0 : take_argument(trying, argc - i, argv + i);
        if (taken == 0) {
            argv[kept++] = argv[i];
            taken = 1;
            if (strchr(argv[i], '=') == NULL && i + 1 < argc)
                argv[kept++] = argv[i + taken++];
        }
    }
    if (trying->error == NULL && !tests && trying->wish.count == 0)
        trying->error = "name a file that holds a rule";
    if (trying->error != NULL)
        return command_fail(trying->error);
    const struct config *config = config_read(arena, kept, argv, &error);
    return config != NULL ? run(arena, config, trying, directory) : command_fail(error);
}

int rules_main(int argc, char **argv)
{
    struct arena *arena = arena_create();
    int status = 0;
    if (command_wants_help(argc, argv))
        printf("%s%s", usage, config_help(arena));
    else
        status = rules_command(arena, argc, argv);
    arena_destroy(&arena);
    return status;
}
