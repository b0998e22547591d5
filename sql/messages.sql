-- Messages as they come in, and what could not become one.

-- name: ingest_batch
-- kind: write
-- Store one batch: messages not stored before, their patterns' counts, refused input, positions.
-- A message whose id is taken by another text or source is refused; the same one again is nothing.
CREATE TEMP TABLE taken AS
SELECT m.rowid AS place FROM message m SEMI JOIN in_messages b ON b.message_id = m.message_id;

CREATE TEMP TABLE holder AS
SELECT m.message_id, m.source, m.text FROM message m JOIN taken t ON t.place = m.rowid;

CREATE TEMP TABLE fresh AS
SELECT DISTINCT ON (b.message_id) b.*
FROM in_messages b ANTI JOIN holder h ON h.message_id = b.message_id;

CREATE TEMP TABLE clash AS
SELECT b.source, b.message_id, b.text, h.source AS held_by
FROM in_messages b
JOIN (FROM holder UNION ALL SELECT message_id, source, text FROM fresh) h
  ON h.message_id = b.message_id
WHERE h.source <> b.source OR h.text <> b.text;

CREATE TEMP TABLE fresh_pattern AS
SELECT f.*, p.canonical_text, p.sample_text, k.pattern_id IS NOT NULL AS known
FROM (SELECT pattern_id, count(*) AS n, any_value(severity) AS severity,
             min(coalesce(occurred_at, $now::TIMESTAMP)) AS first_seen,
             max(coalesce(occurred_at, $now::TIMESTAMP)) AS last_seen
      FROM fresh GROUP BY pattern_id) f
JOIN (SELECT DISTINCT ON (pattern_id) * FROM in_patterns) p USING (pattern_id)
LEFT JOIN pattern k ON k.pattern_id = f.pattern_id;

-- Equal refusals of one place are numbered: input read again finds all its numbers used.
CREATE TEMP TABLE refused AS
WITH offered AS (
    SELECT source, path, position, reason, detail, raw, file_id FROM in_rejected
    UNION ALL
    SELECT c.source, coalesce(f.path, '-'), 0, 'duplicate_id',
           format('found the id "{}", which another message has already (source "{}"), expected '
                  'each id once; name a field of unique ids with --id-field, or correct the sender',
                  left(c.message_id, 200), c.held_by),
           left(to_json({id: c.message_id, text: c.text})::VARCHAR, 2000),
           coalesce(f.file_id, c.source || ':-')
    FROM clash c LEFT JOIN in_position f ON true
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY file_id, position, reason, raw) AS number FROM offered
), stored AS (
    SELECT file_id, position, reason, raw, count(*) AS n FROM quarantine
    WHERE file_id IN (SELECT file_id FROM offered) GROUP BY ALL
)
SELECT n.source, n.path, n.position, n.reason, n.detail, n.raw, n.file_id
FROM numbered n LEFT JOIN stored s USING (file_id, position, reason, raw)
WHERE n.number > coalesce(s.n, 0);

INSERT INTO message
SELECT message_id, source, device, severity, occurred_at, $now::TIMESTAMP, text, pattern_id,
       attributes
FROM fresh;

UPDATE pattern SET
    message_count = message_count + f.n,
    severity = coalesce(pattern.severity, f.severity),
    first_seen = least(pattern.first_seen, f.first_seen),
    last_seen = greatest(pattern.last_seen, f.last_seen),
    last_received = $now::TIMESTAMP
FROM fresh_pattern f WHERE pattern.pattern_id = f.pattern_id AND f.known;

INSERT INTO pattern
SELECT pattern_id, canonical_text, sample_text, n, severity, first_seen, last_seen, $now::TIMESTAMP
FROM fresh_pattern WHERE NOT known;

INSERT INTO quarantine SELECT *, $now::TIMESTAMP FROM refused;

DELETE FROM ingest_file WHERE file_id IN (SELECT file_id FROM in_position);

INSERT INTO ingest_file
SELECT file_id, source, path, head_hash, head_length, "offset", lines, $now::TIMESTAMP
FROM in_position;

SELECT (SELECT count(*) FROM fresh) AS messages,
       (SELECT count(*) FROM fresh_pattern WHERE NOT known) AS patterns,
       (SELECT count(*) FROM refused) AS rejected;

-- name: file_positions
-- kind: read
-- How far every file of a source has been read.
SELECT file_id, source, path, head_hash, head_length, "offset", lines
FROM ingest_file WHERE source = $source ORDER BY updated_at;

-- name: totals
-- kind: read
-- Messages, patterns, refused input, sources in all; lines_read counts lines of files, blank ones
-- included.
SELECT (SELECT count(*) FROM message) AS messages,
       (SELECT count(*) FROM pattern) AS patterns,
       (SELECT count(*) FROM quarantine) AS quarantined,
       (SELECT coalesce(sum(lines), 0)::BIGINT FROM ingest_file) AS lines_read,
       (SELECT count(DISTINCT source) FROM message) AS sources,
       (SELECT count(DISTINCT device) FROM message) AS devices,
       (SELECT max(received_at) FROM message) AS last_received;

-- name: by_source
-- kind: read
-- Per source: messages, patterns, refused input, when last received.
SELECT coalesce(m.source, q.source) AS source, coalesce(messages, 0) AS messages,
       coalesce(patterns, 0) AS patterns, coalesce(quarantined, 0) AS quarantined, last_received
FROM (SELECT source, count(*) AS messages, count(DISTINCT pattern_id) AS patterns,
             max(received_at) AS last_received FROM message GROUP BY source) m
FULL JOIN (SELECT source, count(*) AS quarantined FROM quarantine GROUP BY source) q
  ON q.source = m.source
ORDER BY 1;

-- name: sources
-- kind: read
-- Names of the sources.
SELECT DISTINCT source FROM message ORDER BY 1;

-- name: quarantine_list
-- kind: read
-- The latest refused input.
SELECT source, path, position, reason, detail, raw, received_at
FROM quarantine ORDER BY received_at DESC, path, position LIMIT $limit;

-- name: of_pattern
-- kind: read
-- The latest messages of a pattern.
SELECT message_id, source, device, severity, occurred_at, received_at, text,
       attributes::VARCHAR AS attributes
FROM message WHERE pattern_id = $pattern_id
ORDER BY coalesce(occurred_at, received_at) DESC LIMIT $limit;

-- name: volume
-- kind: read
-- Messages per time bucket and source, of the last $hours hours before the newest message.
WITH stamped AS (
    SELECT coalesce(occurred_at, received_at) AS at_time, source FROM message
), newest AS (SELECT max(at_time) AS t FROM stamped)
SELECT time_bucket(to_seconds($bucket_seconds::BIGINT), at_time) AS bucket, source,
       count(*) AS messages
FROM stamped, newest
WHERE at_time > newest.t - to_seconds(($hours * 3600)::BIGINT)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: verdicts_over_time
-- kind: read
-- Messages per time bucket and verdict of the active version, before the newest message.
WITH stamped AS (
    SELECT coalesce(m.occurred_at, m.received_at) AS at_time, coalesce(a.verdict, 'unscored') AS verdict
    FROM message m
    LEFT JOIN (SELECT pattern_id, verdict FROM assignment
               WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
      USING (pattern_id)
), newest AS (SELECT max(at_time) AS t FROM stamped)
SELECT time_bucket(to_seconds($bucket_seconds::BIGINT), at_time) AS bucket, verdict,
       count(*) AS messages
FROM stamped, newest
WHERE at_time > newest.t - to_seconds(($hours * 3600)::BIGINT)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: of_span
-- kind: read
-- Patterns with most messages in a span of time, of one verdict and source ("" for all); a pattern
-- that the active version has not scored counts as unscored.
SELECT m.pattern_id, any_value(p.canonical_text) AS canonical_text, count(*) AS messages,
       any_value(coalesce(a.verdict, 'unscored')) AS verdict, any_value(a.label) AS label
FROM message m
JOIN pattern p USING (pattern_id)
LEFT JOIN (SELECT pattern_id, verdict, label FROM assignment
           WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
  USING (pattern_id)
WHERE coalesce(m.occurred_at, m.received_at) >= $since::TIMESTAMP
  AND coalesce(m.occurred_at, m.received_at) < $until::TIMESTAMP
  AND ($verdict = '' OR coalesce(a.verdict, 'unscored') = $verdict)
  AND ($source = '' OR m.source = $source)
GROUP BY m.pattern_id ORDER BY messages DESC, m.pattern_id LIMIT $limit;

-- name: by_device
-- kind: read
-- Per device: messages, patterns, messages whose pattern is known and flagged, first and last seen.
SELECT m.device, count(*) AS messages, count(DISTINCT m.pattern_id) AS patterns,
       count(*) FILTER (a.verdict = 'known') AS known,
       count(*) FILTER (a.verdict <> 'known') AS flagged,
       string_agg(DISTINCT m.source, ', ' ORDER BY m.source) AS sources,
       max(coalesce(m.occurred_at, m.received_at)) AS last_seen
FROM message m
LEFT JOIN (SELECT pattern_id, verdict FROM assignment
           WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
  USING (pattern_id)
WHERE m.device IS NOT NULL AND contains(lower(m.device), lower($query))
GROUP BY m.device
ORDER BY CASE WHEN $order = 'flagged' THEN count(*) FILTER (a.verdict <> 'known')
              WHEN $order = 'last' THEN epoch(max(coalesce(m.occurred_at, m.received_at)))
              ELSE count(*) END DESC, m.device
LIMIT $limit;

-- name: of_device
-- kind: read
-- Patterns that a device sent, most messages first.
SELECT m.pattern_id, any_value(p.canonical_text) AS canonical_text, count(*) AS messages,
       any_value(coalesce(a.verdict, 'unscored')) AS verdict, any_value(a.label) AS label,
       max(coalesce(m.occurred_at, m.received_at)) AS last_seen
FROM message m
JOIN pattern p USING (pattern_id)
LEFT JOIN (SELECT pattern_id, verdict, label FROM assignment
           WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
  USING (pattern_id)
WHERE m.device = $device
GROUP BY m.pattern_id ORDER BY messages DESC, m.pattern_id LIMIT $limit;

-- name: span
-- kind: read
-- Earliest and latest time of all messages.
SELECT min(coalesce(occurred_at, received_at)) AS earliest,
       max(coalesce(occurred_at, received_at)) AS latest
FROM message;

-- name: distinct_per_day
-- kind: read
-- Distinct texts a day, over the last $days days before the newest message or since the first, and
-- at least one day.
WITH stamped AS (
    SELECT pattern_id, text, coalesce(occurred_at, received_at) AS at_time FROM message
), span AS (
    SELECT max(at_time) AS newest, epoch(max(at_time)) - epoch(min(at_time)) AS seconds FROM stamped
)
SELECT coalesce(count(DISTINCT (pattern_id, hash(text)))
                / greatest(1.0, least($days::DOUBLE, any_value(seconds) / 86400.0)), 0.0) AS messages
FROM stamped, span
WHERE at_time > newest - to_seconds(($days * 86400)::BIGINT);

-- name: predictions
-- kind: read
-- Every message with what the active version says of its pattern; for export.
SELECT m.message_id, m.pattern_id, a.label, a.confidence, a.components[1] AS component,
       a.responsibilities[1] AS responsibility, a.s_ood, a.novelty_p, a.verdict,
       c.label AS given_label, m.source, m.device, m.severity, m.occurred_at, m.text
FROM message m
LEFT JOIN (SELECT * FROM assignment
           WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
  USING (pattern_id)
LEFT JOIN current_label c USING (pattern_id)
ORDER BY m.received_at, m.message_id;
