#include "tenant/settings_table.h"

#define MEMBER(member) .name = #member, .offset = offsetof(struct config, member)
#define TEXT(member, form_, standard_)                                                                       \
    MEMBER(member), .kind = SETTING_TEXT, .form = (form_), .standard = (standard_)
#define NUMBER(member, form_, least_, most_, standard_)                                                      \
    MEMBER(member), .kind = SETTING_NUMBER, .form = (form_), .least = (least_), .most = (most_),             \
                    .standard = (standard_)
#define TRUTH(member, standard_)                                                                             \
    MEMBER(member), .kind = SETTING_TRUTH, .form = "true|false", .standard = (standard_)

const struct setting settings_table[] = {
    {"Where it lives", TEXT(data, "DIR", "var"),
     .meaning = "directory of the embedded store and of the key that seals secrets"},
    {"Where it lives", TEXT(listen, "HOST:PORT", "127.0.0.1:3000"),
     .meaning = "where to serve; [::1]:3000 for IPv6, port 0 for any free one (which needs an issuer)"},
    {"Where it lives", TEXT(issuer, "URL", NULL),
     .meaning =
         "the address at which people and applications reach this server; https, but with --dev http on this "
         "machine is allowed. Where none is set the tenant keeps the one it had, and with --dev one that "
         "never "
         "had any takes http on the listening address. Setting another moves the tenant to it"},
    {"Where it lives", TEXT(database, "URI", NULL),
     .meaning = "postgresql://user:password@host/name; without it an SQLite file in the data directory is "
                "the store"},
    {"Where it lives", NUMBER(database_connections, "N", 1, 1000, "16"),
     .meaning = "connections to the store that are kept at most"},
    {"Where it lives", TEXT(keyring_file, "FILE", NULL),
     .meaning =
         "the keys that seal secrets, mode 0600; DIR/keyring where not set. COUNTERSIGN_KEYRING may hold the "
         "lines themselves"},
    {"Where it lives", TRUTH(dev, "false"),
     .meaning = "for trying and testing: http on this machine, an outbox instead of sending, a clock that "
                "tests move, "
                "the demo application"},

    {"Connections", TEXT(trusted_proxies, "NETWORKS", NULL),
     .meaning =
         "addresses and networks (10.0.0.0/8, ::1) of the reverse proxies whose Forwarded or X-Forwarded-For "
         "tells the client's address"},
    {"Connections", TEXT(tls_certificate, "FILE", NULL),
     .meaning = "certificate chain in PEM, to serve TLS without a reverse proxy"},
    {"Connections", TEXT(tls_key, "FILE", NULL), .meaning = "its private key in PEM"},
    {"Connections", TEXT(dev_tls_listen, "HOST:PORT", NULL),
     .meaning = "with --dev: also serve https there, for SDKs that speak nothing else; they must trust "
                "DIR/dev-ca.pem"},
    {"Connections", NUMBER(connections, "N", 16, 200000, "12000"), .meaning = "open connections at most"},
    {"Connections", NUMBER(connections_per_address, "N", 0, 200000, "1000"),
     .meaning = "open connections from one address at most; 0: no limit; trusted proxies are not counted"},
    {"Connections", NUMBER(streams, "N", 0, 200000, "12000"),
     .meaning = "pages that may wait for an event at once, beside the connections; the next ones poll"},
    {"Connections", NUMBER(streams_per_address, "N", 0, 200000, "500"),
     .meaning = "of them, from one person's address at most; 0: no limit"},
    {"Connections", NUMBER(request_seconds, "N", 1, 600, "20"),
     .meaning = "from a request's first byte to its last; slower ones are cut"},
    {"Connections", NUMBER(idle_seconds, "N", 1, 600, "30"), .meaning = "a connection between two requests"},
    {"Connections", NUMBER(workers, "N", 2, 1024, "32"), .meaning = "requests that are worked on at once"},
    {"Connections", NUMBER(waiting, "N", 0, 100000, "1000"),
     .meaning = "requests that may wait for rules and what those call, beside the ones worked on"},
    {"Connections", NUMBER(queue, "N", 1, 100000, "1024"),
     .meaning = "requests that may wait for that; the next ones get 503"},

    {"Passwords", NUMBER(password_memory_kib, "KIB", 8192, 4194304, "19456"), .meaning = "argon2id's memory"},
    {"Passwords", NUMBER(password_passes, "N", 1, 100, "2"), .meaning = "argon2id's passes"},
    {"Passwords", NUMBER(password_places, "N", 0, 1024, "0"),
     .meaning = "passwords hashed at once; 0: as many as there are cores"},
    {"Passwords", NUMBER(password_queue, "N", 0, 100000, "256"),
     .meaning = "logins that may wait for that; the next ones get 429"},
    {"Passwords", TRUTH(rate_limits, "true"),
     .meaning = "rate limits and brute-force protection; switch off for a test tenant only"},

    {"Scripts", NUMBER(script_workers, "N", 1, 256, "2"),
     .meaning = "processes that run rules and templates, kept warm"},
    {"Scripts", NUMBER(script_jobs, "N", 1, 100000, "1000"),
     .meaning = "logins whose rules run or wait at once; the next ones are refused"},
    {"Scripts", NUMBER(script_seconds, "N", 1, 300, "20"),
     .meaning = "for the rules of one login, waiting included"},
    {"Scripts", NUMBER(script_memory_mib, "MIB", 16, 4096, "128"), .meaning = "memory of one login's rules"},
    {"Scripts", TEXT(egress_allow, "NETWORKS", NULL),
     .meaning = "private networks that scripts may call; * allows all"},
    {"Scripts", TEXT(egress_proxy, "URL", NULL), .meaning = "proxy for everything that leaves"},
    {"Scripts", TEXT(egress_ca_file, "FILE", NULL),
     .meaning = "certificates, in PEM, that are trusted for what leaves; the system's where not set"},

    {"Scripts", TEXT(geoip_file, "FILE", NULL),
     .meaning = "database of MaxMind's form (GeoLite2-City.mmdb) for context.request.geoip and the log's "
                "places; SIGHUP reads it again"},

    {"Messages", TEXT(smtp_url, "URL", NULL),
     .meaning = "mail server: smtp://user:password@host:587 or smtps://user:password@host"},
    {"Messages", TEXT(mail_from, "ADDRESS", NULL),
     .meaning = "sender of mails, such as Acme <login@acme.example>"},
    {"Messages", TEXT(twilio_url, "URL", "https://api.twilio.com"),
     .meaning = "where Twilio's API is reached, for tenants that chose it for text messages"},
    {"Messages", TEXT(fcm_url, "URL", "https://fcm.googleapis.com"),
     .meaning = "where Google's push service is reached"},
    {"Messages", TEXT(apns_key_file, "FILE", NULL),
     .meaning = "Apple's key for pushes to iPhones (.p8), instead of certificates that tenants set"},
    {"Messages", TEXT(apns_key_id, "ID", NULL), .meaning = "id of that key"},
    {"Messages", TEXT(apns_team_id, "ID", NULL),
     .meaning = "id of the team at Apple that the key belongs to"},
    {"Messages", TEXT(apns_url, "URL", NULL),
     .meaning = "where Apple's push service is reached instead of its own address, for tests"},
    {"Messages", TEXT(sns_url, "URL", NULL),
     .meaning = "where Amazon SNS is reached instead of its own address: a VPC endpoint, or for tests"},
    {"Messages", TEXT(duo_failmode, "closed|open", "closed"),
     .meaning = "whether logins that need Duo go on without it while it cannot be reached (open) or fail"},
    {"Messages", TEXT(duo_url, "URL", NULL),
     .meaning = "where Duo is reached instead of the host that the tenant named, for tests"},

    {"Watching it", TEXT(log_level, "debug|info|warn|error", "info"), .meaning = "least level that is logged",
     .reloads = true},
    {"Watching it", TEXT(log_format, "text|json", "text"), .meaning = "form of the log on standard error",
     .reloads = true},
    {"Watching it", TEXT(metrics_listen, "HOST:PORT", NULL),
     .meaning = "where to serve Prometheus metrics, if at all"},
};

const size_t settings_count = sizeof settings_table / sizeof settings_table[0];
