-- The ledger of component identities: what became of each from one training to the next.

CREATE TABLE component_event (
    version      INTEGER NOT NULL,
    component    INTEGER,
    component_id VARCHAR NOT NULL,
    event        VARCHAR NOT NULL,
    from_ids     VARCHAR[] NOT NULL,
    overlap      DOUBLE
);
COMMENT ON TABLE component_event IS 'What became of each component identity when a version was trained';
COMMENT ON COLUMN component_event.version IS 'The version trained';
COMMENT ON COLUMN component_event.component IS 'Index c in that version, from 0; NULL for one that retired';
COMMENT ON COLUMN component_event.component_id IS 'Identity, as in component';
COMMENT ON COLUMN component_event.event IS 'born (nothing was there), opened (placed on a new kind), kept, merged, split or retired';
COMMENT ON COLUMN component_event.from_ids IS 'Identities of the version in force before that it came from; itself among them where it lives on';
COMMENT ON COLUMN component_event.overlap IS 'Shared over joint responsibilities with the largest of from_ids, 0 to 1; NULL where it came from none';
