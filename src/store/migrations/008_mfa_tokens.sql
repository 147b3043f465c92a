-- A login by password grants that waits for its second factor (the token is the application's), or the enrolments that a token of
-- the MFA API's audience has begun. The hash is that of the token as it was sent.
CREATE TABLE mfa_tokens (token_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL, client_id TEXT NOT NULL, doc TEXT NOT NULL,
    version BIGINT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, ended_at BIGINT);
CREATE INDEX mfa_tokens_by_end ON mfa_tokens (expires_at);
CREATE INDEX mfa_tokens_by_user ON mfa_tokens (user_id);

-- What an application holds while its user answers elsewhere: a message that was sent, or a phone that was asked.
CREATE TABLE oob_codes (code_hash TEXT PRIMARY KEY, token_hash TEXT NOT NULL, user_id TEXT NOT NULL,
    authenticator_id TEXT NOT NULL, challenge_id TEXT, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX oob_codes_by_end ON oob_codes (expires_at);
CREATE INDEX oob_codes_by_user ON oob_codes (user_id);
