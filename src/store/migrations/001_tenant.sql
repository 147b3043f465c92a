-- What a tenant consists of. Every record is a JSON document (doc) beside the columns that are looked up, sorted or unique.
-- Times are milliseconds since 1970. `sealed` is a keyring text. `version` counts changes of the document.
-- The same text runs on SQLite and PostgreSQL; BLOB becomes BYTEA there.

CREATE TABLE settings (name TEXT PRIMARY KEY, doc TEXT NOT NULL, sealed TEXT, version BIGINT NOT NULL);

-- state: current, next, previous, revoked
CREATE TABLE signing_keys (kid TEXT PRIMARY KEY, state TEXT NOT NULL, sealed TEXT NOT NULL, certificate BLOB NOT NULL,
    created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL);

CREATE TABLE clients (id TEXT PRIMARY KEY, name TEXT NOT NULL, is_system BIGINT NOT NULL, sealed TEXT, doc TEXT NOT NULL,
    version BIGINT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX clients_by_age ON clients (created_at, id);

CREATE TABLE resource_servers (id TEXT PRIMARY KEY, identifier TEXT NOT NULL UNIQUE, sealed TEXT, doc TEXT NOT NULL,
    version BIGINT NOT NULL, created_at BIGINT NOT NULL);

CREATE TABLE client_grants (id TEXT PRIMARY KEY, client_id TEXT NOT NULL, audience TEXT NOT NULL, doc TEXT NOT NULL,
    version BIGINT NOT NULL, created_at BIGINT NOT NULL, UNIQUE (client_id, audience));

CREATE TABLE connections (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, is_system BIGINT NOT NULL, strategy TEXT NOT NULL,
    sealed TEXT, doc TEXT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL);

CREATE TABLE rules (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, rule_order BIGINT NOT NULL UNIQUE, enabled BIGINT NOT NULL,
    doc TEXT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL);

CREATE TABLE rules_configs (id TEXT PRIMARY KEY, sealed TEXT NOT NULL, doc TEXT NOT NULL, version BIGINT NOT NULL,
    created_at BIGINT NOT NULL);

-- email_key, username_key, phone_key: the canonical forms that make a login unique within its connection; NULL where none.
CREATE TABLE users (user_id TEXT PRIMARY KEY, connection TEXT NOT NULL, email_key TEXT, username_key TEXT, phone_key TEXT,
    doc TEXT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL,
    UNIQUE (connection, email_key), UNIQUE (connection, username_key), UNIQUE (connection, phone_key));
CREATE INDEX users_by_age ON users (created_at, user_id);
CREATE INDEX users_by_email ON users (email_key);

CREATE TABLE passwords (user_id TEXT PRIMARY KEY, hash TEXT NOT NULL, changed_at BIGINT NOT NULL);
