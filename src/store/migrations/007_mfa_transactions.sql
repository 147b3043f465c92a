-- What the browser widget of an operator's own page goes through: one login's or ticket's second factor.
CREATE TABLE mfa_transactions (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, doc TEXT NOT NULL, version BIGINT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX mfa_transactions_by_end ON mfa_transactions (expires_at);
CREATE INDEX mfa_transactions_by_user ON mfa_transactions (user_id);
