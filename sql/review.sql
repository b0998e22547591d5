-- The queue of flagged patterns and what people decided about them.

-- name: queue
-- kind: read
-- Patterns the active version does not know, most novel first, with the state people gave them.
SELECT p.pattern_id, p.canonical_text, p.sample_text, p.message_count, p.severity, p.first_seen,
       p.last_seen, a.verdict, a.novelty_p, a.s_ood, a.evidence, a.log_px, a.label, a.confidence,
       a.components[1] AS component,
       CASE WHEN r.state IS NULL THEN 'new'
            WHEN r.state = 'muted' AND r.muted_until < $now::TIMESTAMP THEN 'ongoing'
            WHEN r.state = 'resolved' AND p.last_seen > r.changed_at THEN 'regressed'
            ELSE r.state END AS state,
       r.muted_until, r.note, r.annotator, r.changed_at
FROM assignment a
JOIN pattern p USING (pattern_id)
LEFT JOIN review r USING (pattern_id)
LEFT JOIN current_label c USING (pattern_id)
WHERE a.version = (SELECT version FROM model_version WHERE status = 'active')
  AND a.verdict <> 'known' AND c.pattern_id IS NULL
ORDER BY a.novelty_p, a.log_px, p.message_count DESC
LIMIT $limit;

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
