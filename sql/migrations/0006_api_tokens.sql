-- Tokens of programs that use the HTTP API.

CREATE TABLE api_token (
    name         VARCHAR NOT NULL,
    token_hash   VARCHAR NOT NULL,
    role         VARCHAR NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP,
    revoked_at   TIMESTAMP,
    last_used_at TIMESTAMP
);
COMMENT ON TABLE api_token IS 'Who may use the HTTP API; the tokens themselves are stored nowhere';
COMMENT ON COLUMN api_token.name IS 'Who: the annotator of the labels given with it; one token a name at a time';
COMMENT ON COLUMN api_token.token_hash IS 'SHA-256 of the token, hexadecimal';
COMMENT ON COLUMN api_token.role IS 'viewer, annotator or admin';
COMMENT ON COLUMN api_token.created_at IS 'UTC';
COMMENT ON COLUMN api_token.expires_at IS 'No longer valid from then on, UTC; NULL: never';
COMMENT ON COLUMN api_token.revoked_at IS 'When it was revoked, UTC; NULL: it was not';
COMMENT ON COLUMN api_token.last_used_at IS 'UTC, to the minute; NULL: not yet';
