-- Labels looked at once more say so.

COMMENT ON COLUMN label_event.how IS 'click, key, lasso, query, component, accept, audit (looked at with the label it had), import or api';
