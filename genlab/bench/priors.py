"""``genlab bench priors``: the three priors and the phases of the curriculum, on held-out items.

Every row is one model trained on the pool with three labels per kind and measured on the test.
VampPrior's pseudo-inputs are checked for being copies of what they were trained on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import NearestNeighbors

from genlab.bench import datasets
from genlab.bench.datasets import DataSet
from genlab.bench.image_data import load_images
from genlab.config import Settings
from genlab.labelling.label_store import label_counts
from genlab.labelling.label_store import tau as tau_of
from genlab.models.component_vae import make_config
from genlab.models.priors import PriorName, VampPrior
from genlab.models.scoring import score
from genlab.training.curriculum import Curriculum, load_curriculum
from genlab.training.loop import TrainingState, new_state, train

NAMES = ("digits", "fleet", "clinc150", "mnist")
PER_KIND = 3
DOMAINS = 2  # of CLINC150: 30 intents
IMAGES = (2000, 1000)  # of MNIST: pool, test
SAME = 0.1  # of the training items' median distance to their nearest: this near is a copy
SAMPLES, TOP = 16, 8  # of the bound on log p(x)


class Variant(NamedTuple):
    """One way to train."""

    prior: PriorName
    left_out: str  # a phase of the curriculum, or "-"


class Copying(NamedTuple):
    """How near the pseudo-inputs lie to the training items."""

    share: float  # of copies, in [0, 1]
    ratio: float  # median distance to the nearest item, in units of that between the items


def priors(
    settings: Settings,
    names: Sequence[str],
    data: Path | None,
    seeds: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train and measure every variant on every data set, ``seeds`` times each.

    ``data``: the folder of clinc150/.  ``say`` hears progress.
    """
    curriculum = load_curriculum(settings.training.curriculum)
    rows = []
    for name in names:
        items, own = load(name, data, settings)
        for variant in variants(curriculum):
            say(f"{name}: {variant.prior}, without {variant.left_out}")
            found = [measure(items, variant, curriculum, own, seed) for seed in range(seeds)]
            rows.append({"data": name, **variant._asdict(), **_means(found)})
    return {"seeds": seeds, "labels_per_kind": PER_KIND, "rows": rows}


def variants(curriculum: Curriculum) -> Iterator[Variant]:
    """Every prior under the whole curriculum, then the mixture with each phase left out in turn."""
    for prior in get_args(PriorName):
        yield Variant(prior, "-")
    for phase in curriculum.phase:
        yield Variant("mixture", phase.name)


def load(name: str, data: Path | None, settings: Settings) -> tuple[DataSet, Settings]:
    """The data set, cut to what many trainings can afford, and the settings for it."""
    if name == "mnist":
        images = load_images("mnist")
        pool, test = IMAGES
        x = np.concatenate([images.train[:pool], images.test[:test]])
        kinds = np.concatenate([images.train_labels[:pool], images.test_labels[:test]]).astype(str)
        held = np.arange(len(x)) >= pool
        cut = DataSet(name, x, kinds, kinds, np.arange(len(x)), held, x[:0])
        pixels = settings.model.model_copy(update={"likelihood": "bernoulli"})
        return cut, settings.model_copy(update={"model": pixels})
    whole = datasets.load(name, data, settings)
    if name != "clinc150":
        return whole, settings
    kept = np.isin(whole.groups, np.unique(whole.groups)[:DOMAINS])
    fields = ("vectors", "kinds", "groups", "patterns", "test")
    return whole._replace(**{f: getattr(whole, f)[kept] for f in fields}), settings


def measure(
    items: DataSet, variant: Variant, curriculum: Curriculum, settings: Settings, seed: int
) -> dict[str, float]:
    """One training, and what it is worth on the test."""
    parts = datasets.split(items, seed)
    labels = datasets.draw_labels(items, parts, PER_KIND)
    truth = datasets.truth(items, parts)
    # One row per pattern, a labelled one where there is any.
    order = np.argsort(labels < 0, kind="stable")
    order = order[np.unique(items.patterns[parts.pool[order]], return_index=True)[1]]
    pool, labels = items.vectors[parts.pool[order]], labels[order]
    model = settings.model.model_copy(update={"prior": variant.prior})
    config = make_config(model, pool.shape[1], len(pool))
    started = time.process_time()
    state = new_state(config, pool, settings.training.learning_rate, seed)
    left = without(curriculum, variant.left_out)
    *_, last = train(
        state, pool, labels, left, settings.weights, settings.training, settings.labelling.alpha0
    )
    seconds = time.process_time() - started
    known = score(state.model, pool).responsibilities
    test = score(state.model, items.vectors[parts.test], SAMPLES, TOP)
    counts = label_counts(known, labels, len(parts.names))
    tau = tau_of(counts, settings.labelling.alpha0 / len(parts.names))
    component = test.responsibilities.argmax(1)
    return {
        "log_p": float(test.log_prob.mean()),
        "nmi": float(normalized_mutual_info_score(truth, component)),
        "ari": float(adjusted_rand_score(truth, component)),
        "tau_accuracy": float(((test.responsibilities @ tau).argmax(1) == truth).mean()),
        "components": config.components,
        "active": last.active_components,
        "cpu_seconds": seconds,
        **_copied(state, pool),
    }


def without(curriculum: Curriculum, phase: str) -> Curriculum:
    """The curriculum less the phase of that name."""
    return Curriculum(phase=tuple(p for p in curriculum.phase if p.name != phase))


def copying(pseudo_inputs: np.ndarray, items: np.ndarray) -> Copying:
    """Distances of pseudo-inputs (K, D) to their nearest of ``items`` (N, D), N at least 2, held
    against the median distance of an item to its nearest other one, 0 left out.

    A copy lies within SAME of that.  (Meehan et al. 2020 test generators for copying alike.)
    """
    near = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(items)
    between = near.kneighbors(items)[0][:, 1]
    usual = float(np.median(between[between > 0])) if (between > 0).any() else 1.0
    ratio = near.kneighbors(pseudo_inputs, 1)[0][:, 0] / usual
    return Copying(float((ratio < SAME).mean()), float(np.median(ratio)))


def _copied(state: TrainingState, pool: np.ndarray) -> dict[str, float]:
    prior, model = state.model.prior, state.model
    if not isinstance(prior, VampPrior):
        return {}
    pseudo = prior.pseudo_inputs.detach() * model.scale + model.centre
    found = copying(pseudo.numpy(), pool)
    return {"copies": found.share, "copy_distance": found.ratio}


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure over the seeds, and the standard deviation of log p and accuracy."""
    means = {name: float(np.mean([f[name] for f in found])) for name in found[0]}
    spread = {f"{n}_sd": float(np.std([f[n] for f in found])) for n in ("log_p", "tau_accuracy")}
    return means | spread
