-- The queue of flagged patterns and what people decided about them.

-- name: queue
-- kind: read
-- Patterns the active version does not know, most novel first, with the state people gave them;
-- of the states and verdicts asked for, an empty list standing for all.
SELECT p.pattern_id, p.canonical_text, p.sample_text, p.message_count, p.severity, p.first_seen,
       p.last_seen, f.verdict, f.novelty_p, f.s_ood, f.evidence, f.log_px, f.label, f.confidence,
       f.component, f.state, f.back, f.muted_until, f.muted_rate, f.note, f.annotator, f.changed_at
FROM flagged_at($now::TIMESTAMP) f JOIN pattern p USING (pattern_id)
WHERE (len($states::VARCHAR[]) = 0 OR list_contains($states::VARCHAR[], f.state))
  AND (len($verdicts::VARCHAR[]) = 0 OR list_contains($verdicts::VARCHAR[], f.verdict))
ORDER BY f.novelty_p, f.log_px, p.message_count DESC, p.pattern_id
LIMIT $limit;

-- name: queue_counts
-- kind: read
-- Patterns and messages of the whole queue per verdict and state.
SELECT f.verdict, f.state, count(*) AS patterns, sum(p.message_count)::BIGINT AS messages
FROM flagged_at($now::TIMESTAMP) f JOIN pattern p USING (pattern_id)
GROUP BY f.verdict, f.state ORDER BY f.verdict, f.state;

-- name: decided
-- kind: read
-- How every pattern that somebody decided about stands now.
SELECT pattern_id, state, back, muted_until, muted_rate, loudest, note, annotator, changed_at
FROM review_at($now::TIMESTAMP);

-- name: stored
-- kind: read
-- What is written about these patterns: what put_back takes.
SELECT pattern_id, state, muted_until, note, annotator, changed_at, muted_rate
FROM review WHERE list_contains($pattern_ids::VARCHAR[], pattern_id);

-- name: set_state
-- kind: write
-- Decide about patterns: ongoing, muted (until a time, or more than a rate of messages per hour, or
-- whichever comes first) or resolved; new takes the decision back.  No note keeps the one there is.
CREATE TEMP TABLE noted AS
SELECT pattern_id, note FROM review
WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));

DELETE FROM review WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));

INSERT INTO review BY NAME
SELECT pattern_id, $state AS state, $muted_until::TIMESTAMP AS muted_until,
       $muted_rate::DOUBLE AS muted_rate, coalesce(nullif($note, ''), n.note, '') AS note,
       $annotator AS annotator, $now::TIMESTAMP AS changed_at
FROM (SELECT unnest($pattern_ids::VARCHAR[]) AS pattern_id)
LEFT JOIN noted n USING (pattern_id)
WHERE $state <> 'new' AND pattern_id IN (SELECT pattern_id FROM pattern);

SELECT count(*) AS patterns FROM review
WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));

-- name: set_note
-- kind: write
-- A note on patterns, whose states stay; what was new is ongoing: somebody looks at it.
INSERT INTO review BY NAME
SELECT pattern_id, 'ongoing' AS state, '' AS note, $annotator AS annotator,
       $now::TIMESTAMP AS changed_at
FROM (SELECT unnest($pattern_ids::VARCHAR[]) AS pattern_id)
WHERE pattern_id NOT IN (SELECT pattern_id FROM review)
  AND pattern_id IN (SELECT pattern_id FROM pattern);

UPDATE review SET note = $note, annotator = $annotator
WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));

SELECT count(*) AS patterns FROM review
WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));

-- name: put_back
-- kind: write
-- Undo a decision about patterns: what was written of them before, nothing for the rest.
DELETE FROM review WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));

INSERT INTO review BY NAME SELECT * FROM in_reviews;

SELECT count(*) AS patterns FROM in_reviews;

-- name: sightings
-- kind: read
-- How often patterns came: messages, first and last, the loudest hour, and per day between first and
-- last, over at least one day.
WITH came AS (
    SELECT coalesce(occurred_at, received_at) AS at_time FROM message
    WHERE list_contains($pattern_ids::VARCHAR[], pattern_id)
), hours AS (
    SELECT at_time, count(*) OVER (ORDER BY at_time RANGE BETWEEN INTERVAL 1 HOUR PRECEDING
                                   AND CURRENT ROW) AS within FROM came
)
SELECT count(*) AS messages, min(at_time) AS first_seen, max(at_time) AS last_seen,
       coalesce(max(within), 0) AS loudest_hour,
       count(*) / greatest(1.0, (epoch(max(at_time)) - epoch(min(at_time))) / 86400.0) AS per_day
FROM hours;
