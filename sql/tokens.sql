-- Tokens of programs that use the HTTP API.

-- name: add
-- kind: write
-- Store a new token's hash; nothing when the name has a token that was not revoked.
CREATE TEMP TABLE new_token AS
SELECT $name::VARCHAR AS name
WHERE $name NOT IN (SELECT name FROM api_token WHERE revoked_at IS NULL);

INSERT INTO api_token
SELECT name, $token_hash, $role, $now::TIMESTAMP,
       $now::TIMESTAMP + to_seconds(($days::DOUBLE * 86400)::BIGINT), NULL, NULL
FROM new_token;

SELECT count(*) AS added FROM new_token;

-- name: list
-- kind: read
-- Every token that was not revoked, oldest first.
SELECT name, role, created_at, expires_at, last_used_at,
       coalesce(expires_at <= $now::TIMESTAMP, false) AS expired
FROM api_token WHERE revoked_at IS NULL ORDER BY created_at, name;

-- name: revoke
-- kind: write
-- End a token for good.
CREATE TEMP TABLE ended_token AS
SELECT token_hash FROM api_token WHERE name = $name AND revoked_at IS NULL;

UPDATE api_token SET revoked_at = $now::TIMESTAMP
WHERE token_hash IN (SELECT token_hash FROM ended_token);

SELECT count(*) AS revoked FROM ended_token;

-- name: find
-- kind: read
-- The token of a hash, while it is valid; idle_seconds since it was last used, NULL: never.
SELECT name, role, epoch($now::TIMESTAMP - last_used_at) AS idle_seconds
FROM api_token
WHERE token_hash = $token_hash AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > $now::TIMESTAMP);

-- name: count
-- kind: read
-- Tokens there ever were, revoked and expired ones among them.
SELECT count(*) AS tokens FROM api_token;

-- name: used
-- kind: write
-- A token was used now.
UPDATE api_token SET last_used_at = $now::TIMESTAMP WHERE token_hash = $token_hash;

SELECT count(*) AS tokens FROM api_token WHERE token_hash = $token_hash;
