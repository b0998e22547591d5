-- What merges made of labels, and what two versions say: each said in one place.

CREATE VIEW final_label AS
WITH RECURSIVE step(label_id, final_id, depth) AS (
    SELECT label_id, label_id, 0 FROM label
    UNION ALL
    SELECT s.label_id, l.merged_into, s.depth + 1
    FROM step s JOIN label l ON l.label_id = s.final_id
    WHERE l.merged_into IS NOT NULL AND s.depth < 100
), last AS (
    SELECT label_id, arg_max(final_id, depth) AS final_id FROM step GROUP BY label_id
)
SELECT last.label_id, last.final_id, l.name
FROM last JOIN label l ON l.label_id = last.final_id;
COMMENT ON VIEW final_label IS 'The label that each label is by now, merges followed to their end';

CREATE OR REPLACE VIEW current_label AS
WITH taken_back AS (
    SELECT undoes AS group_id FROM label_event WHERE action IN ('undo', 'redo')
    GROUP BY undoes HAVING arg_max(action, seq) = 'undo'
), standing AS (
    SELECT pattern_id, arg_max(action, seq) AS action,
           arg_max(coalesce(label_id, ''), seq) AS label_id,
           arg_max(annotator, seq) AS annotator, arg_max(how, seq) AS how,
           arg_max(created_at, seq) AS labelled_at, max(seq) AS seq
    FROM label_event
    WHERE action IN ('label', 'clear') AND group_id NOT IN (SELECT group_id FROM taken_back)
    GROUP BY pattern_id
)
SELECT s.pattern_id, f.final_id AS label_id, f.name AS label, s.annotator, s.how, s.labelled_at,
       s.seq
FROM standing s JOIN final_label f USING (label_id)
WHERE s.action = 'label';
COMMENT ON VIEW current_label IS 'The label each pattern has now: the last event that was not taken back';

CREATE VIEW comparison AS
WITH counted AS (
    SELECT v.version, false AS new_only, p.pattern_id, p.message_count AS messages
    FROM pattern p CROSS JOIN model_version v
    UNION ALL
    SELECT r.version, true, m.pattern_id, count(*)
    FROM shadow_run r JOIN message m ON m.received_at >= r.began_at
    WHERE r.ended_at IS NULL
    GROUP BY r.version, m.pattern_id
)
SELECT a.version AS version_a, b.version AS version_b, c.new_only, c.pattern_id, c.messages,
       a.label AS label_a, b.label AS label_b, a.confidence AS confidence_a,
       b.confidence AS confidence_b, a.verdict AS verdict_a, b.verdict AS verdict_b
FROM counted c
JOIN assignment b ON b.pattern_id = c.pattern_id AND b.version = c.version
JOIN assignment a ON a.pattern_id = c.pattern_id;
COMMENT ON VIEW comparison IS 'What two versions say of each pattern both scored; new_only: of messages received since version_b went into shadow';
