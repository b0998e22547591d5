-- Labels are events: labelling, clearing, undo, redo; and how labels themselves change.

-- name: append
-- kind: write
-- Store labelling events (pattern_id, label name or NULL to clear); new names become new labels.
-- Events whose event_id is stored already, and patterns that do not exist, are passed over; of two
-- events of one pattern the later row stands.  $seen: the last event the annotator saw, or NULL;
-- where somebody else gave a pattern another label since, nothing at all is stored.
CREATE TEMP TABLE event_result AS
SELECT DISTINCT ON (e.event_id) e.event_id, e.pattern_id, e.label, e.created_at, e.position
FROM (SELECT *, row_number() OVER () AS position FROM in_events) e
SEMI JOIN pattern p ON p.pattern_id = e.pattern_id
ANTI JOIN label_event s ON s.event_id = e.event_id;

CREATE TEMP TABLE overtaken AS
SELECT c.pattern_id FROM current_label c JOIN event_result e USING (pattern_id)
WHERE $seen::BIGINT IS NOT NULL AND c.annotator <> $annotator AND c.label IS DISTINCT FROM e.label
  AND (c.seq > $seen::BIGINT OR c.seq IN (
      SELECT given.seq FROM label_event given JOIN label_event back ON back.undoes = given.group_id
      WHERE back.action = 'redo' AND back.seq > $seen::BIGINT));

DELETE FROM event_result WHERE (SELECT count(*) FROM overtaken) > 0;

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

SELECT count(*) AS events, (SELECT count(*) FROM in_events) AS offered,
       (SELECT count(*) FROM overtaken) AS overtaken FROM event_result;

-- name: take_back
-- kind: write
-- Undo (or redo) one gesture: every label, clearing, note and doubt of a group.  One that is so
-- already stays as it is.
INSERT INTO label_event
    (event_id, group_id, action, pattern_id, label_id, undoes, how, annotator, created_at)
SELECT uuid()::VARCHAR, uuid()::VARCHAR, $action, NULL, NULL, $group_id, $action, $annotator,
       $now::TIMESTAMP
FROM gesture WHERE group_id = $group_id AND stands = ($action = 'undo');

SELECT coalesce(max(patterns), 0) AS patterns FROM gesture WHERE group_id = $group_id;

-- name: last_group
-- kind: read
-- The gesture an undo (or redo) by this person would take back (or put back) next.
SELECT group_id FROM gesture
WHERE annotator = $annotator AND
      CASE WHEN $action = 'undo' THEN stands
           ELSE NOT stands
                AND turned > (SELECT max(seq) FROM gesture WHERE annotator = $annotator) END
ORDER BY CASE WHEN $action = 'undo' THEN seq ELSE turned END DESC LIMIT 1;

-- name: gestures
-- kind: read
-- What people did, newest first: all but those from event $before on (NULL: none is left out), or
-- the one of $group_id.
SELECT g.group_id, g.seq, g.patterns, g.action, g.how, g.annotator, g.made_at, g.stands,
       g.turned_by, g.turned_at, list(l.name ORDER BY l.created_seq) FILTER (l.name IS NOT NULL)
           AS labels
FROM (SELECT * FROM gesture
      WHERE seq < coalesce($before::BIGINT, 9223372036854775807)
        AND group_id = coalesce($group_id::VARCHAR, group_id)
      ORDER BY seq DESC LIMIT $limit) g
LEFT JOIN label l ON list_contains(g.label_ids, l.label_id)
GROUP BY ALL ORDER BY g.seq DESC;

-- name: of_gesture
-- kind: read
-- The patterns of one gesture.
SELECT pattern_id FROM label_event WHERE group_id = $group_id AND action IN ('label', 'clear')
UNION ALL SELECT pattern_id FROM remark WHERE group_id = $group_id;

-- name: of_patterns
-- kind: read
-- The label that each of some patterns has now; since: the event that gave it or put it back.
SELECT c.pattern_id, c.label, c.annotator, c.labelled_at, greatest(c.seq, back.seq) AS since
FROM current_label c
SEMI JOIN (SELECT unnest($pattern_ids::VARCHAR[]) AS pattern_id) w USING (pattern_id)
LEFT JOIN (SELECT given.seq AS of, max(redo.seq) AS seq
           FROM label_event given JOIN label_event redo ON redo.undoes = given.group_id
           WHERE redo.action = 'redo' GROUP BY given.seq) back ON back.of = c.seq
ORDER BY since DESC;

-- name: current
-- kind: read
-- The label each labelled pattern has now; act: alike where a person gave them together, by one look
-- at many, NULL where each was decided on its own elsewhere.
SELECT c.pattern_id, c.label, c.annotator, c.how, c.labelled_at, c.seq,
       CASE WHEN c.how NOT IN ('api', 'import') THEN e.group_id END AS act
FROM current_label c JOIN label_event e USING (seq) ORDER BY c.seq;

-- name: seq
-- kind: read
-- Number of the last label event: what a propagation has seen.
SELECT coalesce(max(seq), 0) AS seq FROM
    (SELECT max(seq) AS seq FROM label_event UNION ALL SELECT max(seq) FROM label_change);

-- name: names
-- kind: read
-- The labels in use, in the order they were created.
SELECT label_id, name, colour FROM label WHERE merged_into IS NULL ORDER BY created_seq;

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
SELECT e.action, l.name AS label, e.text, e.how, e.annotator, e.created_at, e.group_id,
       NOT g.stands AS taken_back
FROM (SELECT action, label_id, NULL AS text, how, annotator, created_at, group_id, seq
      FROM label_event WHERE pattern_id = $pattern_id
      UNION ALL
      SELECT kind, NULL, text, how, annotator, created_at, group_id, seq
      FROM remark WHERE pattern_id = $pattern_id) e
JOIN gesture g USING (group_id)
LEFT JOIN label l USING (label_id)
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
