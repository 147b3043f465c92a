/*
 * The operator's settings: defaults, then one TOML file, then the environment (COUNTERSIGN_…), then flags;
 * the last one counts. Immutable after start, but for what `reload` re-reads.
 */
#ifndef COUNTERSIGN_TENANT_CONFIG_H
#define COUNTERSIGN_TENANT_CONFIG_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config {
    const char *data;     /* directory: the SQLite store, keys */
    const char *listen;   /* "127.0.0.1:3000" */
    const char *issuer;   /* "https://login.example.com/", with the trailing slash */
    bool issuer_given;    /* named by the operator; else it follows from listen, and the store's counts
                             (domain.h) */
    const char *host;     /* of the issuer, with its port where it has one */
    const char *database; /* NULL: SQLite in data */
    bool dev;
    bool secure; /* the issuer is https: cookies are Secure and __Host- */

    const char *log_level;
    const char *log_format;     /* "text" or "json" */
    const char *metrics_listen; /* NULL: none */
    const char *trusted_proxies;
    const char *tls_certificate;
    const char *tls_key;
    const char *
        dev_tls_listen; /* with dev: the same server also there over TLS, by a certificate of its own making */
    const char *keyring_file; /* NULL: data/keyring; COUNTERSIGN_KEYRING holds the lines themselves */

    unsigned workers; /* requests worked on at once */
    unsigned waiting; /* for rules' calls, beside them */
    unsigned queue;
    unsigned connections;
    unsigned connections_per_address;
    unsigned streams;
    unsigned streams_per_address;
    unsigned request_seconds;
    unsigned idle_seconds;
    unsigned database_connections;

    unsigned password_memory_kib;
    unsigned password_passes;
    unsigned password_places; /* 0: as many as cores */
    unsigned password_queue;

    unsigned script_workers;
    unsigned script_jobs; /* logins whose rules are under way at once */
    unsigned script_seconds;
    unsigned script_memory_mib;
    const char *egress_allow;
    const char *egress_proxy;
    const char *egress_ca_file;
    const char *geoip_file; /* NULL: places are not known */

    const char *smtp_url;
    const char *mail_from;
    const char *twilio_url;
    const char *fcm_url;
    const char *apns_key_file;
    const char *apns_key_id;
    const char *apns_team_id;
    const char *apns_url;     /* NULL: Apple's */
    const char *sns_url;      /* NULL: Amazon's */
    const char *duo_url;      /* NULL: https:// and the host that the tenant or a rule names */
    const char *duo_failmode; /* "closed" or "open" */

    bool rate_limits; /* false only for test tenants */
};

/*
 * Reads flags (argv after the subcommand), environment and file. On failure NULL, with one clear sentence in
 * *error that names the setting.
 */
struct config *config_read(struct arena *arena, int argc, char *const *argv, const char **error) NODISCARD;

/* What `serve --help` prints: each setting with flag, variable, TOML key, default and meaning. */
const char *config_help(struct arena *arena) NODISCARD;

/* The same as Markdown tables, for docs/configuration.md (`countersign settings`; a test compares them). */
const char *config_table(struct arena *arena) NODISCARD;

#endif
