"""Fitting a model: objective, curriculum, loop, placement of components, checkpoints."""
