-- Logins that an application began by itself (CIBA), and whose user answers on a phone. The hash is that of the auth_req_id.
CREATE TABLE backchannel_logins (id_hash TEXT PRIMARY KEY, client_id TEXT NOT NULL, user_id TEXT NOT NULL, doc TEXT NOT NULL,
    interval_s BIGINT NOT NULL, polled_at BIGINT, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, ended_at BIGINT);
CREATE INDEX backchannel_logins_by_end ON backchannel_logins (expires_at);
CREATE INDEX backchannel_logins_by_user ON backchannel_logins (user_id);
