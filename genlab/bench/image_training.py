"""Few labels on many images: distorted copies, labels spread over neighbours, training in turns.

The labels walk over the graph of neighbours in the latent space; what they surely reach trains the
model; the better latents make a better graph (Iscen et al. 2019, label propagation for deep
semi-supervised learning).
"""

import copy
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from genlab.config import Settings
from genlab.labelling.graph import NEIGHBOURS, absorbed, mass_shares, pattern_graph, shares, walk
from genlab.labelling.label_store import NO_LABEL
from genlab.labelling.label_store import tau as tau_of
from genlab.labelling.neighbours import directions, nearest
from genlab.models.component_vae import ComponentVAEConfig
from genlab.models.scoring import as_patterns
from genlab.training.curriculum import Curriculum, load_curriculum
from genlab.training.loop import TrainingState, new_state, train

COMPONENTS = 200
COPIES = 2  # distorted copies of each image
FULL, LONGER = 10_000, 3  # images the curriculum is made for; fewer: up to so many times its epochs
ROUNDS = 4  # of spreading labels and training on them
SURE = 0.5  # a spread label trains the model from this share of its row on
SHIFT, ANGLE, SCALE, SHEAR = 1.5, 0.15, 0.1, 0.15  # at most: pixels of 28, radians, shares


class Learner(NamedTuple):
    """A training under way: images (N, D), those with their copies, the state."""

    images: np.ndarray  # (N, D)
    more: np.ndarray  # ((1 + COPIES) N, D), the images first
    state: TrainingState


def distorted(images: np.ndarray, shape: tuple[int, int], seed: int) -> np.ndarray:
    """One random small shift, turn, scaling and shear of each image: (N, H * W) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    n = len(images)

    def within(limit: float) -> Tensor:
        return limit * (2 * torch.rand(n, generator=generator) - 1)

    angle, scale, shear = within(ANGLE), 1 + within(SCALE), within(SHEAR)
    map_ = torch.zeros(n, 2, 3)
    map_[:, 0, 0] = map_[:, 1, 1] = scale * angle.cos()
    map_[:, 0, 1], map_[:, 1, 0] = shear - scale * angle.sin(), scale * angle.sin()
    map_[:, 0, 2], map_[:, 1, 2] = within(2 * SHIFT / 28), within(2 * SHIFT / 28)
    grid = torch.nn.functional.affine_grid(map_, [n, 1, *shape], align_corners=False)
    pixels = torch.as_tensor(images).view(n, 1, *shape)
    moved = torch.nn.functional.grid_sample(pixels, grid, align_corners=False)
    return moved.view(n, -1).clamp(0, 1).numpy()


def begin(
    images: np.ndarray, shape: tuple[int, int], settings: Settings, components: int, seed: int
) -> Learner:
    """The first phase of the curriculum `images`, which needs no label."""
    copies = [distorted(images, shape, seed + i) for i in range(COPIES)]
    more = np.concatenate([images, *copies])
    fields = settings.model.model_dump() | {"likelihood": "bernoulli", "components": components}
    config = ComponentVAEConfig(input_dim=images.shape[1], **fields)
    state = new_state(config, images, settings.training.learning_rate, seed)
    learner = Learner(images, more, state)
    first = Curriculum(phase=load_curriculum("images").phase[:1])
    _run(learner, first, None, settings)
    return learner


def finish(learner: Learner, labels: np.ndarray | None, settings: Settings) -> Learner:
    """The other phases on a copy of the learner's state: one round, or ROUNDS with labels.

    ``labels`` (N,) whole numbers, -1 for none.
    """
    state = learner.state
    generator = torch.Generator()
    generator.set_state(state.generator.get_state())
    model, optimiser = copy.deepcopy((state.model, state.optimiser))
    own = learner._replace(state=TrainingState(model, optimiser, generator, state.epoch))
    _, prior, refining = load_curriculum("images").phase
    if labels is None:
        _run(own, Curriculum(phase=(prior,)), None, settings)
        return own
    for number in range(ROUNDS):
        believed = spread(neighbour_walk(latents(own.state, own.images)), labels)
        taken = np.where(believed.max(1) > SURE, believed.argmax(1), NO_LABEL)
        taken = np.where(labels == NO_LABEL, taken, labels)
        phase = refining if number else prior
        _run(own, Curriculum(phase=(phase,)), np.tile(taken, 1 + COPIES), settings)
    return own


def _run(
    learner: Learner, curriculum: Curriculum, labels: np.ndarray | None, settings: Settings
) -> None:
    times = min(LONGER, max(1, round(FULL / len(learner.images))))
    list(
        train(
            learner.state,
            learner.more,
            labels,
            curriculum.within(times * sum(phase.epochs for phase in curriculum.phase)),
            settings.weights,
            settings.training,
            settings.labelling.alpha0,
        )
    )


@torch.inference_mode()
def latents(state: TrainingState, images: np.ndarray) -> np.ndarray:
    """(N, D) -> (N, L), what the encoder says without the prior."""
    model = state.model
    parts = as_patterns(images, model.config.input_dim).split(8192)
    return torch.cat([model.encoder(model.standardise(part)).mean for part in parts]).numpy()


def neighbour_walk(vectors: np.ndarray) -> sparse.csr_matrix:
    """(N, N) steps of a random walk between the nearest of (N, F)."""
    unit = directions(vectors, vectors.mean(0))
    return walk(pattern_graph(nearest(unit, unit, NEIGHBOURS, np.arange(len(unit)))))


def spread(steps: sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
    """(N, Y), rows sum to 1: which label a walk from each row meets first."""
    reached = absorbed(steps, labels, int(labels.max()) + 1)
    return shares(reached, mass_shares(reached, labels))


def tau_accuracy(
    known: np.ndarray, belief: np.ndarray, test: np.ndarray, truth: np.ndarray, alpha0: float
) -> float:
    """Share of right labels by p(y|x) = sum_c r_c(x) tau[c, y].

    Responsibilities ``known`` (N, K) and ``test`` (M, K); ``belief`` (N, Y) what is believed of the
    known ones: each counts for its likeliest label's share; ``truth`` (M,).
    """
    counts = known.T.astype(np.float64) @ (belief * belief.max(1, keepdims=True))
    tau = tau_of(counts, alpha0 / belief.shape[1])
    return float(((test @ tau).argmax(1) == truth).mean())
