-- Mutes that end by rate; alert rules and what they said.

ALTER TABLE review ADD COLUMN muted_rate DOUBLE;
COMMENT ON COLUMN review.muted_rate IS 'For muted: until one hour brings more messages than this; NULL: by time alone';

DROP VIEW flagged;

CREATE MACRO review_at(moment) AS TABLE
-- An hour by the clocks of the senders, of messages that came in since the mute.
WITH louder AS (
    SELECT pattern_id, max(messages) AS loudest FROM (
        SELECT m.pattern_id, count(*) OVER (
                   PARTITION BY m.pattern_id ORDER BY coalesce(m.occurred_at, m.received_at)
                   RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW) AS messages
        FROM message m JOIN review r ON r.pattern_id = m.pattern_id
        WHERE r.state = 'muted' AND r.muted_rate IS NOT NULL AND m.received_at > r.changed_at)
    GROUP BY pattern_id
), stands AS (
    SELECT r.*, l.loudest,
           CASE WHEN r.state = 'resolved' AND p.last_received > r.changed_at THEN 'again'
                WHEN r.state = 'muted' AND l.loudest > r.muted_rate THEN 'louder'
                WHEN r.state = 'muted' AND r.muted_until <= moment THEN 'time'
           END AS back
    FROM review r JOIN pattern p USING (pattern_id) LEFT JOIN louder l USING (pattern_id)
)
SELECT pattern_id, CASE back WHEN 'again' THEN 'regressed' WHEN 'louder' THEN 'ongoing'
                             WHEN 'time' THEN 'ongoing' ELSE state END AS state,
       back, muted_until, muted_rate, loudest, note, annotator, changed_at
FROM stands;
COMMENT ON MACRO TABLE review_at IS 'How decided patterns stand at a moment (UTC): resolved until they come in again, muted until time or rate is over; back tells which';

CREATE MACRO flagged_at(moment) AS TABLE
SELECT a.pattern_id, a.verdict, a.novelty_p, a.s_ood, a.evidence, a.log_px, a.label, a.confidence,
       a.components[1] AS component, coalesce(r.state, 'new') AS state, r.back, r.muted_until,
       r.muted_rate, r.note, r.annotator, r.changed_at
FROM assignment a
LEFT JOIN review_at(moment) r USING (pattern_id)
LEFT JOIN current_label c USING (pattern_id)
WHERE a.version = (SELECT version FROM model_version WHERE status = 'active')
  AND a.verdict <> 'known' AND c.pattern_id IS NULL;
COMMENT ON MACRO TABLE flagged_at IS 'Patterns the active version does not know and nobody labelled, with their state of review at a moment (UTC)';

CREATE TABLE alert_rule (
    name             VARCHAR NOT NULL,
    condition        VARCHAR NOT NULL,
    threshold        DOUBLE,
    target           VARCHAR NOT NULL,
    cooldown_minutes DOUBLE NOT NULL,
    annotator        VARCHAR NOT NULL,
    created_at       TIMESTAMP NOT NULL
);
COMMENT ON TABLE alert_rule IS 'When to tell whom';
COMMENT ON COLUMN alert_rule.name IS 'Chosen by who made it; no two rules share one';
COMMENT ON COLUMN alert_rule.condition IS 'novel-group, flagged-rate, back or known-share';
COMMENT ON COLUMN alert_rule.threshold IS 'flagged-rate: messages per hour; known-share: percent; NULL for the others';
COMMENT ON COLUMN alert_rule.target IS 'https:, http:, mailto: or file: address; ${NAME} in it is filled in from the environment';
COMMENT ON COLUMN alert_rule.cooldown_minutes IS 'Least time between two alerts about a rate or share';
COMMENT ON COLUMN alert_rule.annotator IS 'Who made it';
COMMENT ON COLUMN alert_rule.created_at IS 'When; what happened before is no cause; UTC';

CREATE TABLE alert (
    alert_id     VARCHAR NOT NULL,
    rule         VARCHAR NOT NULL,
    causes       VARCHAR[] NOT NULL,
    payload      VARCHAR NOT NULL,
    status       VARCHAR NOT NULL,
    attempts     INTEGER NOT NULL,
    error        VARCHAR NOT NULL,
    fired_at     TIMESTAMP NOT NULL,
    due_at       TIMESTAMP NOT NULL,
    delivered_at TIMESTAMP
);
COMMENT ON TABLE alert IS 'What rules said, and whether it arrived';
COMMENT ON COLUMN alert.alert_id IS 'Made by who fired it';
COMMENT ON COLUMN alert.rule IS 'Name of the rule';
COMMENT ON COLUMN alert.causes IS 'What it is about: no rule speaks twice about one cause; empty for a rate or share';
COMMENT ON COLUMN alert.payload IS 'What is sent, as JSON';
COMMENT ON COLUMN alert.status IS 'waiting, delivered or failed';
COMMENT ON COLUMN alert.attempts IS 'Deliveries tried';
COMMENT ON COLUMN alert.error IS 'Why the last one failed';
COMMENT ON COLUMN alert.fired_at IS 'UTC';
COMMENT ON COLUMN alert.due_at IS 'When to try next; UTC';
COMMENT ON COLUMN alert.delivered_at IS 'UTC';
