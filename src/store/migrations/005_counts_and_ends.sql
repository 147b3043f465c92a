-- How many users a connection has, in parts: each writing connection of a server adds to a part of its own.
CREATE TABLE user_counts (connection TEXT NOT NULL, slot BIGINT NOT NULL, total BIGINT NOT NULL,
    PRIMARY KEY (connection, slot));
INSERT INTO user_counts (connection, slot, total) SELECT connection, 0, COUNT(*) FROM users GROUP BY connection;

-- Users of one connection by age; and what housekeeping looks for.
CREATE INDEX users_by_connection ON users (connection, created_at, user_id);
CREATE INDEX tickets_by_end ON tickets (expires_at);
CREATE INDEX enrollment_tickets_by_end ON enrollment_tickets (expires_at);
CREATE INDEX remembered_browsers_by_end ON remembered_browsers (expires_at);
CREATE INDEX blocks_by_end ON blocks (expires_at);
CREATE INDEX logs_by_date ON logs (date);
CREATE INDEX authenticators_pending ON authenticators (created_at) WHERE status = 'pending';
CREATE INDEX challenges_by_user ON challenges (user_id);
