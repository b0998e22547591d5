-- What people say about patterns beside their labels.

-- name: add
-- kind: write
-- Store a note, or that somebody is unsure (text ''), about patterns; unknown ones are passed over.
CREATE TEMP TABLE remarked AS
SELECT pattern_id FROM (SELECT unnest($pattern_ids::VARCHAR[]) AS pattern_id)
SEMI JOIN pattern USING (pattern_id);

INSERT INTO remark (group_id, kind, pattern_id, text, how, annotator, created_at)
SELECT $group_id, $kind, pattern_id, $text, $how, $annotator, $now::TIMESTAMP FROM remarked;

SELECT count(*) AS remarks FROM remarked;

-- name: unsure
-- kind: read
-- Patterns that somebody looked at last without deciding.
SELECT pattern_id, annotator, said_at FROM unsure ORDER BY pattern_id;

-- name: seq
-- kind: read
-- Number of the last note or doubt.
SELECT coalesce(max(seq), 0) AS seq FROM remark;

-- name: notes
-- kind: read
-- The notes on one pattern that stand, newest first.
SELECT r.text, r.annotator, r.created_at, r.group_id
FROM remark r JOIN gesture g USING (group_id)
WHERE r.pattern_id = $pattern_id AND r.kind = 'note' AND g.stands
ORDER BY r.seq DESC LIMIT $limit;
