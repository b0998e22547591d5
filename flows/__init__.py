"""Prefect flows: each reads, calls genlab.pipeline, writes; the work itself is in genlab."""
