-- What logins leave behind. Tokens, tickets and cookies are stored as token_hash (SHA-256, hex) only.

CREATE TABLE login_transactions (id_hash TEXT PRIMARY KEY, doc TEXT NOT NULL, version BIGINT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX login_transactions_by_end ON login_transactions (expires_at);

CREATE TABLE sessions (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, doc TEXT NOT NULL, version BIGINT NOT NULL,
    created_at BIGINT NOT NULL, last_used_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE authorization_codes (code_hash TEXT PRIMARY KEY, client_id TEXT NOT NULL, doc TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT);
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);

-- Opaque access tokens (for /userinfo alone).
CREATE TABLE access_tokens (token_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL, code_hash TEXT, doc TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX access_tokens_by_user ON access_tokens (user_id);
CREATE INDEX access_tokens_by_end ON access_tokens (expires_at);

-- Links sent by mail: password-reset, email-verification, unblock, admin-sign-in.
CREATE TABLE tickets (ticket_hash TEXT PRIMARY KEY, kind TEXT NOT NULL, user_id TEXT NOT NULL, doc TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT);
CREATE INDEX tickets_by_user ON tickets (user_id, kind);

-- Token buckets of rate limits and failure counts: `level` is how full, in thousandths, at updated_at.
CREATE TABLE buckets (name TEXT PRIMARY KEY, level BIGINT NOT NULL, updated_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX buckets_by_end ON buckets (expires_at);

-- Accounts blocked after failures: one row an account and address.
CREATE TABLE blocks (user_key TEXT NOT NULL, ip TEXT NOT NULL, doc TEXT NOT NULL, created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL, PRIMARY KEY (user_key, ip));

CREATE TABLE logs (log_id TEXT PRIMARY KEY, type TEXT NOT NULL, user_id TEXT, client_id TEXT, doc TEXT NOT NULL,
    date BIGINT NOT NULL);
CREATE INDEX logs_by_user ON logs (user_id, log_id);
CREATE INDEX logs_by_type ON logs (type, log_id);
