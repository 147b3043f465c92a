#include "tenant/tenant.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/settings.h"
#include "tenant/domain.h"
#include "tenant/key_cache.h"
#include "tenant/user_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* How many outgoing connections are kept open; scripts and providers share them. */
enum { OUTGOING_CONNECTIONS = 64 };
enum { LARGEST_KEY_FILE = 16 * 1024 };

const char *tenant_keyring_path(const struct config *config, struct arena *arena)
{
    if (getenv("COUNTERSIGN_KEYRING") != NULL)
        return NULL;
    if (config->keyring_file != NULL)
        return config->keyring_file;
    return arena_printf(arena, "%s/keyring", config->data);
}

static bool write_new_keyring(struct arena *arena, const char *path, const char **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return true;
    const char *text = arena_printf(arena, "%s\n", keyring_new_line(arena));
    size_t length = strlen(text);
    bool ok = fd >= 0 && write(fd, text, length) == (ssize_t)length && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (!ok)
        *error = arena_printf(arena, "the keyring %s cannot be written: %s", path, strerror(cause));
    return ok;
}

bool tenant_make_directory(const struct config *config, struct arena *arena, const char **error)
{
    if (mkdir(config->data, 0700) != 0 && errno != EEXIST) {
        *error =
            arena_printf(arena, "the data directory %s cannot be made: %s", config->data, strerror(errno));
        return false;
    }
    if (getenv("COUNTERSIGN_KEYRING") != NULL)
        return true;
    return write_new_keyring(arena, tenant_keyring_path(config, arena), error);
}

static struct keyring *load_keyring(const struct config *config, struct arena *arena, const char **error)
{
    const char *lines = getenv("COUNTERSIGN_KEYRING");
    if (lines != NULL)
        return keyring_parse(arena, lines, error);
    return keyring_load_file(arena, tenant_keyring_path(config, arena), error);
}

const char *tenant_store_address(const struct config *config, struct arena *arena)
{
    if (config->database != NULL)
        return config->database;
    return arena_printf(arena, "sqlite:%s/countersign.db", config->data);
}

static const char *no_keyring(const struct config *config, struct arena *arena)
{
    if (config->database == NULL && config->keyring_file == NULL)
        return arena_printf(arena, "there is no tenant in %s yet: `countersign init --data %s` makes one",
                            config->data, config->data);
    return arena_printf(
        arena,
        "there is no keyring %s: `countersign init` makes one with a new tenant; where the tenant "
        "exists, its other servers have it",
        tenant_keyring_path(config, arena));
}

static bool open_parts(struct tenant *tenant, const struct config *config, struct arena *arena,
                       const char **error)
{
    unsigned applied;
    const char *path = tenant_keyring_path(config, arena); /* NULL: it comes in the environment */

    if (path != NULL && access(path, F_OK) != 0) {
        *error = no_keyring(config, arena);
        return false;
    }
    tenant->keyring = load_keyring(config, arena, error);
    if (tenant->keyring == NULL)
        return false;
    keyring_derive(tenant->keyring, "cookies", tenant->cookie_key);
    tenant->keys = key_cache_create(tenant->keyring);
    if (db_open(tenant_store_address(config, arena), config->database_connections, arena, &tenant->db,
                error) != DB_OK)
        return false;
    return db_migrate(tenant->db, arena, &applied, error) == DB_OK;
}

struct tenant *tenant_open_store(const struct config *config, struct arena *arena, const char **error)
{
    struct tenant *tenant = calloc(1, sizeof *tenant);
    if (tenant == NULL)
        abort();
    tenant->config = config;
    if (!open_parts(tenant, config, arena, error))
        tenant_close(&tenant);
    return tenant;
}

/* A small text file; NULL where it cannot be read. */
static char *read_key_file(struct arena *arena, const char *path)
{
    char *text = arena_calloc(arena, LARGEST_KEY_FILE + 1, 1);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    size_t size = fread(text, 1, LARGEST_KEY_FILE, file);
    bool is_read = ferror(file) == 0 && size > 0;
    fclose(file);
    return is_read ? text : NULL;
}

static bool start_parts(struct tenant *tenant, const char *executable, struct arena *arena,
                        const char **error)
{
    const struct config *config = tenant->config;
    unsigned places = config->password_places != 0 ? config->password_places : (unsigned)get_nprocs();

    if (config->geoip_file != NULL) {
        tenant->geoip = geoip_open(arena, config->geoip_file, error);
        if (tenant->geoip == NULL)
            return false;
    }
    tenant->passwords = password_gate_create(
        &(struct password_costs){
            .memory_kib = config->password_memory_kib, .passes = config->password_passes, .parallelism = 1},
        places, config->password_queue);
    tenant->http = http_client_create(&(struct http_client_config){
        .proxy = config->egress_proxy,
        .ca_file = config->egress_ca_file,
        .allow = config->egress_allow,
        .connections = OUTGOING_CONNECTIONS,

        .home = {config->host, config->listen, config->tls_certificate != NULL}});
    tenant->logs = log_writer_start(tenant->db);
    tenant->housekeeping = housekeeping_start(tenant->db, tenant->keyring);
    tenant->scripts = script_pool_start(
        &(struct script_pool_config){.executable = executable,
                                     .workers = config->script_workers,
                                     .queue = config->script_jobs,
                                     .time_ms = config->script_seconds * 1000,
                                     .cpu_ms = config->script_seconds * 1000,
                                     .memory_bytes = (size_t)config->script_memory_mib << 20,
                                     .http = tenant->http},
        arena, error);
    if (tenant->scripts == NULL)
        return false;
    const char *apns_key = NULL;
    if (config->apns_key_file != NULL) {
        apns_key = read_key_file(arena, config->apns_key_file);
        if (apns_key == NULL) {
            *error = arena_printf(arena, "apns_key_file: %s cannot be read", config->apns_key_file);
            return false;
        }
    }
    tenant->notifier = notifier_start(tenant->db, tenant->keyring, tenant->http,
                                      &(struct notifier_config){
                                          .dev = config->dev,
                                          .smtp_url = config->smtp_url,
                                          .mail_from = config->mail_from,
                                          .twilio_url = config->twilio_url,
                                          .fcm_url = config->fcm_url,
                                          .apns_url = config->apns_url,
                                          .sns_url = config->sns_url,
                                          .apns_key = apns_key,
                                          .apns_key_id = config->apns_key_id,
                                          .apns_team_id = config->apns_team_id,
                                          .issuer = config->issuer,
                                          .logs = tenant->logs,
                                      });
    if (tenant->passwords == NULL || tenant->http == NULL || tenant->logs == NULL ||
        tenant->notifier == NULL) {
        *error = "the server's threads cannot be started";
        return false;
    }
    return true;
}

struct tenant *tenant_open(const struct config *config, const char *executable, struct arena *arena,
                           const char **error)
{
    struct tenant *tenant = tenant_open_store(config, arena, error);
    if (tenant != NULL &&
        (!domain_settle(tenant, arena, error) || !start_parts(tenant, executable, arena, error)))
        tenant_close(&tenant);
    return tenant;
}

void tenant_close(struct tenant **tenant)
{
    struct tenant *t = *tenant;
    if (t == NULL)
        return;
    if (t->notifier != NULL)
        notifier_stop(&t->notifier);
    if (t->scripts != NULL)
        script_pool_stop(&t->scripts);
    if (t->http != NULL)
        http_client_free(&t->http);
    if (t->passwords != NULL)
        password_gate_free(&t->passwords);
    if (t->logs != NULL)
        log_writer_stop(&t->logs);
    housekeeping_stop(&t->housekeeping);
    key_cache_free(&t->keys);
    geoip_close(&t->geoip);
    if (t->db != NULL)
        db_close(&t->db);
    if (t->keyring != NULL)
        keyring_free(&t->keyring);
    explicit_bzero(t->cookie_key, sizeof t->cookie_key);
    free(t);
    *tenant = NULL;
}

enum db_result tenant_exists(struct tenant *tenant, bool *exists)
{
    struct arena *arena = arena_create();
    struct db_tx *tx;
    yyjson_val *doc;
    enum db_result result = db_begin_read(tenant->db, &tx);
    if (result == DB_OK) {
        result = settings_get(tx, arena, "issuer", &doc);
        db_end(&tx);
    }
    *exists = result == DB_OK;
    arena_destroy(&arena);
    return result == DB_NOT_FOUND ? DB_OK : result;
}

const char *tenant_name(const struct tenant *tenant, struct arena *arena)
{
    const char *host = tenant->config->host;
    size_t digits = strspn(host, "0123456789.");
    /* An address has no name in it. */
    if (host[0] == '[' || host[digits] == '\0' || host[digits] == ':')
        return "countersign";
    return arena_strndup(arena, host, strcspn(host, ".:"));
}

const char *tenant_friendly_name(struct tenant *tenant, struct db_tx *tx, struct arena *arena)
{
    yyjson_val *settings;
    if (settings_get(tx, arena, "tenant", &settings) == DB_OK) {
        const char *name = json_text(settings, "friendly_name");
        if (name != NULL && name[0] != '\0')
            return name;
    }
    return tenant_name(tenant, arena);
}

/* What the address tells, where the operator gave a database; NULL where nothing is known. */
static yyjson_mut_val *location_of(struct tenant *tenant, struct arena *arena, const char *ip)
{
    if (tenant->geoip == NULL)
        return NULL;
    struct geoip_place place = geoip_find(tenant->geoip, arena, ip);
    return place.country_code == NULL ? NULL : geoip_object(json_new(arena), &place);
}

void tenant_log(struct tenant *tenant, const struct http_exchange *x, struct log_entry entry)
{
    struct arena *arena = arena_create();
    const char *header = x != NULL ? http_header(x, "user-agent") : NULL;
    if (x != NULL && entry.ip == NULL)
        entry.ip = x->request.client_ip;
    if (x != NULL && entry.user_agent == NULL) {
        entry.user_agent = user_agent_text(arena, header);
        entry.is_mobile = user_agent_is_mobile(header);
    }
    if (entry.hostname == NULL)
        entry.hostname = tenant->config->host;
    entry.location = location_of(tenant, arena, entry.ip);
    log_entry_add(tenant->logs, &entry);
    arena_destroy(&arena);
}
