-- The graph of nearest patterns that labels walk over.

ALTER TABLE assignment ADD COLUMN neighbours VARCHAR[];
ALTER TABLE assignment ADD COLUMN cosines FLOAT[];
COMMENT ON COLUMN assignment.neighbours IS 'The nearest patterns by embedding when it was scored, nearest first; NULL: to be found again';
COMMENT ON COLUMN assignment.cosines IS 'Cosine of the centred embeddings to each, -1 to 1';
