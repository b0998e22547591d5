COMMENT ON COLUMN assignment.novelty_p IS 'Conformal p-value of the novelty score; 1 for what the version was trained on';
