#include "crypto/keyring_file.h"

#include "crypto/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILE_BYTES = 64 * 1024 };

static bool failed(struct arena *arena, const char *path, const char *cause, const char **error)
{
    *error = arena_printf(arena, "%s: %s", path, cause);
    return false;
}

static bool read_file(struct arena *arena, const char *path, char **text, struct stat *status,
                      const char **error)
{
    /* Read by its own rules first: a file that is not a keyring is not made worse. */
    struct keyring *keyring = keyring_load_file(arena, path, error);
    if (keyring == NULL)
        return false;
    keyring_free(&keyring);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, status) != 0 || status->st_size > MOST_FILE_BYTES) {
        int cause = errno;
        if (file >= 0)
            close(file);
        return failed(arena, path, strerror(cause), error);
    }
    *text = arena_alloc(arena, (size_t)status->st_size + 1);
    ssize_t size = read(file, *text, (size_t)status->st_size);
    close(file);
    return size == status->st_size || failed(arena, path, "it changed while it was read", error);
}

static bool write_and_sync(int file, const char *text)
{
    size_t length = strlen(text);
    return write(file, text, length) == (ssize_t)length && fsync(file) == 0;
}

/* The directory is synced too: the new name must outlive a loss of power before anything is sealed by the new key. */
static bool sync_directory(struct arena *arena, const char *path)
{
    int directory = open(dirname(arena_strdup(arena, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = directory >= 0 && fsync(directory) == 0;
    if (directory >= 0)
        close(directory);
    return is_synced;
}

static bool replace(struct arena *arena, const char *path, const char *text, const struct stat *status,
                    const char **error)
{
    const char *fresh = arena_printf(arena, "%s.new", path);
    unlink(fresh);
    int file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0)
        return failed(arena, fresh, strerror(errno), error);
    bool is_written = write_and_sync(file, text);
    /* An administrator may run this: the file stays the server's. */
    if (is_written && geteuid() == 0)
        is_written = fchown(file, status->st_uid, status->st_gid) == 0;
    int cause = errno;
    close(file);
    if (is_written && rename(fresh, path) == 0 && sync_directory(arena, path))
        return true;
    cause = is_written ? errno : cause;
    unlink(fresh);
    return failed(arena, path, strerror(cause), error);
}

bool keyring_file_add(struct arena *arena, const char *path, const char **error)
{
    char *text = NULL;
    struct stat status;
    if (!read_file(arena, path, &text, &status, error))
        return false;
    return replace(arena, path, arena_printf(arena, "%s\n%s", keyring_new_line(arena), text), &status, error);
}

bool keyring_file_keep_first(struct arena *arena, const char *path, const char **error)
{
    char *text = NULL;
    struct stat status;
    if (!read_file(arena, path, &text, &status, error))
        return false;
    const char *line = text;
    while (*line == '#' || *line == '\r' || *line == '\n') {
        line += strcspn(line, "\n");
        line += *line == '\n' ? 1 : 0;
    }
    const char *first = arena_strndup(arena, line, strcspn(line, "\r\n"));
    return replace(arena, path, arena_printf(arena, "%s\n", first), &status, error);
}

int64_t keyring_file_changed_at(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (int64_t)status.st_mtim.tv_sec : -1;
}
