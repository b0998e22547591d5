-- The core tables.  Times are UTC without a zone.  Arrays are FLOAT[] (their length depends on the
-- encoder or the model version).  Uniqueness of keys is kept by the named operations: each runs in
-- one transaction behind the owner's write lock.

CREATE TABLE message (
    message_id  VARCHAR NOT NULL,
    source      VARCHAR NOT NULL,
    device      VARCHAR,
    severity    VARCHAR,
    occurred_at TIMESTAMP,
    received_at TIMESTAMP NOT NULL,
    text        VARCHAR NOT NULL,
    pattern_id  VARCHAR NOT NULL,
    attributes  JSON
);
COMMENT ON TABLE message IS 'One received event, as it came';
COMMENT ON COLUMN message.message_id IS 'Given by the source, else a hash of file identity, position and text';
COMMENT ON COLUMN message.source IS 'Name of the source it was read from';
COMMENT ON COLUMN message.device IS 'The device or host that sent it, where known';
COMMENT ON COLUMN message.severity IS 'debug, info, notice, warning, error, critical, alert or emergency';
COMMENT ON COLUMN message.occurred_at IS 'When it happened, as the message says; UTC';
COMMENT ON COLUMN message.received_at IS 'When genlab stored it; UTC';
COMMENT ON COLUMN message.text IS 'The text as received';
COMMENT ON COLUMN message.pattern_id IS 'The pattern it belongs to';
COMMENT ON COLUMN message.attributes IS 'Every other field it came with';

CREATE TABLE quarantine (
    source      VARCHAR NOT NULL,
    path        VARCHAR NOT NULL,
    position    BIGINT NOT NULL,
    reason      VARCHAR NOT NULL,
    detail      VARCHAR NOT NULL,
    raw         VARCHAR NOT NULL,
    file_id     VARCHAR NOT NULL,
    received_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE quarantine IS 'Input that could not become a message, and why';
COMMENT ON COLUMN quarantine.source IS 'Name of the source';
COMMENT ON COLUMN quarantine.path IS 'File it was read from';
COMMENT ON COLUMN quarantine.position IS 'Line or record number, from 1; 0 for a whole file and for an id the store knew';
COMMENT ON COLUMN quarantine.reason IS 'Short code';
COMMENT ON COLUMN quarantine.detail IS 'What was found, what was expected, what to do';
COMMENT ON COLUMN quarantine.raw IS 'The input, escaped and cut';
COMMENT ON COLUMN quarantine.file_id IS 'Identity of the content, or source:path; with position, reason and raw, the key';
COMMENT ON COLUMN quarantine.received_at IS 'When it was refused; UTC';

CREATE TABLE ingest_file (
    file_id     VARCHAR NOT NULL,
    source      VARCHAR NOT NULL,
    path        VARCHAR NOT NULL,
    head_hash   VARCHAR NOT NULL,
    head_length BIGINT NOT NULL,
    "offset"    BIGINT NOT NULL,
    lines       BIGINT NOT NULL,
    updated_at  TIMESTAMP NOT NULL
);
COMMENT ON TABLE ingest_file IS 'How far each file has been read';
COMMENT ON COLUMN ingest_file.file_id IS 'Identity of the content stream; survives renames';
COMMENT ON COLUMN ingest_file.source IS 'Name of the source';
COMMENT ON COLUMN ingest_file.path IS 'Where it was last seen';
COMMENT ON COLUMN ingest_file.head_hash IS 'Hash of the first head_length bytes';
COMMENT ON COLUMN ingest_file.head_length IS 'Bytes under head_hash';
COMMENT ON COLUMN ingest_file."offset" IS 'Bytes consumed';
COMMENT ON COLUMN ingest_file.lines IS 'Lines consumed';
COMMENT ON COLUMN ingest_file.updated_at IS 'When this row last changed; UTC';

CREATE TABLE pattern (
    pattern_id     VARCHAR NOT NULL,
    canonical_text VARCHAR NOT NULL,
    sample_text    VARCHAR NOT NULL,
    message_count  BIGINT NOT NULL,
    severity       VARCHAR,
    first_seen     TIMESTAMP NOT NULL,
    last_seen      TIMESTAMP NOT NULL,
    last_received  TIMESTAMP NOT NULL
);
COMMENT ON TABLE pattern IS 'The canonical text that messages share; what is embedded, scored and labelled';
COMMENT ON COLUMN pattern.pattern_id IS 'Hash of canonical_text';
COMMENT ON COLUMN pattern.canonical_text IS 'The text with what varies masked';
COMMENT ON COLUMN pattern.sample_text IS 'The first message seen with this pattern';
COMMENT ON COLUMN pattern.message_count IS 'Messages of this pattern';
COMMENT ON COLUMN pattern.severity IS 'Severity of its first message that had one';
COMMENT ON COLUMN pattern.first_seen IS 'Earliest time of its messages; UTC';
COMMENT ON COLUMN pattern.last_seen IS 'Latest time of its messages, by the clocks of their senders; UTC';
COMMENT ON COLUMN pattern.last_received IS 'When the last of them came in, by our clock; UTC';

CREATE TABLE encoder (
    encoder_version VARCHAR NOT NULL,
    name            VARCHAR NOT NULL,
    dimension       INTEGER NOT NULL,
    created_at      TIMESTAMP NOT NULL
);
COMMENT ON TABLE encoder IS 'The encoders whose embeddings are stored';
COMMENT ON COLUMN encoder.encoder_version IS 'Hash of name, weights and precision';
COMMENT ON COLUMN encoder.name IS 'Name as configured';
COMMENT ON COLUMN encoder.dimension IS 'D';
COMMENT ON COLUMN encoder.created_at IS 'First use; UTC';

CREATE TABLE embedding (
    encoder_version VARCHAR NOT NULL,
    pattern_id      VARCHAR NOT NULL,
    vector          FLOAT[] NOT NULL
);
COMMENT ON TABLE embedding IS 'The encoder''s vector of a pattern';
COMMENT ON COLUMN embedding.encoder_version IS 'Which encoder';
COMMENT ON COLUMN embedding.pattern_id IS 'Which pattern';
COMMENT ON COLUMN embedding.vector IS 'D numbers of L2 norm 1';

CREATE TABLE model_version (
    version         INTEGER NOT NULL,
    status          VARCHAR NOT NULL,
    parent          INTEGER,
    job_id          VARCHAR,
    encoder_version VARCHAR NOT NULL,
    prior           VARCHAR NOT NULL,
    components      INTEGER NOT NULL,
    latent_dim      INTEGER NOT NULL,
    epochs          INTEGER NOT NULL,
    folder          VARCHAR NOT NULL,
    configuration   JSON NOT NULL,
    metrics         JSON NOT NULL,
    labels_seq      BIGINT NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    promoted_at     TIMESTAMP
);
COMMENT ON TABLE model_version IS 'One fitted state of the component VAE';
COMMENT ON COLUMN model_version.version IS 'Number, from 1';
COMMENT ON COLUMN model_version.status IS 'candidate, active or retired; one version at most is active';
COMMENT ON COLUMN model_version.parent IS 'The version it continued from';
COMMENT ON COLUMN model_version.job_id IS 'The training that made it';
COMMENT ON COLUMN model_version.encoder_version IS 'The encoder of its inputs';
COMMENT ON COLUMN model_version.prior IS 'standard_normal, mixture or vamp';
COMMENT ON COLUMN model_version.components IS 'K';
COMMENT ON COLUMN model_version.latent_dim IS 'L';
COMMENT ON COLUMN model_version.epochs IS 'Epochs trained in all, parents included';
COMMENT ON COLUMN model_version.folder IS 'Folder of weights and state, relative to the workspace';
COMMENT ON COLUMN model_version.configuration IS 'Model, training and weights settings in force';
COMMENT ON COLUMN model_version.metrics IS 'Measured on the data at hand when it was made';
COMMENT ON COLUMN model_version.labels_seq IS 'Last label event that its assignments have seen';
COMMENT ON COLUMN model_version.created_at IS 'UTC';
COMMENT ON COLUMN model_version.promoted_at IS 'When it last became active; UTC';

CREATE TABLE job (
    job_id      VARCHAR NOT NULL,
    kind        VARCHAR NOT NULL,
    status      VARCHAR NOT NULL,
    done        DOUBLE NOT NULL,
    total       DOUBLE,
    detail      VARCHAR NOT NULL,
    version     INTEGER,
    flow_run_id VARCHAR,
    pid         INTEGER,
    host        VARCHAR,
    started_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL,
    finished_at TIMESTAMP
);
COMMENT ON TABLE job IS 'Runs of the stages, started from the command line or by a flow';
COMMENT ON COLUMN job.job_id IS 'Made by who starts it';
COMMENT ON COLUMN job.kind IS 'ingest, embed, train, score, retrain or maintain';
COMMENT ON COLUMN job.status IS 'running, cancelling, done, failed or cancelled';
COMMENT ON COLUMN job.done IS 'Progress, in the unit of total';
COMMENT ON COLUMN job.total IS 'What done counts up to, where known';
COMMENT ON COLUMN job.detail IS 'What it does now, or why it ended';
COMMENT ON COLUMN job.version IS 'The model version it makes or works on';
COMMENT ON COLUMN job.flow_run_id IS 'Prefect''s id, when a flow runs it';
COMMENT ON COLUMN job.pid IS 'Process that runs it';
COMMENT ON COLUMN job.host IS 'Machine that runs it';
COMMENT ON COLUMN job.started_at IS 'UTC';
COMMENT ON COLUMN job.updated_at IS 'Last sign of life; UTC';
COMMENT ON COLUMN job.finished_at IS 'UTC';

CREATE TABLE training_epoch (
    job_id                VARCHAR NOT NULL,
    epoch                 INTEGER NOT NULL,
    phase                 VARCHAR NOT NULL,
    total                 DOUBLE NOT NULL,
    reconstruction        DOUBLE,
    kl                    DOUBLE,
    kl_c                  DOUBLE,
    sparsity              DOUBLE,
    classification        DOUBLE,
    contrastive           DOUBLE,
    reconstruction_weight DOUBLE NOT NULL,
    kl_weight             DOUBLE NOT NULL,
    kl_c_weight           DOUBLE NOT NULL,
    sparsity_weight       DOUBLE NOT NULL,
    classification_weight DOUBLE NOT NULL,
    contrastive_weight    DOUBLE NOT NULL,
    active_components     INTEGER NOT NULL,
    seconds               DOUBLE NOT NULL,
    ended_at              TIMESTAMP NOT NULL
);
COMMENT ON TABLE training_epoch IS 'One row an epoch, written while it trains';
COMMENT ON COLUMN training_epoch.job_id IS 'The training';
COMMENT ON COLUMN training_epoch.epoch IS 'Number of the epoch, parents included, from 1';
COMMENT ON COLUMN training_epoch.phase IS 'Phase of the curriculum';
COMMENT ON COLUMN training_epoch.total IS 'Weighted sum of the terms, nats per pattern';
COMMENT ON COLUMN training_epoch.reconstruction IS 'Expected -log p(x|z,c), nats; NULL, here and below, where the weight was 0';
COMMENT ON COLUMN training_epoch.kl IS 'KL(q(z|x,c) || p(z|c)), nats';
COMMENT ON COLUMN training_epoch.kl_c IS 'KL(q(c|x) || pi), nats';
COMMENT ON COLUMN training_epoch.sparsity IS 'Entropy of the mean responsibilities, nats';
COMMENT ON COLUMN training_epoch.classification IS '-log p(y|x) of labelled patterns, nats';
COMMENT ON COLUMN training_epoch.contrastive IS 'Supervised contrastive loss, nats';
COMMENT ON COLUMN training_epoch.reconstruction_weight IS 'Weight in force';
COMMENT ON COLUMN training_epoch.kl_weight IS 'Weight in force';
COMMENT ON COLUMN training_epoch.kl_c_weight IS 'Weight in force';
COMMENT ON COLUMN training_epoch.sparsity_weight IS 'Weight in force';
COMMENT ON COLUMN training_epoch.classification_weight IS 'Weight in force';
COMMENT ON COLUMN training_epoch.contrastive_weight IS 'Weight in force';
COMMENT ON COLUMN training_epoch.active_components IS 'Components in use';
COMMENT ON COLUMN training_epoch.seconds IS 'Duration of the epoch';
COMMENT ON COLUMN training_epoch.ended_at IS 'When it ended; UTC';

CREATE TABLE component (
    version      INTEGER NOT NULL,
    component    INTEGER NOT NULL,
    component_id VARCHAR NOT NULL,
    name         VARCHAR NOT NULL,
    status       VARCHAR NOT NULL,
    weight       DOUBLE NOT NULL,
    patterns     BIGINT NOT NULL,
    messages     BIGINT NOT NULL,
    exemplars    VARCHAR[] NOT NULL
);
COMMENT ON TABLE component IS 'The components of a model version';
COMMENT ON COLUMN component.version IS 'Model version';
COMMENT ON COLUMN component.component IS 'Index c, from 0';
COMMENT ON COLUMN component.component_id IS 'Identity that survives retraining';
COMMENT ON COLUMN component.name IS 'Readable name: its most characteristic words';
COMMENT ON COLUMN component.status IS 'active or spare';
COMMENT ON COLUMN component.weight IS 'Mean responsibility';
COMMENT ON COLUMN component.patterns IS 'Patterns it claims most';
COMMENT ON COLUMN component.messages IS 'Messages of those patterns';
COMMENT ON COLUMN component.exemplars IS 'Up to three pattern ids it claims most surely';

CREATE TABLE assignment (
    version          INTEGER NOT NULL,
    pattern_id       VARCHAR NOT NULL,
    components       INTEGER[] NOT NULL,
    responsibilities FLOAT[] NOT NULL,
    latent_mean      FLOAT[] NOT NULL,
    latent_logvar    FLOAT[] NOT NULL,
    log_px           DOUBLE NOT NULL,
    held_out         BOOLEAN NOT NULL,
    novelty_p        DOUBLE NOT NULL,
    label            VARCHAR,
    confidence       DOUBLE NOT NULL,
    s_ood            DOUBLE NOT NULL,
    evidence         DOUBLE NOT NULL,
    verdict          VARCHAR NOT NULL,
    map_x            FLOAT NOT NULL,
    map_y            FLOAT NOT NULL
);
COMMENT ON TABLE assignment IS 'What a model version says of a pattern';
COMMENT ON COLUMN assignment.version IS 'Model version';
COMMENT ON COLUMN assignment.pattern_id IS 'Pattern';
COMMENT ON COLUMN assignment.components IS 'Components with the largest responsibilities, largest first';
COMMENT ON COLUMN assignment.responsibilities IS 'Their responsibilities r_c(x), summing to 1';
COMMENT ON COLUMN assignment.latent_mean IS 'Mean of q(z|x), L numbers';
COMMENT ON COLUMN assignment.latent_logvar IS 'Log-variance of q(z|x), L numbers';
COMMENT ON COLUMN assignment.log_px IS 'log p(x), an importance-weighted lower bound, nats';
COMMENT ON COLUMN assignment.held_out IS 'Kept out of training, so that novelty_p may be calibrated on it';
COMMENT ON COLUMN assignment.novelty_p IS 'Conformal p-value of -log p(x)';
COMMENT ON COLUMN assignment.label IS 'Most probable label, NULL while no label is known';
COMMENT ON COLUMN assignment.confidence IS 'Its probability p(y|x), 0 while no label is known';
COMMENT ON COLUMN assignment.s_ood IS '1 - max_c(r_c max_y tau[c, y])';
COMMENT ON COLUMN assignment.evidence IS 'Share of responsibilities in components that labels reach';
COMMENT ON COLUMN assignment.verdict IS 'known, unnamed, between or novel';
COMMENT ON COLUMN assignment.map_x IS 'Position on the map';
COMMENT ON COLUMN assignment.map_y IS 'Position on the map';

CREATE SEQUENCE event_seq;

CREATE TABLE label_change (
    seq         BIGINT NOT NULL DEFAULT nextval('event_seq'),
    label_id    VARCHAR NOT NULL,
    name        VARCHAR NOT NULL,
    colour      INTEGER NOT NULL,
    description VARCHAR NOT NULL,
    merged_into VARCHAR,
    annotator   VARCHAR NOT NULL,
    created_at  TIMESTAMP NOT NULL
);
COMMENT ON TABLE label_change IS 'Append-only: how labels came to be, were renamed, described or merged';
COMMENT ON COLUMN label_change.seq IS 'Order of events';
COMMENT ON COLUMN label_change.label_id IS 'Identity; survives renames';
COMMENT ON COLUMN label_change.name IS 'Name from here on';
COMMENT ON COLUMN label_change.colour IS 'Index into the palette';
COMMENT ON COLUMN label_change.description IS 'What the label means';
COMMENT ON COLUMN label_change.merged_into IS 'The label that took it over';
COMMENT ON COLUMN label_change.annotator IS 'Who';
COMMENT ON COLUMN label_change.created_at IS 'When; UTC';

CREATE TABLE label_event (
    seq        BIGINT NOT NULL DEFAULT nextval('event_seq'),
    event_id   VARCHAR NOT NULL,
    group_id   VARCHAR NOT NULL,
    action     VARCHAR NOT NULL,
    pattern_id VARCHAR,
    label_id   VARCHAR,
    undoes     VARCHAR,
    how        VARCHAR NOT NULL,
    annotator  VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE label_event IS 'Append-only: every labelling, clearing, undo and redo';
COMMENT ON COLUMN label_event.seq IS 'Order of events';
COMMENT ON COLUMN label_event.event_id IS 'Made by the client; the same id is never stored twice';
COMMENT ON COLUMN label_event.group_id IS 'One gesture: what one undo takes back';
COMMENT ON COLUMN label_event.action IS 'label, clear, undo or redo';
COMMENT ON COLUMN label_event.pattern_id IS 'Pattern labelled or cleared';
COMMENT ON COLUMN label_event.label_id IS 'Label given';
COMMENT ON COLUMN label_event.undoes IS 'For undo and redo: the group taken back or put back';
COMMENT ON COLUMN label_event.how IS 'click, key, lasso, query, component, accept, import or api';
COMMENT ON COLUMN label_event.annotator IS 'Who';
COMMENT ON COLUMN label_event.created_at IS 'When; UTC';

CREATE TABLE review (
    pattern_id  VARCHAR NOT NULL,
    state       VARCHAR NOT NULL,
    muted_until TIMESTAMP,
    note        VARCHAR NOT NULL,
    annotator   VARCHAR NOT NULL,
    changed_at  TIMESTAMP NOT NULL
);
COMMENT ON TABLE review IS 'What people decided about flagged patterns; a pattern without a row is new';
COMMENT ON COLUMN review.pattern_id IS 'Pattern';
COMMENT ON COLUMN review.state IS 'ongoing, muted or resolved';
COMMENT ON COLUMN review.muted_until IS 'For muted: until when; UTC';
COMMENT ON COLUMN review.note IS 'Free text';
COMMENT ON COLUMN review.annotator IS 'Who';
COMMENT ON COLUMN review.changed_at IS 'When; UTC';

CREATE TABLE write_key (
    key    VARCHAR NOT NULL,
    result VARCHAR NOT NULL,
    written_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE write_key IS 'Writes that were done, so that a repeated one is answered and not doubled';
COMMENT ON COLUMN write_key.key IS 'Made by the client for each write';
COMMENT ON COLUMN write_key.result IS 'What the write answered, as JSON';
COMMENT ON COLUMN write_key.written_at IS 'UTC';

CREATE VIEW label AS
WITH latest AS (
    SELECT label_id, arg_max(name, seq) AS name, arg_max(colour, seq) AS colour,
           arg_max(description, seq) AS description,
           arg_max(coalesce(merged_into, ''), seq) AS merged_into,
           min(seq) AS created_seq
    FROM label_change GROUP BY label_id
)
SELECT label_id, name, colour, description, nullif(merged_into, '') AS merged_into, created_seq
FROM latest;
COMMENT ON VIEW label IS 'Labels as they stand now; merged ones point to the label that took them over';

CREATE VIEW current_label AS
WITH RECURSIVE taken_back AS (
    SELECT undoes AS group_id FROM label_event WHERE action IN ('undo', 'redo')
    GROUP BY undoes HAVING arg_max(action, seq) = 'undo'
), standing AS (
    SELECT pattern_id, arg_max(action, seq) AS action, arg_max(coalesce(label_id, ''), seq) AS label_id,
           arg_max(annotator, seq) AS annotator, arg_max(how, seq) AS how,
           arg_max(created_at, seq) AS labelled_at, max(seq) AS seq
    FROM label_event
    WHERE action IN ('label', 'clear')
      AND group_id NOT IN (SELECT group_id FROM taken_back)
    GROUP BY pattern_id
), final(label_id, final_id, depth) AS (
    SELECT label_id, label_id, 0 FROM label
    UNION ALL
    SELECT f.label_id, l.merged_into, f.depth + 1
    FROM final f JOIN label l ON l.label_id = f.final_id
    WHERE l.merged_into IS NOT NULL AND f.depth < 100
)
SELECT s.pattern_id, l.label_id, l.name AS label, s.annotator, s.how, s.labelled_at, s.seq
FROM standing s
JOIN (SELECT label_id, arg_max(final_id, depth) AS final_id FROM final GROUP BY label_id) f
  ON f.label_id = s.label_id
JOIN label l ON l.label_id = f.final_id
WHERE s.action = 'label';
COMMENT ON VIEW current_label IS 'The label each pattern has now: the last event that was not taken back';

CREATE VIEW label_store AS
SELECT a.version, u.component, c.label_id, c.label, sum(u.r) AS s
FROM assignment a
JOIN current_label c USING (pattern_id)
CROSS JOIN LATERAL (
    SELECT unnest(a.components) AS component, unnest(a.responsibilities) AS r
) u
GROUP BY a.version, u.component, c.label_id, c.label;
COMMENT ON VIEW label_store IS 's[c, y]: the responsibilities of labelled patterns, summed, per version';

CREATE VIEW flagged AS
SELECT a.pattern_id, a.verdict, a.novelty_p, a.s_ood, a.evidence, a.log_px, a.label, a.confidence,
       a.components[1] AS component,
       CASE WHEN r.state IS NULL THEN 'new'
            WHEN r.state = 'resolved' AND p.last_received > r.changed_at THEN 'regressed'
            ELSE r.state END AS state,
       r.muted_until, r.note, r.annotator, r.changed_at
FROM assignment a
JOIN pattern p USING (pattern_id)
LEFT JOIN review r USING (pattern_id)
LEFT JOIN current_label c USING (pattern_id)
WHERE a.version = (SELECT version FROM model_version WHERE status = 'active')
  AND a.verdict <> 'known' AND c.pattern_id IS NULL;
COMMENT ON VIEW flagged IS 'Patterns the active version does not know and nobody labelled, with their state of review; a mute that ended is told by muted_until';
