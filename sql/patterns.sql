-- Patterns: the canonical texts that messages share.

-- name: count
-- kind: read
-- How many patterns there are.
SELECT count(*) AS patterns FROM pattern;

-- name: all
-- kind: read
-- Every pattern in a fixed order.
SELECT pattern_id, canonical_text, sample_text, message_count, severity, first_seen, last_seen
FROM pattern ORDER BY pattern_id;

-- name: search
-- kind: read
-- Ids of the patterns whose text holds every word of the query, case ignored.
SELECT pattern_id FROM pattern
WHERE len(list_filter($words::VARCHAR[], lambda w:
    NOT contains(lower(canonical_text), lower(w)) AND NOT contains(lower(sample_text), lower(w)))) = 0
ORDER BY message_count DESC LIMIT $limit;

-- name: of_sources
-- kind: read
-- Ids of the patterns that have messages of one source.
SELECT DISTINCT pattern_id FROM message WHERE source = $source;

-- name: resolve_texts
-- kind: read
-- Which pattern each exact text belongs to: by message id, by message text or by canonical text.
SELECT DISTINCT t.text, coalesce(i.pattern_id, m.pattern_id, p.pattern_id) AS pattern_id
FROM (SELECT unnest($texts::VARCHAR[]) AS text) t
LEFT JOIN (SELECT message_id, any_value(pattern_id) AS pattern_id FROM message
           WHERE message_id IN (SELECT unnest($texts::VARCHAR[])) GROUP BY 1) i
  ON i.message_id = t.text
LEFT JOIN (SELECT text, any_value(pattern_id) AS pattern_id FROM message
           WHERE text IN (SELECT unnest($texts::VARCHAR[])) GROUP BY 1) m ON m.text = t.text
LEFT JOIN pattern p ON p.canonical_text = t.text;
