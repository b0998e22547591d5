-- Alerts: rules, what they watch, what they said and whether it arrived.

-- name: add_rule
-- kind: write
-- A new rule; refused for a name that is taken.
CREATE TEMP TABLE refusal AS
SELECT error(format('there is an alert rule "{}" already: choose another name, or remove it first',
                    name))
FROM alert_rule WHERE name = $name;

INSERT INTO alert_rule BY NAME
SELECT $name AS name, $condition AS condition, $threshold::DOUBLE AS threshold, $target AS target,
       $cooldown_minutes::DOUBLE AS cooldown_minutes, $annotator AS annotator,
       $now::TIMESTAMP AS created_at;

SELECT count(*) AS rules FROM alert_rule;

-- name: remove_rule
-- kind: write
-- Forget a rule; what it said stays.
CREATE TEMP TABLE removed AS SELECT name FROM alert_rule WHERE name = $name;

DELETE FROM alert_rule WHERE name = $name;

SELECT count(*) AS removed FROM removed;

-- name: rules
-- kind: read
-- Every rule with its last alert.
SELECT r.name, r.condition, r.threshold, r.target, r.cooldown_minutes, r.annotator, r.created_at,
       a.alerts, a.last.fired_at AS fired_at, a.last.status AS status, a.last.error AS error,
       a.last.attempts AS attempts
FROM alert_rule r
LEFT JOIN (SELECT rule, count(*) AS alerts,
                  arg_max({fired_at: fired_at, status: status, error: error, attempts: attempts},
                          fired_at) AS last
           FROM alert GROUP BY rule) a ON a.rule = r.name
ORDER BY r.created_at, r.name;

-- name: latest
-- kind: read
-- The latest alerts.
SELECT alert_id, rule, payload, status, attempts, error, fired_at, due_at, delivered_at
FROM alert ORDER BY fired_at DESC, alert_id LIMIT $limit;

-- name: fresh_novel
-- kind: read
-- Novel patterns that nobody decided about, that came first after a moment and that the rule has not
-- spoken about.
SELECT f.pattern_id
FROM flagged_at($now::TIMESTAMP) f
JOIN message m USING (pattern_id)
WHERE f.verdict = 'novel' AND f.state = 'new'
  AND f.pattern_id NOT IN (SELECT unnest(causes) FROM alert WHERE rule = $rule)
GROUP BY f.pattern_id HAVING min(m.received_at) > $since::TIMESTAMP;

-- name: flagged_last_hour
-- kind: read
-- Messages received within the last hour whose pattern is flagged and neither muted nor resolved.
SELECT count(*) AS messages
FROM message m JOIN flagged_at($now::TIMESTAMP) f USING (pattern_id)
WHERE m.received_at > $now::TIMESTAMP - INTERVAL 1 HOUR
  AND f.state IN ('new', 'ongoing', 'regressed');

-- name: back
-- kind: read
-- Flagged patterns that came back from a mute or from being resolved since a moment; each decision's
-- return is one cause.
SELECT f.pattern_id, f.pattern_id || '@' || epoch_us(f.changed_at) AS cause, f.back,
       p.canonical_text, p.message_count
FROM flagged_at($now::TIMESTAMP) f JOIN pattern p USING (pattern_id)
WHERE f.back IS NOT NULL AND (f.changed_at > $since::TIMESTAMP OR p.last_received > $since::TIMESTAMP
                              OR f.muted_until > $since::TIMESTAMP)
  AND cause NOT IN (SELECT unnest(causes) FROM alert WHERE rule = $rule)
ORDER BY p.message_count DESC, f.pattern_id;

-- name: known_share
-- kind: read
-- Of the messages received within the last day and scored, how many are known.
SELECT count(*) AS messages,
       coalesce(count(*) FILTER (a.verdict = 'known'), 0) AS known
FROM message m JOIN assignment a USING (pattern_id)
WHERE a.version = (SELECT version FROM model_version WHERE status = 'active')
  AND m.received_at > $now::TIMESTAMP - INTERVAL 1 DAY;

-- name: fire
-- kind: write
-- Record an alert, unless its rule is gone, has spoken about one of its causes, or (without causes)
-- speaks again before its cooldown is over.
CREATE TEMP TABLE fired AS
SELECT r.name FROM alert_rule r
WHERE r.name = $rule
  AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.rule = r.name
      AND (list_has_any(a.causes, $causes::VARCHAR[])
           OR (len($causes::VARCHAR[]) = 0
               AND a.fired_at > $now::TIMESTAMP - to_seconds(60.0 * r.cooldown_minutes))));

INSERT INTO alert BY NAME
SELECT $alert_id AS alert_id, $rule AS rule, $causes::VARCHAR[] AS causes, $payload AS payload,
       'waiting' AS status, 0 AS attempts, '' AS error, $now::TIMESTAMP AS fired_at,
       $now::TIMESTAMP AS due_at
FROM fired;

SELECT count(*) AS fired FROM fired;

-- name: claim
-- kind: write
-- Take the alert that is due longest, for one attempt; whoever else asks gets it again only after
-- $patience seconds times 1, 4, 16, ..., unless told that it arrived.
CREATE TEMP TABLE claimed AS
SELECT a.alert_id, a.payload, a.attempts + 1 AS attempts, r.target
FROM alert a LEFT JOIN alert_rule r ON r.name = a.rule
WHERE a.status = 'waiting' AND a.due_at <= $now::TIMESTAMP
ORDER BY a.due_at, a.alert_id LIMIT 1;

UPDATE alert SET attempts = c.attempts,
                 due_at = $now::TIMESTAMP + to_seconds($patience::DOUBLE * pow(4, c.attempts - 1))
FROM claimed c WHERE alert.alert_id = c.alert_id;

SELECT * FROM claimed;

-- name: tell
-- kind: write
-- How an attempt ended: delivered, failed (no further one), or waiting for the next.
UPDATE alert SET status = $status, error = $error,
                 delivered_at = CASE WHEN $status = 'delivered' THEN $now::TIMESTAMP END
WHERE alert_id = $alert_id;

SELECT count(*) AS alerts FROM alert WHERE alert_id = $alert_id;
