-- Labels are events: labelling, clearing, undo, redo; and how labels themselves change.

-- name: append
-- kind: write
-- Store labelling events (pattern_id, label name or NULL to clear); new names become new labels.
-- Events whose event_id is stored already, and patterns that do not exist, are passed over; of two
-- events of one pattern the later row stands.
CREATE TEMP TABLE event_result AS
SELECT DISTINCT ON (e.event_id) e.event_id, e.pattern_id, e.label, e.created_at, e.position
FROM (SELECT *, row_number() OVER () AS position FROM in_events) e
SEMI JOIN pattern p ON p.pattern_id = e.pattern_id
ANTI JOIN label_event s ON s.event_id = e.event_id;

INSERT INTO label_change (label_id, name, colour, description, merged_into, annotator, created_at)
SELECT uuid()::VARCHAR, n.name, k.labels + row_number() OVER (ORDER BY n.name) - 1, '', NULL,
       $annotator, $now::TIMESTAMP
FROM (SELECT DISTINCT label AS name FROM event_result WHERE label IS NOT NULL) n
CROSS JOIN (SELECT count(*) AS labels,
            list(name) FILTER (merged_into IS NULL) AS names FROM label) k
WHERE NOT coalesce(list_contains(k.names, n.name), false);

INSERT INTO label_event
    (event_id, group_id, action, pattern_id, label_id, undoes, how, annotator, created_at)
SELECT e.event_id, $group_id, CASE WHEN e.label IS NULL THEN 'clear' ELSE 'label' END,
       e.pattern_id, l.label_id, NULL, $how, $annotator, coalesce(e.created_at, $now::TIMESTAMP)
FROM event_result e
LEFT JOIN label l ON l.name = e.label AND l.merged_into IS NULL
ORDER BY e.position;

SELECT count(*) AS events, (SELECT count(*) FROM in_events) AS offered FROM event_result;

-- name: take_back
-- kind: write
-- Undo (or redo) one gesture: every event of a group.
INSERT INTO label_event
    (event_id, group_id, action, pattern_id, label_id, undoes, how, annotator, created_at)
SELECT uuid()::VARCHAR, uuid()::VARCHAR, $action, NULL, NULL, $group_id, $action, $annotator,
       $now::TIMESTAMP
WHERE $group_id IN (SELECT group_id FROM label_event WHERE action IN ('label', 'clear'));

SELECT count(*) AS patterns FROM label_event WHERE group_id = $group_id;

-- name: last_group
-- kind: read
-- The gesture an undo (or redo) by this person would take back (or put back) next.
WITH state AS (
    SELECT undoes AS group_id, arg_max(action, seq) AS action, max(seq) AS seq
    FROM label_event WHERE action IN ('undo', 'redo') GROUP BY undoes
), gesture AS (
    SELECT e.group_id, max(e.seq) AS seq, count(*) AS patterns, any_value(e.how) AS how
    FROM label_event e WHERE e.action IN ('label', 'clear') AND e.annotator = $annotator
    GROUP BY e.group_id
)
SELECT g.group_id, g.patterns, g.how
FROM gesture g LEFT JOIN state s USING (group_id)
WHERE CASE WHEN $action = 'undo' THEN coalesce(s.action, 'redo') = 'redo'
           ELSE s.action = 'undo' AND s.seq > (SELECT max(seq) FROM gesture) END
ORDER BY CASE WHEN $action = 'undo' THEN g.seq ELSE s.seq END DESC LIMIT 1;

-- name: current
-- kind: read
-- The label each labelled pattern has now.
SELECT pattern_id, label, annotator, how, labelled_at, seq FROM current_label ORDER BY seq;

-- name: seq
-- kind: read
-- Number of the last label event: what a propagation has seen.
SELECT coalesce(max(seq), 0) AS seq FROM
    (SELECT max(seq) AS seq FROM label_event UNION ALL SELECT max(seq) FROM label_change);

-- name: names
-- kind: read
-- The labels in use, in the order they were created.
SELECT name, colour FROM label WHERE merged_into IS NULL ORDER BY created_seq;

-- name: list
-- kind: read
-- The labels in use, with how many patterns and messages people gave them.
SELECT l.label_id, l.name, l.colour, l.description, count(c.pattern_id) AS patterns,
       coalesce(sum(p.message_count), 0)::BIGINT AS messages
FROM label l
LEFT JOIN current_label c USING (label_id)
LEFT JOIN pattern p ON p.pattern_id = c.pattern_id
WHERE l.merged_into IS NULL
GROUP BY ALL ORDER BY min(l.created_seq);

-- name: define
-- kind: write
-- Create a label, or rename, recolour, describe or merge one that exists; NULL keeps what it has.
-- Refused for a name that another label in use has.
CREATE TEMP TABLE refusal AS
SELECT error(format('the label "{}" exists already: choose another name, or merge the two', l.name))
FROM label l
WHERE l.name = $name AND l.merged_into IS NULL AND l.label_id <> $label_id
  AND $merged_into::VARCHAR IS NULL
  AND $label_id NOT IN (SELECT label_id FROM label WHERE merged_into IS NOT NULL);

INSERT INTO label_change (label_id, name, colour, description, merged_into, annotator, created_at)
SELECT $label_id, $name, coalesce($colour::INTEGER, o.colour, (SELECT count(*) FROM label)),
       coalesce($description::VARCHAR, o.description, ''),
       coalesce($merged_into::VARCHAR, o.merged_into), $annotator, $now::TIMESTAMP
FROM (SELECT 1) one LEFT JOIN label o ON o.label_id = $label_id;

SELECT label_id, name FROM label WHERE label_id = $label_id;

-- name: history
-- kind: read
-- What happened to one pattern, newest first; taken_back tells whether it still stands.
SELECT e.action, l.name AS label, e.how, e.annotator, e.created_at, e.group_id,
       coalesce(t.action, '') = 'undo' AS taken_back
FROM label_event e
LEFT JOIN label l USING (label_id)
LEFT JOIN (SELECT undoes, arg_max(action, seq) AS action FROM label_event
           WHERE action IN ('undo', 'redo') GROUP BY undoes) t ON t.undoes = e.group_id
WHERE e.pattern_id = $pattern_id
ORDER BY e.seq DESC LIMIT $limit;

-- name: export
-- kind: read
-- Every labelled pattern with one of its messages; for `genlab label export`.
SELECT m.message_id, c.label, c.annotator, c.labelled_at, p.canonical_text, c.pattern_id, c.how
FROM current_label c
JOIN pattern p USING (pattern_id)
JOIN (SELECT pattern_id, min(message_id) AS message_id FROM message GROUP BY pattern_id) m
  USING (pattern_id)
ORDER BY c.seq;

-- name: label_store
-- kind: read
-- s[c, y] of a version: summed responsibilities of labelled patterns.
SELECT component, label, s FROM label_store WHERE version = $version ORDER BY component, label;
