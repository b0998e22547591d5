-- Runs of the stages.

-- name: start
-- kind: write
-- A job begins.
INSERT INTO job
SELECT $job_id, $kind, 'running', 0, $total::DOUBLE, $detail, NULL, $flow_run_id::VARCHAR,
       $pid::INTEGER, $host, $now::TIMESTAMP, $now::TIMESTAMP, NULL
WHERE $job_id NOT IN (SELECT job_id FROM job);

SELECT count(*) AS jobs FROM job WHERE job_id = $job_id;

-- name: start_alone
-- kind: write
-- A job begins unless one of the given kinds runs; whether it did.
INSERT INTO job
SELECT $job_id, $kind, 'running', 0, $total::DOUBLE, $detail, NULL, $flow_run_id::VARCHAR,
       $pid::INTEGER, $host, $now::TIMESTAMP, $now::TIMESTAMP, NULL
WHERE NOT EXISTS (SELECT 1 FROM job WHERE finished_at IS NULL
                  AND kind IN (SELECT unnest($kinds::VARCHAR[])));

SELECT count(*) AS started FROM job WHERE job_id = $job_id;

-- name: progress
-- kind: write
-- A sign of life; answers the status, so that the job learns that it is to stop.
UPDATE job SET done = $done::DOUBLE, total = coalesce($total::DOUBLE, total), detail = $detail,
               updated_at = $now::TIMESTAMP
WHERE job_id = $job_id AND status IN ('running', 'cancelling');

SELECT status FROM job WHERE job_id = $job_id;

-- name: beat
-- kind: write
-- The process of a job lives; answers the status.
UPDATE job SET updated_at = $now::TIMESTAMP WHERE job_id = $job_id AND finished_at IS NULL;

SELECT status FROM job WHERE job_id = $job_id;

-- name: finish
-- kind: write
-- A job ends: done, failed or cancelled.
UPDATE job SET status = $status, detail = $detail, version = coalesce($version::INTEGER, version),
               updated_at = $now::TIMESTAMP, finished_at = $now::TIMESTAMP
WHERE job_id = $job_id;

SELECT status FROM job WHERE job_id = $job_id;

-- name: cancel
-- kind: write
-- Ask a running job to stop.
UPDATE job SET status = 'cancelling', updated_at = $now::TIMESTAMP
WHERE job_id = $job_id AND status = 'running';

SELECT status FROM job WHERE job_id = $job_id;

-- name: get
-- kind: read
-- One job.
SELECT * FROM job WHERE job_id = $job_id;

-- name: list
-- kind: read
-- The latest jobs.
SELECT * FROM job ORDER BY started_at DESC LIMIT $limit;

-- name: running
-- kind: read
-- Jobs that have not ended; silent_seconds since their last sign of life.
SELECT *, epoch($now::TIMESTAMP - updated_at) AS silent_seconds
FROM job WHERE finished_at IS NULL ORDER BY started_at;
