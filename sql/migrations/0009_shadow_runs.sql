-- Candidates that score what comes in beside the version in force, seen by nobody but the Train page.

CREATE TABLE shadow_run (
    version  INTEGER NOT NULL,
    began_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    outcome  VARCHAR
);
COMMENT ON TABLE shadow_run IS 'Shadow runs of candidates; one at most of a version is open';
COMMENT ON COLUMN shadow_run.version IS 'The candidate';
COMMENT ON COLUMN shadow_run.began_at IS 'Messages received from here on are compared; UTC';
COMMENT ON COLUMN shadow_run.ended_at IS 'UTC; NULL while it runs';
COMMENT ON COLUMN shadow_run.outcome IS 'promoted or dropped; NULL while it runs';
