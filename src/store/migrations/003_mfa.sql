-- Second factors.

-- kind: otp, phone, recovery-code (later push, email, webauthn-…). status: pending, confirmed.
-- sealed: the one-time-code seed. code_hash: the recovery code. last_step: the last TOTP step that was accepted.
CREATE TABLE authenticators (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
    sealed TEXT, code_hash TEXT, last_step BIGINT NOT NULL, doc TEXT NOT NULL, version BIGINT NOT NULL,
    created_at BIGINT NOT NULL, confirmed_at BIGINT, last_auth_at BIGINT);
CREATE INDEX authenticators_by_user ON authenticators (user_id, created_at);

-- Codes that were sent (SMS, later e-mail), each bound to a login transaction or an mfa_token by `binding`.
CREATE TABLE challenges (id TEXT PRIMARY KEY, authenticator_id TEXT NOT NULL, user_id TEXT NOT NULL, binding TEXT NOT NULL,
    code_hash TEXT, doc TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT);
CREATE INDEX challenges_by_authenticator ON challenges (authenticator_id, created_at);
CREATE INDEX challenges_by_end ON challenges (expires_at);

CREATE TABLE enrollment_tickets (ticket_hash TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, doc TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT, voided_at BIGINT);
CREATE INDEX enrollment_tickets_by_user ON enrollment_tickets (user_id, created_at);

CREATE TABLE remembered_browsers (token_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL, doc TEXT NOT NULL,
    created_at BIGINT NOT NULL, last_used_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX remembered_browsers_by_user ON remembered_browsers (user_id);
