-- Checks: each answers the offending rows, none when all is well.

-- name: alive
-- kind: read
-- Answers one row.
SELECT 1 AS alive;

-- name: doubled_messages
-- kind: read
-- Messages stored more than once.
SELECT message_id, count(*) AS times FROM message GROUP BY message_id HAVING count(*) > 1 LIMIT 20;

-- name: doubled_patterns
-- kind: read
-- Patterns stored more than once.
SELECT pattern_id, count(*) AS times FROM pattern GROUP BY pattern_id HAVING count(*) > 1 LIMIT 20;

-- name: wrong_counts
-- kind: read
-- Patterns whose count is not the number of their messages.
SELECT p.pattern_id, p.message_count, coalesce(m.n, 0) AS counted
FROM pattern p
LEFT JOIN (SELECT pattern_id, count(*) AS n FROM message GROUP BY pattern_id) m USING (pattern_id)
WHERE p.message_count <> coalesce(m.n, 0) LIMIT 20;

-- name: messages_without_pattern
-- kind: read
-- Messages whose pattern is missing.
SELECT message_id, pattern_id FROM message
WHERE pattern_id NOT IN (SELECT pattern_id FROM pattern) LIMIT 20;

-- name: doubled_assignments
-- kind: read
-- Patterns assigned more than once by one version.
SELECT version, pattern_id, count(*) AS times FROM assignment
GROUP BY version, pattern_id HAVING count(*) > 1 LIMIT 20;

-- name: broken_responsibilities
-- kind: read
-- Assignments whose responsibilities do not sum to 1.
SELECT version, pattern_id, list_sum(responsibilities) AS total FROM assignment
WHERE abs(list_sum(responsibilities) - 1) > 1e-3 LIMIT 20;

-- name: unscored_patterns
-- kind: read
-- Patterns the active version has not scored (run `genlab score`).
SELECT pattern_id FROM pattern
WHERE EXISTS (SELECT 1 FROM model_version WHERE status = 'active')
  AND pattern_id NOT IN (SELECT pattern_id FROM assignment WHERE version =
      (SELECT version FROM model_version WHERE status = 'active')) LIMIT 20;

-- name: unembedded_patterns
-- kind: read
-- Patterns no encoder has embedded (run `genlab score`).
SELECT pattern_id FROM pattern
WHERE EXISTS (SELECT 1 FROM encoder)
  AND pattern_id NOT IN (SELECT pattern_id FROM embedding) LIMIT 20;

-- name: forget_write_keys
-- kind: write
-- Forget the keys of writes older than a day: no client retries that long.
DELETE FROM write_key WHERE written_at < $now::TIMESTAMP - INTERVAL 1 DAY;

SELECT count(*) AS keys FROM write_key;
