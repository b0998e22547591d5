-- Novelty is calibrated on messages, not on patterns alone; evidence is what labels reach.

ALTER TABLE assignment ADD COLUMN messages INTEGER DEFAULT 1;
ALTER TABLE assignment ADD COLUMN held_messages INTEGER DEFAULT 0;
UPDATE assignment SET held_messages = 1 WHERE held_out;
COMMENT ON COLUMN assignment.messages IS 'Distinct messages when the version was trained, 0: the pattern came later';
COMMENT ON COLUMN assignment.held_messages IS 'Of them kept back, so that novelty_p may be calibrated on them';
COMMENT ON COLUMN assignment.held_out IS 'All of them kept back: training never saw the pattern';
COMMENT ON COLUMN assignment.novelty_p IS 'Conformal p-value of the novelty score: distance to the nearest messages and -log p(x)';
COMMENT ON COLUMN assignment.evidence IS 'Chance that a walk over nearest patterns and components meets a labelled one';
