-- The neighbour term of the objective: near patterns share components.

ALTER TABLE training_epoch ADD COLUMN neighbour DOUBLE;
ALTER TABLE training_epoch ADD COLUMN neighbour_weight DOUBLE DEFAULT 0;
COMMENT ON COLUMN training_epoch.neighbour IS 'Minus the mutual information of a pattern and a neighbour under the components, nats';
COMMENT ON COLUMN training_epoch.neighbour_weight IS 'Weight in force';
