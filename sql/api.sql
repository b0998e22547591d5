-- What only the HTTP API asks: pages of a list, and answers given before.

-- name: labelled
-- kind: read
-- The label each labelled pattern has now, in the order of its event, from behind one event on.
SELECT c.seq, c.pattern_id, c.label, c.annotator, c.how, c.labelled_at, p.canonical_text,
       p.message_count
FROM current_label c JOIN pattern p USING (pattern_id)
WHERE c.seq > $after::BIGINT
ORDER BY c.seq LIMIT $limit;

-- name: patterns_of
-- kind: read
-- Which of these ids are patterns.
SELECT pattern_id FROM pattern WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));

-- name: answered
-- kind: read
-- What was answered under a client's key: no row before the first answer and a day after it.
SELECT result FROM write_key WHERE key = $key;

-- name: answer
-- kind: write
-- Remember what was answered, under the write's own key.
SELECT $fingerprint::VARCHAR AS fingerprint, $body::VARCHAR AS body;
