-- Embeddings of patterns, per encoder version.

-- name: missing
-- kind: read
-- Patterns that have no embedding by this encoder version, longest texts together.
SELECT pattern_id, canonical_text FROM pattern
WHERE pattern_id NOT IN
      (SELECT pattern_id FROM embedding WHERE encoder_version = $encoder_version)
ORDER BY length(canonical_text), pattern_id;

-- name: add
-- kind: write
-- Store vectors; ones already stored stay as they are.
INSERT INTO encoder
SELECT $encoder_version, $name, $dimension, $now::TIMESTAMP
WHERE $encoder_version NOT IN (SELECT encoder_version FROM encoder);

INSERT INTO embedding
SELECT $encoder_version, e.pattern_id, e.vector FROM in_vectors e
WHERE e.pattern_id NOT IN
      (SELECT pattern_id FROM embedding WHERE encoder_version = $encoder_version);

SELECT count(*) AS vectors FROM embedding WHERE encoder_version = $encoder_version;

-- name: all
-- kind: read
-- Every embedded pattern of an encoder version in a fixed order, with counts and current label;
-- messages counts each text once, act as in labels.current.
SELECT p.pattern_id, e.vector, p.canonical_text, p.message_count,
       coalesce(d.messages, 1) AS messages, c.label,
       CASE WHEN c.how NOT IN ('api', 'import') THEN g.group_id END AS act
FROM embedding e
JOIN pattern p USING (pattern_id)
LEFT JOIN (SELECT pattern_id, count(DISTINCT hash(text)) AS messages FROM message
           GROUP BY pattern_id) d USING (pattern_id)
LEFT JOIN current_label c USING (pattern_id)
LEFT JOIN label_event g ON g.seq = c.seq
WHERE e.encoder_version = $encoder_version
ORDER BY p.pattern_id;

-- name: unassigned
-- kind: read
-- Embedded patterns that a model version has not scored yet.
SELECT p.pattern_id, e.vector, p.canonical_text, p.message_count, c.label
FROM embedding e
JOIN pattern p USING (pattern_id)
LEFT JOIN current_label c USING (pattern_id)
WHERE e.encoder_version = $encoder_version
  AND p.pattern_id NOT IN (SELECT pattern_id FROM assignment WHERE version = $version)
ORDER BY p.pattern_id;

-- name: count
-- kind: read
-- Stored vectors per encoder version.
SELECT e.encoder_version, e.name, e.dimension, count(v.pattern_id) AS vectors
FROM encoder e LEFT JOIN embedding v USING (encoder_version)
GROUP BY ALL ORDER BY e.encoder_version;
