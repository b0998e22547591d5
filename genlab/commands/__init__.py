"""The commands of the ``genlab`` console script, one module per group."""
