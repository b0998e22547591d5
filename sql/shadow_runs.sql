-- Candidates in shadow: they score what the version in force scores, and nobody sees it.

-- name: begin
-- kind: write
-- A candidate begins to score beside the active version; nothing when it does already, or when it
-- was trained on another encoder.
INSERT INTO shadow_run
SELECT v.version, $now::TIMESTAMP, NULL, NULL
FROM model_version v
JOIN model_version f ON f.status = 'active' AND f.encoder_version = v.encoder_version
WHERE v.version = $version AND v.status = 'candidate'
  AND v.version NOT IN (SELECT version FROM shadow_run WHERE ended_at IS NULL);

SELECT count(*) AS running FROM shadow_run WHERE version = $version AND ended_at IS NULL;

-- name: drop
-- kind: write
-- A candidate's shadow run ends; what it said stays with the version.
CREATE OR REPLACE TEMP TABLE dropped AS
SELECT version FROM shadow_run WHERE version = $version AND ended_at IS NULL;

UPDATE shadow_run SET ended_at = $now::TIMESTAMP, outcome = 'dropped'
WHERE version = $version AND ended_at IS NULL;

SELECT count(*) AS dropped FROM dropped;

-- name: running
-- kind: read
-- The versions in shadow, with what scoring needs to know of them.
SELECT v.version, v.components, v.encoder_version, v.folder, r.began_at
FROM shadow_run r JOIN model_version v USING (version)
WHERE r.ended_at IS NULL ORDER BY v.version;

-- name: days
-- kind: read
-- Messages received since a shadow run began, by day, under the active version and the candidate:
-- how many both scored, of them with the same label and verdict, known to each; and the patterns
-- new that day that each would flag and nobody has labelled.
WITH run AS (
    SELECT began_at FROM shadow_run WHERE version = $version AND ended_at IS NULL
), active AS (
    SELECT version FROM model_version WHERE status = 'active'
), came AS (
    SELECT m.pattern_id, m.received_at::DATE AS day, count(*) AS messages
    FROM message m JOIN run ON m.received_at >= run.began_at
    GROUP BY ALL
), fresh AS (
    SELECT pattern_id, min(received_at)::DATE AS day
    FROM message WHERE pattern_id IN (SELECT pattern_id FROM came)
    GROUP BY pattern_id HAVING min(received_at) >= (SELECT began_at FROM run)
), seen AS (
    SELECT came.day, came.messages, a.verdict AS verdict_a, b.verdict AS verdict_b,
           a.label IS NOT DISTINCT FROM b.label AND a.verdict = b.verdict AS agree,
           fresh.pattern_id IS NOT NULL AND came.day = fresh.day AND c.pattern_id IS NULL AS asks
    FROM came
    LEFT JOIN assignment a
           ON a.pattern_id = came.pattern_id AND a.version = (SELECT version FROM active)
    LEFT JOIN assignment b ON b.pattern_id = came.pattern_id AND b.version = $version
    LEFT JOIN fresh ON fresh.pattern_id = came.pattern_id
    LEFT JOIN current_label c ON c.pattern_id = came.pattern_id
)
SELECT day,
       coalesce(sum(messages) FILTER (both_said), 0)::BIGINT AS messages,
       coalesce(sum(messages) FILTER (NOT both_said), 0)::BIGINT AS waiting,
       coalesce(sum(messages) FILTER (both_said AND agree), 0)::BIGINT AS agree,
       coalesce(sum(messages) FILTER (both_said AND verdict_a = 'known'), 0)::BIGINT AS known_a,
       coalesce(sum(messages) FILTER (both_said AND verdict_b = 'known'), 0)::BIGINT AS known_b,
       count(*) FILTER (both_said AND asks AND verdict_a <> 'known') AS flagged_a,
       count(*) FILTER (both_said AND asks AND verdict_b <> 'known') AS flagged_b
FROM (SELECT *, verdict_a IS NOT NULL AND verdict_b IS NOT NULL AS both_said FROM seen)
GROUP BY day ORDER BY day DESC;
