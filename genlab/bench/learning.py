"""The component VAE as the benches train it: the settings' curriculum, without a label."""

import numpy as np

from genlab.config import Settings
from genlab.models.component_vae import ComponentVAE, make_config
from genlab.training.curriculum import load_curriculum
from genlab.training.loop import new_state, train


def unsupervised(
    settings: Settings, vectors: np.ndarray, seed: int, neighbours: np.ndarray | None = None
) -> ComponentVAE:
    """Trained on ``vectors`` (N, D); ``neighbours`` (N, k) as in :func:`train`."""
    config = make_config(settings.model, vectors.shape[1], len(vectors))
    state = new_state(config, vectors, settings.training.learning_rate, seed)
    plan = load_curriculum(settings.training.curriculum), settings.weights, settings.training
    for _ in train(state, vectors, None, *plan, neighbours=neighbours):
        pass
    return state.model
