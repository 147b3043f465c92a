#include "cli/dev_tls.h"

#include "base/clock.h"
#include "crypto/dev_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GOOD_FOR_S = 365 * 86400 };

static bool is_fresh(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && clock_now() - file.st_mtime < GOOD_FOR_S;
}

static bool write_file(struct arena *arena, const char *path, mode_t mode, const char *text,
                       const char **error)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (!written)
        *error = arena_printf(arena, "%s cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return written;
}

bool dev_tls_files(const struct config *config, struct arena *arena, const char **certificate,
                   const char **private_key, const char **error)
{
    const char *authority = arena_printf(arena, "%s/dev-ca.pem", config->data);
    *certificate = arena_printf(arena, "%s/dev-tls.pem", config->data);
    *private_key = arena_printf(arena, "%s/dev-tls.key", config->data);
    if (is_fresh(authority) && is_fresh(*certificate) && is_fresh(*private_key))
        return true;
    struct dev_certificate made;
    if (!dev_certificate_make(arena, &made)) {
        *error = "the certificate of dev_tls_listen cannot be made";
        return false;
    }
    return write_file(arena, *private_key, 0600, made.private_key, error) &&
           write_file(arena, *certificate, 0644, made.certificate, error) &&
           write_file(arena, authority, 0644, made.authority, error);
}
