#include "script/modules.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES_MOST = 214, VERSIONS_MOST = 100, FILE_BYTES_MOST = 255 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

/* Pieces of such letters, `joint` between them, none of which begins with a dot. */
static bool is_made_of_pieces(const char *text, char joint, size_t most)
{
    size_t pieces = 0;
    for (;;) {
        size_t length = strspn(text, letters);
        if (length == 0 || text[0] == '.' || ++pieces > most)
            return false;
        if (text[length] == '\0')
            return true;
        if (text[length] != joint)
            return false;
        text += length + 1;
    }
}

static bool is_name(const char *name)
{
    if (strlen(name) > NAME_BYTES_MOST)
        return false;
    if (name[0] != '@')
        return is_made_of_pieces(name, '\0', 1);
    return strchr(name, '/') != NULL && is_made_of_pieces(name + 1, '/', 2);
}

static bool is_version(const char *version)
{
    return version[0] >= '0' && version[0] <= '9' && strlen(version) <= 100 &&
           is_made_of_pieces(version, '\0', 1);
}

static bool is_entry(const char *entry)
{
    return strlen(entry) <= 100 && is_made_of_pieces(entry, '/', 16);
}

static bool is_sound(const struct module_name *name)
{
    return is_name(name->name) && is_version(name->version) && (name->entry == NULL || is_entry(name->entry));
}

/* Cuts NAME@VERSION, then what follows `joint` in the version. */
static bool cut(struct arena *arena, const char *text, char joint, struct module_name *name)
{
    const char *at = text[0] != '\0' ? strchr(text + 1, '@') : NULL;
    if (at == NULL || strlen(text) > FILE_BYTES_MOST * 2)
        return false;
    const char *rest = strchr(at, joint);
    size_t version_length = rest != NULL ? (size_t)(rest - at - 1) : strlen(at + 1);
    *name = (struct module_name){.name = arena_strndup(arena, text, (size_t)(at - text)),
                                 .version = arena_strndup(arena, at + 1, version_length),
                                 .entry = rest != NULL ? arena_strdup(arena, rest + 1) : NULL};
    return true;
}

bool module_name_read(struct arena *arena, const char *text, struct module_name *name)
{
    return cut(arena, text, '/', name) && is_sound(name);
}

const char *module_name_text(struct arena *arena, const struct module_name *name)
{
    return arena_printf(arena, "%s@%s%s%s", name->name, name->version, name->entry != NULL ? "/" : "",
                        name->entry != NULL ? name->entry : "");
}

static const char *replaced(struct arena *arena, const char *text, char from, char to)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        if (*c == from)
            *c = to;
    return copy;
}

const char *module_file(struct arena *arena, const struct module_name *name)
{
    return arena_printf(arena, "%s@%s%s%s.js", replaced(arena, name->name, '/', '+'), name->version,
                        name->entry != NULL ? "+" : "",
                        name->entry != NULL ? replaced(arena, name->entry, '/', '+') : "");
}

bool module_file_read(struct arena *arena, const char *file, struct module_name *name)
{
    size_t length = strlen(file);
    if (length < 4 || length > FILE_BYTES_MOST || strcmp(file + length - 3, ".js") != 0 ||
        strchr(file, '/') != NULL || !cut(arena, arena_strndup(arena, file, length - 3), '+', name))
        return false;
    name->name = replaced(arena, name->name, '+', '/');
    name->entry = name->entry != NULL ? replaced(arena, name->entry, '+', '/') : NULL;
    return is_sound(name);
}

const char *module_directory(struct arena *arena, const char *data)
{
    return arena_printf(arena, "%s/modules", data);
}

static bool same_entry(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Names this very state of the file. */
static const char *key_of(struct arena *arena, const char *file, const struct stat *facts)
{
    return arena_printf(arena, "%s:%" PRId64 ":%" PRId64 ":%ld", file, (int64_t)facts->st_size,
                        (int64_t)facts->st_mtim.tv_sec, facts->st_mtim.tv_nsec);
}

const char *script_module_versions(const char *directory, struct arena *arena, yyjson_val *arguments,
                                   const char **error)
{
    const char *name = json_text(arguments, "name");
    const char *entry = json_text(arguments, "entry");
    yyjson_mut_doc *doc = json_new_array(arena);
    DIR *files = name != NULL ? opendir(directory) : NULL;
    struct dirent *file;
    size_t count = 0;
    if (name == NULL)
        *error = "no module is named";
    while (files != NULL && count < VERSIONS_MOST && (file = readdir(files)) != NULL) {
        struct module_name found;
        struct stat facts;
        if (!module_file_read(arena, file->d_name, &found) || strcmp(found.name, name) != 0 ||
            !same_entry(found.entry, entry) || fstatat(dirfd(files), file->d_name, &facts, 0) != 0)
            continue;
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
        json_set_text(doc, item, "version", found.version);
        json_set_text(doc, item, "key", key_of(arena, file->d_name, &facts));
        count++;
    }
    if (files != NULL)
        closedir(files);
    return name != NULL ? json_write_doc(arena, doc) : NULL;
}

/* The whole file; NULL where it cannot be read, is too large, or is in another state than the key says. */
static const char *read_text(struct arena *arena, const char *path, const char *file, const char *key)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = NULL;
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size <= MODULE_BYTES_MOST &&
        strcmp(key_of(arena, file, &facts), key) == 0) {
        size_t size = (size_t)facts.st_size;
        size_t got = 0;
        ssize_t more = 1;
        text = arena_alloc(arena, size + 1);
        while (got < size && (more = read(fd, text + got, size - got)) > 0)
            got += (size_t)more;
        if (got < size || strlen(text) != size)
            text = NULL;
    }
    close(fd);
    return text;
}

const char *script_module_text(const char *directory, struct arena *arena, yyjson_val *arguments,
                               const char **error)
{
    struct module_name name;
    const char *key = json_text(arguments, "key");
    const char *end = key != NULL ? strchr(key, ':') : NULL;
    const char *file = end != NULL ? arena_strndup(arena, key, (size_t)(end - key)) : NULL;
    const char *text = NULL;
    if (file != NULL && module_file_read(arena, file, &name))
        text = read_text(arena, arena_printf(arena, "%s/%s", directory, file), file, key);
    if (text == NULL) {
        *error = "the module's file cannot be read";
        return NULL;
    }
    yyjson_mut_doc *doc = json_new(arena);
    yyjson_mut_doc_set_root(doc, yyjson_mut_str(doc, text));
    return json_write_doc(arena, doc);
}
