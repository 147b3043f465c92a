-- Questions put to a phone ("is it you who signs in?"), one row for each phone that was asked. Those of one sending share
-- send_id and the number that the login page shows. binding: the login transaction, mfa_token, … that waits.
-- status: pending → accepted → spent (the login went on), pending → rejected, pending → closed (answered by another phone,
-- or voided by a refusal or a newer wish of its login).
CREATE TABLE push_challenges (id TEXT PRIMARY KEY, send_id TEXT NOT NULL, authenticator_id TEXT NOT NULL, user_id TEXT NOT NULL,
    binding TEXT NOT NULL, status TEXT NOT NULL, doc TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
    answered_at BIGINT);
CREATE INDEX push_challenges_by_binding ON push_challenges (binding, created_at);
CREATE INDEX push_challenges_by_authenticator ON push_challenges (authenticator_id, created_at);
CREATE INDEX push_challenges_by_user ON push_challenges (user_id, created_at);
CREATE INDEX push_challenges_by_end ON push_challenges (expires_at);

-- Phones: the enrolment's ticket while it is pending, then the device token, both hashed.
CREATE UNIQUE INDEX authenticators_by_push_code ON authenticators (code_hash) WHERE kind = 'push';
