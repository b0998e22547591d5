-- What changed between the last window of time and the one before it; windows end at the newest
-- message and are cut into $bins equal slots, so that like hours are compared with like.

-- name: volume
-- kind: read
-- Messages now and before, by source or by pattern ($by), and the squared differences of paired
-- slots, summed.
WITH stamped AS (
    SELECT CASE WHEN $by = 'source' THEN source ELSE pattern_id END AS key,
           coalesce(occurred_at, received_at) AS at_time
    FROM message
), binned AS (
    SELECT key, least(floor(epoch(n.t - at_time) / ($hours * 3600.0) * $bins)::INTEGER,
                 2 * $bins - 1) AS bin
    FROM stamped, (SELECT max(at_time) AS t FROM stamped) n
    WHERE at_time > n.t - to_seconds(($hours * 7200)::BIGINT)
), paired AS (
    SELECT key, bin % $bins AS slot, count(*) FILTER (bin < $bins) AS now,
           count(*) FILTER (bin >= $bins) AS before
    FROM binned GROUP BY 1, 2
)
SELECT key, sum(before)::DOUBLE AS before, sum(now)::DOUBLE AS now,
       sum((now - before) * (now - before))::DOUBLE AS squares
FROM paired GROUP BY key ORDER BY abs(sum(now) - sum(before)) DESC, key;

-- name: shares
-- kind: read
-- Per slot, slots from 0 to $bins - 1 now and from there on before: messages, those of patterns
-- first seen in the same window, messages that the active version has judged, and of them not known.
WITH stamped AS (
    SELECT pattern_id, coalesce(occurred_at, received_at) AS at_time FROM message
), newest AS (SELECT max(at_time) AS t FROM stamped
), binned AS (
    SELECT pattern_id, least(floor(epoch(n.t - at_time) / ($hours * 3600.0) * $bins)::INTEGER,
                 2 * $bins - 1) AS bin, n.t
    FROM stamped, newest n
    WHERE at_time > n.t - to_seconds(($hours * 7200)::BIGINT)
)
SELECT b.bin, count(*) AS messages,
       count(*) FILTER (p.first_seen > b.t - to_seconds(
           ($hours * CASE WHEN b.bin < $bins THEN 3600 ELSE 7200 END)::BIGINT)) AS fresh,
       count(a.verdict) AS judged, count(*) FILTER (a.verdict <> 'known') AS flagged
FROM binned b
JOIN pattern p USING (pattern_id)
LEFT JOIN (SELECT pattern_id, verdict FROM assignment
           WHERE version = (SELECT version FROM model_version WHERE status = 'active')) a
  USING (pattern_id)
GROUP BY b.bin ORDER BY b.bin;

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
-- What some patterns say.
SELECT pattern_id, canonical_text FROM pattern
WHERE pattern_id IN (SELECT unnest($pattern_ids::VARCHAR[]));
