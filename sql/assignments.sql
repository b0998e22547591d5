-- What a model version says of each pattern.

-- name: put
-- kind: write
-- Store assignments of a version, replacing those of the same patterns.
DELETE FROM assignment
WHERE version = $version AND pattern_id IN (SELECT pattern_id FROM in_assignments);

INSERT INTO assignment BY NAME
SELECT $version AS version, * FROM in_assignments;

SELECT count(*) AS assignments FROM in_assignments;

-- name: relabel
-- kind: write
-- What labels made of a version's patterns: those that differ from what is stored are written,
-- by another label or verdict or by more than $least in a number.
-- A propagation that saw fewer label events than one before it changes nothing, be that one's
-- result what was stored already.  Answers messages that became known, ceased to be, and are.
CREATE TEMP TABLE relabelled AS
SELECT r.*, a.verdict AS was
FROM in_relabelled r
JOIN assignment a ON a.version = $version AND a.pattern_id = r.pattern_id
WHERE $seq >= (SELECT labels_seq FROM model_version WHERE version = $version)
  AND (a.label IS DISTINCT FROM r.label OR a.verdict <> r.verdict
       OR abs(a.confidence - r.confidence) > $least OR abs(a.s_ood - r.s_ood) > $least
       OR abs(a.evidence - r.evidence) > $least);

UPDATE assignment SET label = r.label, confidence = r.confidence, s_ood = r.s_ood,
                      evidence = r.evidence, verdict = r.verdict
FROM relabelled r
WHERE assignment.version = $version AND assignment.pattern_id = r.pattern_id;

UPDATE model_version SET labels_seq = greatest(labels_seq, $seq) WHERE version = $version;

SELECT (SELECT count(*) FROM relabelled) AS relabelled,
       coalesce(sum(message_count) FILTER (was <> 'known' AND verdict = 'known'), 0)::BIGINT
           AS settled,
       coalesce(sum(message_count) FILTER (was = 'known' AND verdict <> 'known'), 0)::BIGINT
           AS unsettled,
       (SELECT coalesce(sum(p.message_count), 0)::BIGINT
        FROM assignment a JOIN pattern p USING (pattern_id)
        WHERE a.version = $version AND a.verdict = 'known') AS known
FROM relabelled JOIN pattern USING (pattern_id);

-- name: labelled
-- kind: read
-- What labels made of a version's patterns, in the order of pattern_id.
SELECT pattern_id, label, confidence, s_ood, evidence, verdict
FROM assignment WHERE version = $version ORDER BY pattern_id;

-- name: of_version
-- kind: read
-- Everything a version says, in the order of pattern_id.
SELECT a.pattern_id, a.components, a.responsibilities, a.latent_mean, a.latent_logvar, a.log_px,
       a.held_out, a.novelty_p, a.label, a.confidence, a.s_ood, a.evidence, a.verdict,
       a.map_x, a.map_y
FROM assignment a WHERE a.version = $version ORDER BY a.pattern_id;

-- name: map
-- kind: read
-- What the map and the lists show of a version: no latents.
SELECT a.pattern_id, a.components, a.responsibilities, a.log_px, a.held_out, a.novelty_p, a.label,
       a.confidence, a.s_ood, a.evidence, a.verdict, a.map_x, a.map_y, p.canonical_text,
       p.sample_text, p.message_count, p.severity, p.first_seen, p.last_seen
FROM assignment a JOIN pattern p USING (pattern_id)
WHERE a.version = $version ORDER BY a.pattern_id;

-- name: ground
-- kind: read
-- Vectors, nearest patterns and what a version calibrates on, of the patterns from $first to $last
-- in the order of pattern_id.
SELECT a.pattern_id, e.vector, a.neighbours, a.cosines, a.messages, a.held_messages
FROM assignment a
JOIN model_version v ON v.version = a.version
JOIN embedding e ON e.pattern_id = a.pattern_id AND e.encoder_version = v.encoder_version
WHERE a.version = $version AND a.pattern_id BETWEEN $first AND $last
ORDER BY a.pattern_id;

-- name: message_counts
-- kind: read
-- Messages of each pattern of a version, in the order of pattern_id.
SELECT p.message_count
FROM assignment a JOIN pattern p USING (pattern_id)
WHERE a.version = $version ORDER BY a.pattern_id;

-- name: positions
-- kind: read
-- Latent means and map positions of a version: the start of the next map.
SELECT pattern_id, latent_mean, map_x, map_y FROM assignment
WHERE version = $version ORDER BY pattern_id;

-- name: counts
-- kind: read
-- How many patterns each version has scored.
SELECT version, count(*) AS patterns FROM assignment GROUP BY version ORDER BY version;

-- name: verdicts
-- kind: read
-- Patterns and messages per verdict of a version.
SELECT a.verdict, count(*) AS patterns, coalesce(sum(p.message_count), 0)::BIGINT AS messages
FROM assignment a JOIN pattern p USING (pattern_id)
WHERE a.version = $version GROUP BY a.verdict ORDER BY a.verdict;

-- name: transitions
-- kind: read
-- What two versions say of the patterns both scored, from what to what, those with most messages
-- first; $new_only: of messages received since $version_b went into shadow.
SELECT label_a, verdict_a, label_b, verdict_b, count(*) AS patterns,
       sum(messages)::BIGINT AS messages
FROM comparison
WHERE version_a = $version_a AND version_b = $version_b AND new_only = $new_only::BOOLEAN
GROUP BY ALL ORDER BY messages DESC, patterns DESC, label_a, label_b, verdict_a, verdict_b;

-- name: differences
-- kind: read
-- Patterns that two versions label or judge differently, those with most messages first;
-- $new_only as in transitions.  $narrow: only those from label and verdict _a to _b.
SELECT c.pattern_id, p.canonical_text, c.messages, c.label_a, c.label_b, c.confidence_a,
       c.confidence_b, c.verdict_a, c.verdict_b
FROM comparison c JOIN pattern p USING (pattern_id)
WHERE c.version_a = $version_a AND c.version_b = $version_b AND c.new_only = $new_only::BOOLEAN
  AND (c.label_a IS DISTINCT FROM c.label_b OR c.verdict_a <> c.verdict_b)
  AND (NOT $narrow::BOOLEAN
       OR (c.label_a IS NOT DISTINCT FROM $label_a::VARCHAR AND c.verdict_a = $verdict_a::VARCHAR
           AND c.label_b IS NOT DISTINCT FROM $label_b::VARCHAR
           AND c.verdict_b = $verdict_b::VARCHAR))
ORDER BY c.messages DESC, c.pattern_id LIMIT $limit;

-- name: prune
-- kind: write
-- Forget what long retired versions said; the active one, its predecessor, candidates stay.
DELETE FROM assignment WHERE version IN (
    SELECT version FROM model_version WHERE status = 'retired'
    ORDER BY promoted_at DESC OFFSET $keep);

SELECT count(DISTINCT version) AS versions FROM assignment;
