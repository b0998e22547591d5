-- Labels as names: what they are called, what became of them, and who agrees about them.

-- name: list
-- kind: read
-- The labels in use, with patterns, messages, how many people gave them and when last.
SELECT l.label_id, l.name, l.colour, l.description, count(c.pattern_id) AS patterns,
       coalesce(sum(p.message_count), 0)::BIGINT AS messages,
       count(DISTINCT c.annotator) AS annotators, max(c.labelled_at) AS last_given
FROM label l
LEFT JOIN current_label c USING (label_id)
LEFT JOIN pattern p ON p.pattern_id = c.pattern_id
WHERE l.merged_into IS NULL
GROUP BY ALL ORDER BY min(l.created_seq);

-- name: changes
-- kind: read
-- What happened to a label itself, newest first, beside how it was before; other labels that were
-- merged into it or taken out again as well.
WITH told AS (
    SELECT c.seq, c.label_id, c.annotator, c.created_at, c.name, c.colour, c.description,
           c.merged_into, lag(c.seq) OVER w AS before_seq, lag(c.name) OVER w AS old_name,
           lag(c.colour) OVER w AS old_colour, lag(c.description) OVER w AS old_description,
           lag(c.merged_into) OVER w AS old_merged_into
    FROM label_change c WINDOW w AS (PARTITION BY c.label_id ORDER BY c.seq)
)
SELECT t.*, i.name AS into_name, o.name AS out_of_name
FROM told t
LEFT JOIN label i ON i.label_id = t.merged_into
LEFT JOIN label o ON o.label_id = t.old_merged_into
WHERE t.label_id = $label_id
   OR (t.merged_into IS DISTINCT FROM t.old_merged_into
       AND ($label_id = t.merged_into OR $label_id = t.old_merged_into))
ORDER BY t.seq DESC LIMIT $limit;

-- name: gestures
-- kind: read
-- Gestures that gave a label, newest first; ``standing``: patterns whose label still comes from it.
SELECT e.group_id, any_value(e.annotator) AS annotator, any_value(e.how) AS how,
       max(e.created_at) AS created_at, max(e.seq) AS seq, count(*) AS patterns,
       coalesce(any_value(t.action), '') = 'undo' AS taken_back,
       count(*) FILTER (c.seq = e.seq) AS standing
FROM label_event e
LEFT JOIN (SELECT undoes, arg_max(action, seq) AS action FROM label_event
           WHERE action IN ('undo', 'redo') GROUP BY undoes) t ON t.undoes = e.group_id
LEFT JOIN current_label c ON c.pattern_id = e.pattern_id
WHERE e.action = 'label' AND e.label_id = $label_id
GROUP BY e.group_id ORDER BY seq DESC LIMIT $limit;

-- name: revert
-- kind: write
-- Take back one change of a label: what it changed is again as before, later changes stay.
-- Refused where the old name is another label's by now, or the label it was merged into is gone.
CREATE TEMP TABLE wanted AS
WITH told AS (
    SELECT *, lag(seq) OVER w AS before_seq, lag(name) OVER w AS old_name,
           lag(colour) OVER w AS old_colour, lag(description) OVER w AS old_description,
           lag(merged_into) OVER w AS old_merged_into
    FROM label_change WINDOW w AS (PARTITION BY label_id ORDER BY seq)
)
SELECT t.label_id,
       CASE WHEN t.name <> t.old_name THEN t.old_name ELSE l.name END AS name,
       CASE WHEN t.colour <> t.old_colour THEN t.old_colour ELSE l.colour END AS colour,
       CASE WHEN t.description <> t.old_description THEN t.old_description
            ELSE l.description END AS description,
       CASE WHEN t.merged_into IS DISTINCT FROM t.old_merged_into THEN t.old_merged_into
            ELSE l.merged_into END AS merged_into
FROM told t JOIN label l USING (label_id)
WHERE t.seq = $seq AND t.before_seq IS NOT NULL;

CREATE TEMP TABLE refusal AS
SELECT error(CASE
    WHEN l.label_id = w.merged_into THEN format(
        'the label "{}" is merged into another itself: take that back first', l.name)
    ELSE format('the label "{}" exists already: rename that one first, then take this back', l.name)
    END)
FROM wanted w JOIN label l
  ON (l.label_id = w.merged_into AND l.merged_into IS NOT NULL)
  OR (w.merged_into IS NULL AND l.name = w.name AND l.merged_into IS NULL
      AND l.label_id <> w.label_id);

INSERT INTO label_change (label_id, name, colour, description, merged_into, annotator, created_at)
SELECT label_id, name, colour, description, merged_into, $annotator, $now::TIMESTAMP FROM wanted;

SELECT count(*) AS changed FROM wanted;

-- name: opinions
-- kind: read
-- What each person says of the patterns that two or more people labelled: their last label that
-- stands.  Labels accepted in bulk or given while auditing are no second opinion.
WITH taken_back AS (
    SELECT undoes AS group_id FROM label_event WHERE action IN ('undo', 'redo')
    GROUP BY undoes HAVING arg_max(action, seq) = 'undo'
), standing AS (
    SELECT pattern_id, annotator, arg_max(action, seq) AS action,
           arg_max(coalesce(label_id, ''), seq) AS label_id, max(created_at) AS labelled_at
    FROM label_event
    WHERE action IN ('label', 'clear') AND how NOT IN ('accept', 'audit')
      AND group_id NOT IN (SELECT group_id FROM taken_back)
    GROUP BY pattern_id, annotator
), said AS (
    SELECT s.pattern_id, s.annotator, f.name AS label, s.labelled_at
    FROM standing s JOIN final_label f USING (label_id)
    WHERE s.action = 'label'
)
SELECT s.pattern_id, s.annotator, s.label, s.labelled_at, p.canonical_text, p.message_count,
       c.label AS current_label
FROM said s
JOIN (SELECT pattern_id FROM said GROUP BY pattern_id HAVING count(*) > 1) b USING (pattern_id)
JOIN pattern p USING (pattern_id)
LEFT JOIN current_label c USING (pattern_id)
ORDER BY p.message_count DESC, s.pattern_id, s.annotator;

-- name: accepted
-- kind: read
-- Gestures that accepted predictions in bulk, newest first, and what of them still stands.
SELECT e.group_id, any_value(e.annotator) AS annotator, max(e.created_at) AS created_at,
       max(e.seq) AS seq, count(*) AS patterns, count(*) FILTER (c.seq = e.seq) AS standing,
       coalesce(sum(p.message_count) FILTER (c.seq = e.seq), 0)::BIGINT AS messages
FROM label_event e
JOIN pattern p USING (pattern_id)
LEFT JOIN current_label c USING (pattern_id)
WHERE e.action = 'label' AND e.how = 'accept'
GROUP BY e.group_id HAVING count(*) FILTER (c.seq = e.seq) > 0
ORDER BY seq DESC LIMIT $limit;

-- name: audited
-- kind: read
-- Patterns whose label was looked at once more, and kept or corrected.
SELECT pattern_id FROM current_label WHERE how = 'audit';

-- name: given
-- kind: read
-- Who gave a pattern the label it has, how and when; no row where it has none.
SELECT label, annotator, how, labelled_at FROM current_label WHERE pattern_id = $pattern_id;
