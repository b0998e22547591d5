-- What the first page sums up: kinds that came up, work that waits.

-- name: new_kinds
-- kind: read
-- Components of the active version that a training after the first one brought up, latest first.
SELECT e.version, v.created_at, e.event, c.component, c.name, c.patterns, c.messages, c.exemplars
FROM component_event e
JOIN model_version v ON v.version = e.version
JOIN component c ON c.component_id = e.component_id
JOIN model_version f ON f.version = c.version AND f.status = 'active'
WHERE e.event IN ('born', 'opened') AND c.status = 'active'
  AND e.version > (SELECT min(version) FROM component_event)
ORDER BY e.version DESC, c.messages DESC, c.component LIMIT $limit;

-- name: novel
-- kind: read
-- Patterns unlike anything the active version was trained on, those first seen last on top.
SELECT f.pattern_id, p.canonical_text, p.message_count, p.first_seen
FROM flagged_at($now::TIMESTAMP) f JOIN pattern p USING (pattern_id)
WHERE f.verdict = 'novel' AND f.state NOT IN ('muted', 'resolved')
ORDER BY p.first_seen DESC, f.pattern_id LIMIT $limit;

-- name: backlog
-- kind: read
-- Flagged patterns that nobody has decided about, per verdict: how many, and for how long they wait.
SELECT f.verdict, count(*) AS patterns, sum(p.message_count)::BIGINT AS messages,
       min(p.first_seen) AS oldest, median(p.first_seen) AS median_seen
FROM flagged_at($now::TIMESTAMP) f JOIN pattern p USING (pattern_id)
WHERE f.state IN ('new', 'regressed')
GROUP BY f.verdict ORDER BY f.verdict;
