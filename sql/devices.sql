-- Devices: who sends.

-- name: of_patterns
-- kind: read
-- Devices that sent any of these patterns, those with most messages first; of how many in all.
SELECT device, count(*) AS messages, count(*) OVER () AS devices FROM message
WHERE list_contains($pattern_ids::VARCHAR[], pattern_id) AND device IS NOT NULL
GROUP BY device ORDER BY messages DESC, device LIMIT $limit;

-- name: truth
-- kind: read
-- For simulated fleets: the true kind and label of each pattern, most frequent first.
SELECT pattern_id, attributes->>'truth_kind' AS truth_kind, attributes->>'truth_label' AS truth_label,
       count(*) AS messages
FROM message WHERE attributes->>'truth_kind' IS NOT NULL
GROUP BY ALL ORDER BY messages DESC, pattern_id;
