"""The stages: each reads from a Store, calls the library, writes back.

``ingest -> embed -> train -> score -> labels``; the command line and the flows call the same
functions.  Modules that need torch import it inside their functions, so that the dashboard can use
``pipeline.labels`` and ``pipeline.assigned`` without loading it.
"""
