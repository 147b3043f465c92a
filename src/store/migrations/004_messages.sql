-- Messages to people. `sealed` holds the message (it carries codes and links) until it has left.
CREATE TABLE messages (id TEXT PRIMARY KEY, channel TEXT NOT NULL, sealed TEXT NOT NULL, attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX messages_by_turn ON messages (next_at);

-- What would have left, of a server started with --dev.
CREATE TABLE dev_outbox (id TEXT PRIMARY KEY, channel TEXT NOT NULL, recipient TEXT NOT NULL, doc TEXT NOT NULL, at BIGINT NOT NULL);
CREATE INDEX dev_outbox_by_age ON dev_outbox (at, id);
