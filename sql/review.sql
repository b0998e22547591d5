-- The queue of flagged patterns and what people decided about them.

-- name: queue
-- kind: read
-- Patterns the active version does not know, most novel first, with the state people gave them;
-- of the states and verdicts asked for, an empty list standing for all.
SELECT p.pattern_id, p.canonical_text, p.sample_text, p.message_count, p.severity, p.first_seen,
       p.last_seen, f.verdict, f.novelty_p, f.s_ood, f.evidence, f.log_px, f.label, f.confidence,
       f.component, f.state, f.muted_until, f.note, f.annotator, f.changed_at
FROM (SELECT * REPLACE (CASE WHEN state = 'muted' AND muted_until < $now::TIMESTAMP THEN 'ongoing'
                             ELSE state END AS state) FROM flagged) f
JOIN pattern p USING (pattern_id)
WHERE (len($states::VARCHAR[]) = 0 OR list_contains($states::VARCHAR[], f.state))
  AND (len($verdicts::VARCHAR[]) = 0 OR list_contains($verdicts::VARCHAR[], f.verdict))
ORDER BY f.novelty_p, f.log_px, p.message_count DESC, p.pattern_id
LIMIT $limit;

-- name: queue_counts
-- kind: read
-- Patterns and messages of the whole queue per verdict and state.
SELECT f.verdict, f.state, count(*) AS patterns, sum(p.message_count)::BIGINT AS messages
FROM (SELECT * REPLACE (CASE WHEN state = 'muted' AND muted_until < $now::TIMESTAMP THEN 'ongoing'
                             ELSE state END AS state) FROM flagged) f
JOIN pattern p USING (pattern_id)
GROUP BY f.verdict, f.state ORDER BY f.verdict, f.state;

-- name: set_state
-- kind: write
-- Decide about patterns: ongoing, muted (until) or resolved; new takes the decision back.
DELETE FROM review WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));

INSERT INTO review
SELECT pattern_id, $state, $muted_until::TIMESTAMP, $note, $annotator, $now::TIMESTAMP
FROM (SELECT unnest($pattern_ids::VARCHAR[]) AS pattern_id)
WHERE $state <> 'new' AND pattern_id IN (SELECT pattern_id FROM pattern);

SELECT count(*) AS patterns FROM review
WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));
