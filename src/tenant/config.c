#include "tenant/config.h"

#include "base/buffer.h"
#include "notify/mail.h"
#include "tenant/issuer.h"
#include "tenant/settings_table.h"
#include "tenant/toml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a value came from, for the sentence that refuses it. */
struct reading {
    struct arena *arena;
    struct config *config;
    const char *error;
};

static char *named(struct arena *arena, const char *prefix, const char *name, bool upper)
{
    char *text = arena_printf(arena, "%s%s", prefix, name);
    for (char *c = text + strlen(prefix); *c != '\0'; c++) {
        if (upper)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        else if (*c == '_')
            *c = '-';
    }
    return text;
}

static char *flag_of(struct arena *arena, const struct setting *setting)
{
    return named(arena, "--", setting->name, false);
}

static char *variable_of(struct arena *arena, const struct setting *setting)
{
    return named(arena, "COUNTERSIGN_", setting->name, true);
}

static void *member_of(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static bool refuse(struct reading *reading, const char *source, const char *what)
{
    reading->error = arena_printf(reading->arena, "%s %s", source, what);
    return false;
}

static bool set_number(struct reading *reading, const struct setting *setting, const char *source,
                       const char *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || number < setting->least ||
        number > setting->most)
        return refuse(reading, source,
                      arena_printf(reading->arena, "must be a whole number from %u to %u, but is \"%s\"",
                                   setting->least, setting->most, value));
    *(unsigned *)member_of(reading->config, setting) = (unsigned)number;
    return true;
}

static bool set_truth(struct reading *reading, const struct setting *setting, const char *source,
                      const char *value)
{
    bool is_true = strcmp(value, "true") == 0;
    if (!is_true && strcmp(value, "false") != 0)
        return refuse(reading, source,
                      arena_printf(reading->arena, "must be true or false, but is \"%s\"", value));
    *(bool *)member_of(reading->config, setting) = is_true;
    return true;
}

static bool set_value(struct reading *reading, const struct setting *setting, const char *source,
                      const char *value)
{
    switch (setting->kind) {
    case SETTING_NUMBER:
        return set_number(reading, setting, source, value);
    case SETTING_TRUTH:
        return set_truth(reading, setting, source, value);
    case SETTING_TEXT:
    default:
        *(const char **)member_of(reading->config, setting) =
            value[0] != '\0' ? arena_strdup(reading->arena, value) : NULL;
        return true;
    }
}

static bool set_standards(struct reading *reading)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        if (setting->standard != NULL && !set_value(reading, setting, setting->name, setting->standard))
            return false;
    }
    return true;
}

/* Reads the whole file; NULL with the cause in reading->error. */
static bool read_file(struct reading *reading, const char *path, struct bytes *content)
{
    uint8_t *data = arena_alloc(reading->arena, TOML_MAXIMUM_BYTES + 1);
    size_t size = 0;
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        while ((got = read(fd, data + size, TOML_MAXIMUM_BYTES + 1 - size)) > 0)
            size += (size_t)got;
    }
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0) {
        reading->error =
            arena_printf(reading->arena, "the settings file %s cannot be read: %s", path, strerror(cause));
        return false;
    }
    *content = (struct bytes){.data = data, .size = size};
    return true;
}

static const struct setting *setting_named(const char *name)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (strcmp(settings_table[i].name, name) == 0)
            return &settings_table[i];
    }
    return NULL;
}

static bool set_from_file(struct reading *reading, const char *path)
{
    struct bytes content;
    const struct toml_pair *pairs;
    size_t count;
    const char *error;

    if (!read_file(reading, path, &content))
        return false;
    if (!toml_parse(reading->arena, content, &pairs, &count, &error))
        return refuse(reading, path, arena_printf(reading->arena, "is not as it should be: %s", error));
    for (size_t i = 0; i < count; i++) {
        const struct toml_pair *pair = &pairs[i];
        const char *source = arena_printf(reading->arena, "%s, line %u: %s", path, pair->line, pair->key);
        const struct setting *setting = setting_named(pair->key);
        if (setting == NULL)
            return refuse(reading, source, "is not a setting; `countersign serve --help` lists them");
        if ((int)pair->kind != (int)setting->kind) {
            static const char *const kinds[] = {"", "a string in quotes", "a whole number", "true or false"};
            return refuse(reading, source, arena_printf(reading->arena, "must be %s", kinds[setting->kind]));
        }
        if (!set_value(reading, setting, source, pair->value))
            return false;
    }
    return true;
}

static bool set_from_environment(struct reading *reading)
{
    for (size_t i = 0; i < settings_count; i++) {
        const char *variable = variable_of(reading->arena, &settings_table[i]);
        const char *value = getenv(variable);
        if (value != NULL && !set_value(reading, &settings_table[i], variable, value))
            return false;
    }
    return true;
}

/* One flag, as --name value or --name=value; *i is moved past what it took. `value` is NULL where a truth
 * stands alone. */
static bool split_flag(struct reading *reading, int argc, char *const *argv, int *i,
                       const struct setting **setting, const char **value)
{
    const char *flag = argv[(*i)++];
    const char *equals = strchr(flag, '=');
    size_t length = equals != NULL ? (size_t)(equals - flag) : strlen(flag);

    *setting = NULL;
    for (size_t k = 0; k < settings_count && *setting == NULL; k++) {
        const char *name = flag_of(reading->arena, &settings_table[k]);
        if (strlen(name) == length && strncmp(name, flag, length) == 0)
            *setting = &settings_table[k];
    }
    bool is_config = length == strlen("--config") && strncmp(flag, "--config", length) == 0;
    if (*setting == NULL && !is_config)
        return refuse(reading, flag, "is not a setting; `countersign serve --help` lists them");
    if (equals != NULL)
        *value = equals + 1;
    else if (!is_config && (*setting)->kind == SETTING_TRUTH)
        *value = "true";
    else if (*i < argc)
        *value = argv[(*i)++];
    else
        return refuse(reading, flag, "needs a value after it");
    return true;
}

static bool set_from_flags(struct reading *reading, int argc, char *const *argv)
{
    for (int i = 0; i < argc;) {
        const struct setting *setting;
        const char *value;
        if (!split_flag(reading, argc, argv, &i, &setting, &value))
            return false;
        if (setting != NULL && !set_value(reading, setting, flag_of(reading->arena, setting), value))
            return false;
    }
    return true;
}

/* The settings file that flags or environment name, or NULL. */
static bool find_file(struct reading *reading, int argc, char *const *argv, const char **path)
{
    *path = getenv("COUNTERSIGN_CONFIG");
    for (int i = 0; i < argc;) {
        const struct setting *setting;
        const char *value;
        if (!split_flag(reading, argc, argv, &i, &setting, &value))
            return false;
        if (setting == NULL)
            *path = value;
    }
    if (*path != NULL && (*path)[0] == '\0')
        *path = NULL;
    return true;
}

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(value, *words) == 0)
            return true;
    }
    return false;
}

/* Splits "HOST:PORT" at its last colon; false where it has another shape. */
static bool split_address(struct arena *arena, const char *address, const char **host, unsigned *port)
{
    const char *colon = address != NULL ? strrchr(address, ':') : NULL;
    if (colon == NULL || colon == address)
        return false;
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
        return false;
    *port = (unsigned)strtoul(colon + 1, NULL, 10);
    *host = arena_strndup(arena, address, (size_t)(colon - address));
    bool bracketed = (*host)[0] == '[';
    return *port <= 65535 && (bracketed ? strchr(*host, ']') != NULL : strchr(*host, ':') == NULL);
}

/* Without TLS an issuer is for this machine; that it also needs --dev is the server's to say
 * (tenant/domain.h), so that `init` needs no flags. */
static bool check_issuer(struct reading *reading, const char *listen_host, unsigned listen_port)
{
    struct config *config = reading->config;
    config->issuer_given = config->issuer != NULL;
    if (!config->issuer_given && listen_port == 0)
        return refuse(reading, "issuer", "must be set where listen leaves the port open (port 0)");
    struct issuer issuer;
    const char *error;
    if (!config->issuer_given) {
        const char *derived = arena_printf(reading->arena, "http://%s:%u/", listen_host, listen_port);
        bool reachable = issuer_read(reading->arena, derived, true, &issuer, &error);
        config->issuer =
            reachable ? derived : arena_printf(reading->arena, "http://localhost:%u/", listen_port);
    }
    if (!issuer_read(reading->arena, config->issuer, true, &issuer, &error))
        return refuse(reading, "issuer",
                      arena_printf(reading->arena, "%s, but is \"%s\"", error, config->issuer));
    config->issuer = issuer.url;
    config->host = issuer.host;
    config->secure = issuer.secure;
    return true;
}

static bool check_files(struct reading *reading)
{
    const struct config *config = reading->config;
    if ((config->tls_certificate == NULL) != (config->tls_key == NULL))
        return refuse(reading, "tls_certificate and tls_key", "must be set both or neither");
    const char *const files[][2] = {{"tls_certificate", config->tls_certificate},
                                    {"tls_key", config->tls_key},
                                    {"apns_key_file", config->apns_key_file},
                                    {"egress_ca_file", config->egress_ca_file}};
    for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
        if (files[i][1] != NULL && access(files[i][1], R_OK) != 0)
            return refuse(reading, files[i][0],
                          arena_printf(reading->arena, "names %s, which cannot be read: %s", files[i][1],
                                       strerror(errno)));
    }
    return true;
}

static bool starts_with_one_of(const char *value, const char *const *beginnings)
{
    for (; *beginnings != NULL; beginnings++) {
        if (strncmp(value, *beginnings, strlen(*beginnings)) == 0)
            return true;
    }
    return false;
}

/* An id of Apple's: ten letters and digits. */
static bool is_apple_id(const char *id)
{
    size_t length = id != NULL ? strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") : 0;
    return length == 10 && id[length] == '\0';
}

static bool check_push(struct reading *reading)
{
    static const char *const web_servers[] = {"https://", "http://", NULL};
    const struct config *config = reading->config;
    if (config->apns_key_file != NULL && !is_apple_id(config->apns_key_id))
        return refuse(reading, "apns_key_id", "must be the ten characters of the id of apns_key_file's key");
    if (config->apns_key_file != NULL && !is_apple_id(config->apns_team_id))
        return refuse(reading, "apns_team_id", "must be the ten characters of the team's id at Apple");
    if (!starts_with_one_of(config->fcm_url, web_servers))
        return refuse(reading, "fcm_url", "must begin with https:// (or http://, for tests)");
    if (config->apns_url != NULL && !starts_with_one_of(config->apns_url, web_servers))
        return refuse(reading, "apns_url", "must begin with https:// (or http://, for tests)");
    if (config->sns_url != NULL && !starts_with_one_of(config->sns_url, web_servers))
        return refuse(reading, "sns_url", "must begin with https:// (or http://, for tests)");
    return true;
}

static bool check_messages(struct reading *reading)
{
    static const char *const mail_servers[] = {"smtp://", "smtps://", NULL};
    static const char *const web_servers[] = {"https://", "http://", NULL};
    const struct config *config = reading->config;
    const char *sender;
    if (config->smtp_url != NULL && !starts_with_one_of(config->smtp_url, mail_servers))
        return refuse(reading, "smtp_url", "must begin with smtp:// or smtps://");
    if (config->smtp_url != NULL && config->mail_from == NULL)
        return refuse(reading, "mail_from", "must be set where smtp_url is: mails need a sender");
    if (config->mail_from != NULL && mail_mailbox(reading->arena, config->mail_from, &sender) == NULL)
        return refuse(reading, "mail_from", "must be one address, such as Acme <login@acme.example>");
    if (!starts_with_one_of(config->twilio_url, web_servers))
        return refuse(reading, "twilio_url", "must begin with https:// (or http://, for tests)");
    if (config->duo_url != NULL && !starts_with_one_of(config->duo_url, web_servers))
        return refuse(reading, "duo_url", "must begin with https:// (or http://, for tests)");
    if (strcmp(config->duo_failmode, "closed") != 0 && strcmp(config->duo_failmode, "open") != 0)
        return refuse(reading, "duo_failmode", "must be closed or open");
    return true;
}

/* What a single setting's kind does not say. */
static bool check(struct reading *reading)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    static const char *const databases[] = {"postgresql://", "postgres://", NULL};
    const struct config *config = reading->config;
    const char *host, *metrics_host;
    unsigned port, metrics_port;

    if (config->data == NULL)
        return refuse(reading, "data", "must name a directory");
    if (!split_address(reading->arena, config->listen, &host, &port))
        return refuse(reading, "listen", "must be HOST:PORT, such as 127.0.0.1:3000 or [::1]:3000");
    if (config->metrics_listen != NULL &&
        !split_address(reading->arena, config->metrics_listen, &metrics_host, &metrics_port))
        return refuse(reading, "metrics_listen", "must be HOST:PORT, such as 127.0.0.1:9090");
    if (config->dev_tls_listen != NULL &&
        (!config->dev ||
         !split_address(reading->arena, config->dev_tls_listen, &metrics_host, &metrics_port)))
        return refuse(reading, "dev_tls_listen",
                      "goes with --dev and must be HOST:PORT, such as localhost:3443");
    if (config->database != NULL && !starts_with_one_of(config->database, databases))
        return refuse(reading, "database",
                      "must be a postgresql:// URI (without it the store is a file in data)");
    if (config->log_level == NULL || !is_one_of(config->log_level, levels))
        return refuse(reading, "log_level", "must be debug, info, warn or error");
    if (config->log_format == NULL || !is_one_of(config->log_format, formats))
        return refuse(reading, "log_format", "must be text or json");
    return check_messages(reading) && check_push(reading) && check_files(reading) &&
           check_issuer(reading, host, port);
}

struct config *config_read(struct arena *arena, int argc, char *const *argv, const char **error)
{
    struct reading reading = {.arena = arena, .config = arena_alloc(arena, sizeof(struct config))};
    const char *file = NULL;

    bool ok = set_standards(&reading) && find_file(&reading, argc, argv, &file) &&
              (file == NULL || set_from_file(&reading, file)) && set_from_environment(&reading) &&
              set_from_flags(&reading, argc, argv) && check(&reading);
    *error = reading.error;
    return ok ? reading.config : NULL;
}

static void add_wrapped(struct buffer *help, const char *text, const char *margin, size_t width)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > width) {
            buffer_add_char(help, '\n');
            column = 0;
        }
        if (column == 0)
            buffer_add(help, margin);
        else
            buffer_add_char(help, ' ');
        buffer_add_bytes(help, text, word);
        column += word + 1;
        text += word;
        text += strspn(text, " ");
    }
    buffer_add_char(help, '\n');
}

const char *config_help(struct arena *arena)
{
    struct buffer help = buffer_create(arena, 64 * 1024);
    const char *group = "";

    buffer_add(
        &help,
        "Each setting is a flag, a variable of the environment and a line of the settings file; a flag\n"
        "counts more than the environment, and that more than the file.\n\n"
        "  --config FILE  COUNTERSIGN_CONFIG\n"
        "      the settings file: lines such as  listen = \"127.0.0.1:3000\"\n");
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        if (strcmp(group, setting->group) != 0)
            buffer_printf(&help, "\n%s\n", setting->group);
        group = setting->group;
        buffer_printf(&help, "  %s%s%s  %s  %s = %s\n", flag_of(arena, setting),
                      setting->kind == SETTING_TRUTH ? "" : " ",
                      setting->kind == SETTING_TRUTH ? "" : setting->form, variable_of(arena, setting),
                      setting->name,
                      setting->kind == SETTING_TEXT && setting->standard != NULL
                          ? arena_printf(arena, "\"%s\"", setting->standard)
                      : setting->standard != NULL ? setting->standard
                                                  : "(not set)");
        add_wrapped(&help, setting->meaning, "      ", 90);
    }
    return buffer_text(&help);
}

const char *config_table(struct arena *arena)
{
    struct buffer table = buffer_create(arena, 64 * 1024);
    const char *group = "";

    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        if (strcmp(group, setting->group) != 0)
            buffer_printf(&table,
                          "%s### %s\n\n| setting | value | default | meaning |\n| --- | --- | --- | --- |\n",
                          i == 0 ? "" : "\n", setting->group);
        group = setting->group;
        buffer_printf(&table, "| `%s` | ", setting->name);
        for (const char *c = setting->form; *c != '\0'; c++)
            buffer_add(&table, *c == '|' ? " or " : (char[]){*c, '\0'});
        buffer_printf(&table, " | %s%s%s | %s%s |\n", setting->standard != NULL ? "`" : "",
                      setting->standard != NULL ? setting->standard : "",
                      setting->standard != NULL ? "`" : "", setting->meaning,
                      setting->reloads ? "; SIGHUP applies a change" : "");
    }
    return buffer_text(&table);
}
