-- Model versions, their components and the epochs that made them.

-- name: add
-- kind: write
-- A new candidate version; its number.
INSERT INTO model_version
SELECT coalesce(max(version), 0) + 1, 'candidate', $parent::INTEGER, $job_id::VARCHAR,
       $encoder_version, $prior, $components::INTEGER, $latent_dim::INTEGER, $epochs::INTEGER,
       $folder, $configuration, $metrics, 0, $now::TIMESTAMP, NULL
FROM model_version;

SELECT max(version) AS version FROM model_version;

-- name: list
-- kind: read
-- Every version, newest first; shadow_since while it is in shadow.
SELECT version, status, parent, job_id, encoder_version, prior, components, latent_dim, epochs,
       folder, configuration::VARCHAR AS configuration, metrics::VARCHAR AS metrics, created_at,
       promoted_at, labels_seq, r.began_at AS shadow_since
FROM model_version LEFT JOIN (FROM shadow_run WHERE ended_at IS NULL) r USING (version)
ORDER BY version DESC;

-- name: active
-- kind: read
-- The version in force; no row before the first promotion.
SELECT version, status, parent, job_id, encoder_version, prior, components, latent_dim, epochs,
       folder, configuration::VARCHAR AS configuration, metrics::VARCHAR AS metrics, created_at,
       promoted_at, labels_seq
FROM model_version WHERE status = 'active';

-- name: promote
-- kind: write
-- Put a version in force; the one before retires, and a shadow run of the version ends.
UPDATE shadow_run SET ended_at = $now::TIMESTAMP, outcome = 'promoted'
WHERE version = $version AND ended_at IS NULL;

UPDATE model_version SET status = 'retired'
WHERE status = 'active' AND version <> $version
  AND $version IN (SELECT version FROM model_version);

UPDATE model_version SET promoted_at = CASE WHEN status = 'active' THEN promoted_at
                                            ELSE $now::TIMESTAMP END,
                         status = 'active'
WHERE version = $version;

SELECT count(*) AS promoted FROM model_version WHERE version = $version;

-- name: previous
-- kind: read
-- The version that was in force before the active one: where a rollback goes.
SELECT version FROM model_version
WHERE status = 'retired' AND promoted_at IS NOT NULL
ORDER BY promoted_at DESC LIMIT 1;

-- name: roll_back
-- kind: write
-- Put the version in force before the active one back; the active one becomes a candidate again.
CREATE OR REPLACE TEMP TABLE back_to AS
SELECT version FROM model_version
WHERE status = 'retired' AND promoted_at IS NOT NULL
ORDER BY promoted_at DESC LIMIT 1;

UPDATE model_version SET status = 'candidate', promoted_at = NULL
WHERE status = 'active' AND (SELECT count(*) FROM back_to) = 1;

UPDATE model_version SET status = 'active' WHERE version IN (SELECT version FROM back_to);

SELECT max(version) AS version FROM back_to;

-- name: add_epoch
-- kind: write
-- One row of training_epoch; a repeated epoch of the same training replaces the row.
DELETE FROM training_epoch USING in_epochs e
WHERE training_epoch.job_id = e.job_id AND training_epoch.epoch = e.epoch;

INSERT INTO training_epoch BY NAME SELECT *, $now::TIMESTAMP AS ended_at FROM in_epochs;

SELECT count(*) AS epochs FROM in_epochs;

-- name: epochs
-- kind: read
-- The epochs of one training.
SELECT * FROM training_epoch WHERE job_id = $job_id ORDER BY epoch;

-- name: latest_training
-- kind: read
-- The training that ran last.
SELECT * FROM job WHERE kind IN ('train', 'retrain') ORDER BY started_at DESC LIMIT 1;

-- name: components
-- kind: read
-- The components of a version, largest first.
SELECT component, component_id, name, status, weight, patterns, messages, exemplars
FROM component WHERE version = $version ORDER BY weight DESC;

-- name: put_components
-- kind: write
-- Replace the components of a version and what became of their identities.
DELETE FROM component WHERE version = $version;

INSERT INTO component
SELECT $version, component, component_id, name, status, weight, patterns, messages, exemplars
FROM in_components;

DELETE FROM component_event WHERE version = $version;

INSERT INTO component_event
SELECT $version, component, component_id, event, from_ids, overlap FROM in_events;

SELECT count(*) AS components FROM in_components;

-- name: component_events
-- kind: read
-- What became of the component identities when a version was trained.
SELECT component, component_id, event, from_ids, overlap
FROM component_event WHERE version = $version ORDER BY component NULLS LAST, component_id;

-- name: event_counts
-- kind: read
-- How many components each version kept, opened, merged, split, retired.
SELECT version, event, count(*) AS components
FROM component_event GROUP BY version, event ORDER BY version, event;

-- name: ledger
-- kind: read
-- What a version's training changed about components, by name: those with most messages first;
-- a name no version holds any more is NULL.
WITH named AS (
    SELECT component_id, arg_max(name, version) AS name
    FROM component WHERE version <= $version GROUP BY component_id
), origins AS (
    SELECT e.component_id, list(n.name ORDER BY n.name) AS from_names
    FROM component_event e, unnest(e.from_ids) AS o(from_id)
    JOIN named n ON n.component_id = o.from_id
    WHERE e.version = $version AND o.from_id <> e.component_id
    GROUP BY e.component_id
)
SELECT e.event, n.name, coalesce(o.from_names, []) AS from_names, c.patterns, c.messages,
       c.exemplars
FROM component_event e
LEFT JOIN named n USING (component_id)
LEFT JOIN origins o USING (component_id)
LEFT JOIN component c ON c.version = $version AND c.component = e.component
WHERE e.version = $version AND e.event <> 'kept'
ORDER BY c.messages DESC NULLS LAST, e.event, n.name LIMIT $limit;

-- name: component_history
-- kind: read
-- The life of one component identity, oldest version first.
SELECT version, component, event, from_ids, overlap
FROM component_event
WHERE component_id = $component_id OR list_contains(from_ids, $component_id)
ORDER BY version, component NULLS LAST;
