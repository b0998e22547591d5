-- What changed between the last window of time and the one before it; windows end at the newest
-- message and are cut into hours, counted backwards, and $bins equal slots.

-- name: volume
-- kind: read
-- Messages now and before, by source or by pattern ($by), the squared differences of paired slots,
-- summed; the squared counts of all hours of both windows, summed; the largest hour now and how many
-- hours before the newest message it ended.
WITH stamped AS (
    SELECT CASE WHEN $by = 'source' THEN source ELSE pattern_id END AS key,
           coalesce(occurred_at, received_at) AS at_time
    FROM message
), hourly AS (
    SELECT key, least(floor(epoch(n.t - at_time) / 3600.0)::INTEGER, 2 * $hours - 1) AS hour,
           count(*) AS messages
    FROM stamped, (SELECT max(at_time) AS t FROM stamped) n
    WHERE at_time > n.t - to_seconds(($hours * 7200)::BIGINT)
    GROUP BY 1, 2
), paired AS (
    SELECT key, hour % $hours * $bins // $hours AS slot,
           coalesce(sum(messages) FILTER (hour < $hours), 0) AS now,
           coalesce(sum(messages) FILTER (hour >= $hours), 0) AS before
    FROM hourly GROUP BY 1, 2
), peaks AS (
    SELECT key, sum(messages * messages)::DOUBLE AS hourly_squares,
           coalesce(max(messages) FILTER (hour < $hours), 0)::DOUBLE AS peak,
           coalesce(arg_max(hour, messages) FILTER (hour < $hours), 0)::BIGINT AS peak_hour
    FROM hourly GROUP BY key
)
SELECT key, sum(before)::DOUBLE AS before, sum(now)::DOUBLE AS now,
       sum((now - before) * (now - before))::DOUBLE AS squares,
       any_value(hourly_squares) AS hourly_squares, any_value(peak) AS peak,
       any_value(peak_hour) AS peak_hour
FROM paired JOIN peaks USING (key)
GROUP BY key ORDER BY abs(sum(now) - sum(before)) DESC, key;

-- name: shares
-- kind: read
-- Per hour, hours from 0 to $hours - 1 now and from there on before: messages, those of patterns
-- first seen in the same window, messages that the active version has judged, and of them not known.
WITH stamped AS (
    SELECT pattern_id, coalesce(occurred_at, received_at) AS at_time FROM message
), newest AS (SELECT max(at_time) AS t FROM stamped
), binned AS (
    SELECT pattern_id, n.t,
           least(floor(epoch(n.t - at_time) / 3600.0)::INTEGER, 2 * $hours - 1) AS hour
    FROM stamped, newest n
    WHERE at_time > n.t - to_seconds(($hours * 7200)::BIGINT)
)
SELECT b.hour, count(*) AS messages,
       count(*) FILTER (p.first_seen > b.t - to_seconds(
           ($hours * CASE WHEN b.hour < $hours THEN 3600 ELSE 7200 END)::BIGINT)) AS fresh,
       count(a.verdict) AS judged, count(*) FILTER (a.verdict <> 'known') AS flagged
FROM binned b
JOIN pattern p USING (pattern_id)
LEFT JOIN (SELECT pattern_id, verdict FROM assignment
           WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
  USING (pattern_id)
GROUP BY b.hour ORDER BY b.hour;

-- name: leading
-- kind: read
-- The patterns with most messages in the last window among those first seen in it ($only 'fresh')
-- or among those that the active version does not know ($only 'flagged').
WITH stamped AS (
    SELECT pattern_id, coalesce(occurred_at, received_at) AS at_time FROM message
), newest AS (SELECT max(at_time) AS t FROM stamped
), recent AS (
    SELECT pattern_id, count(*) AS messages, any_value(n.t) AS t FROM stamped, newest n
    WHERE at_time > n.t - to_seconds(($hours * 3600)::BIGINT) GROUP BY pattern_id
)
SELECT r.pattern_id, p.canonical_text, r.messages, a.verdict
FROM recent r
JOIN pattern p USING (pattern_id)
LEFT JOIN (SELECT pattern_id, verdict FROM assignment
           WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
  USING (pattern_id)
WHERE CASE WHEN $only = 'fresh' THEN p.first_seen > r.t - to_seconds(($hours * 3600)::BIGINT)
           ELSE a.verdict <> 'known' END
ORDER BY r.messages DESC, r.pattern_id LIMIT $limit;

-- name: texts
-- kind: read
-- What some patterns say, when they were first seen and what the active version says of them.
SELECT p.pattern_id, p.canonical_text, p.first_seen, a.verdict
FROM pattern p
LEFT JOIN (SELECT pattern_id, verdict FROM assignment
           WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
  USING (pattern_id)
WHERE p.pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));
