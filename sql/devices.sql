-- Devices: who sends.

-- name: of_pattern
-- kind: read
-- Devices that sent a pattern.
SELECT device, count(*) AS messages FROM message
WHERE pattern_id = $pattern_id AND device IS NOT NULL
GROUP BY device ORDER BY messages DESC LIMIT $limit;

-- name: truth
-- kind: read
-- For simulated fleets: the true kind and label of each pattern, most frequent first.
SELECT pattern_id, attributes->>'truth_kind' AS truth_kind, attributes->>'truth_label' AS truth_label,
       count(*) AS messages
FROM message WHERE attributes->>'truth_kind' IS NOT NULL
GROUP BY ALL ORDER BY messages DESC, pattern_id;
