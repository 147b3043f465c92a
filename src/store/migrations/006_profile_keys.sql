-- What users are searched by: the members of that name in small letters (profile_key of store/identifiers.h).
ALTER TABLE users ADD COLUMN name_key TEXT;
ALTER TABLE users ADD COLUMN given_name_key TEXT;
ALTER TABLE users ADD COLUMN family_name_key TEXT;
ALTER TABLE users ADD COLUMN nickname_key TEXT;
UPDATE users SET name_key = lower(DOC ->> 'name'), given_name_key = lower(DOC ->> 'given_name'),
    family_name_key = lower(DOC ->> 'family_name'), nickname_key = lower(DOC ->> 'nickname');
CREATE INDEX users_by_name ON users (name_key) WHERE name_key IS NOT NULL;
CREATE INDEX users_by_given_name ON users (given_name_key) WHERE given_name_key IS NOT NULL;
CREATE INDEX users_by_family_name ON users (family_name_key) WHERE family_name_key IS NOT NULL;
CREATE INDEX users_by_nickname ON users (nickname_key) WHERE nickname_key IS NOT NULL;
CREATE INDEX users_by_username ON users (username_key) WHERE username_key IS NOT NULL;
CREATE INDEX users_by_phone ON users (phone_key) WHERE phone_key IS NOT NULL;
