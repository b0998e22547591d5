-- What people say about patterns beside their labels: notes, and "I do not know".

CREATE TABLE remark (
    seq        BIGINT NOT NULL DEFAULT nextval('event_seq'),
    group_id   VARCHAR NOT NULL,
    kind       VARCHAR NOT NULL,
    pattern_id VARCHAR NOT NULL,
    text       VARCHAR NOT NULL,
    how        VARCHAR NOT NULL,
    annotator  VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE remark IS 'Append-only: notes on patterns, and who looked at one without deciding';
COMMENT ON COLUMN remark.seq IS 'Order of events, in one row with those of label_event';
COMMENT ON COLUMN remark.group_id IS 'One gesture: what one undo (an event of label_event) takes back';
COMMENT ON COLUMN remark.kind IS 'note or unsure';
COMMENT ON COLUMN remark.pattern_id IS 'Pattern';
COMMENT ON COLUMN remark.text IS 'The note; empty for unsure';
COMMENT ON COLUMN remark.how IS 'As of label_event';
COMMENT ON COLUMN remark.annotator IS 'Who';
COMMENT ON COLUMN remark.created_at IS 'When; UTC';

CREATE VIEW gesture AS
WITH deed AS (
    SELECT group_id, seq, action, pattern_id, label_id, how, annotator, created_at
    FROM label_event WHERE action IN ('label', 'clear')
    UNION ALL
    SELECT group_id, seq, kind, pattern_id, NULL, how, annotator, created_at FROM remark
), turn AS (
    SELECT undoes AS group_id, arg_max(action, seq) AS action, max(seq) AS seq,
           arg_max(annotator, seq) AS annotator, arg_max(created_at, seq) AS created_at
    FROM label_event WHERE action IN ('undo', 'redo') GROUP BY undoes
)
SELECT d.group_id, max(d.seq) AS seq, count(*) AS patterns,
       CASE WHEN bool_or(d.action = 'label') THEN 'label' ELSE any_value(d.action) END AS action,
       list_sort(list(DISTINCT d.label_id) FILTER (d.label_id IS NOT NULL)) AS label_ids,
       any_value(d.how) AS how, any_value(d.annotator) AS annotator, max(d.created_at) AS made_at,
       coalesce(any_value(t.action), 'redo') = 'redo' AS stands, any_value(t.seq) AS turned,
       any_value(t.annotator) AS turned_by, any_value(t.created_at) AS turned_at
FROM deed d LEFT JOIN turn t USING (group_id)
GROUP BY d.group_id;
COMMENT ON VIEW gesture IS 'What one undo takes back: who did what to how many patterns, and whether it stands';

CREATE VIEW unsure AS
WITH taken_back AS (
    SELECT undoes AS group_id FROM label_event WHERE action IN ('undo', 'redo')
    GROUP BY undoes HAVING arg_max(action, seq) = 'undo'
), said AS (
    SELECT pattern_id, seq, 'unsure' AS action, annotator, created_at, group_id
    FROM remark WHERE kind = 'unsure'
    UNION ALL
    SELECT pattern_id, seq, action, annotator, created_at, group_id
    FROM label_event WHERE action IN ('label', 'clear')
)
SELECT pattern_id, arg_max(annotator, seq) AS annotator, arg_max(created_at, seq) AS said_at
FROM said ANTI JOIN taken_back USING (group_id)
GROUP BY pattern_id HAVING arg_max(action, seq) = 'unsure';
COMMENT ON VIEW unsure IS 'Patterns that somebody looked at last without deciding';
