"""Embeddings and labels -> a candidate model version with its assignments."""

import json
import time
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from genlab.config import Settings
from genlab.errors import CheckpointError, NotReady
from genlab.labelling import (
    fit_labels,
    fit_novelty,
    from_stored,
    lay_ground,
    novelty_p,
    novelty_score,
    propagate,
    queries,
)
from genlab.labelling.neighbours import partners
from genlab.labelling.responsibilities import spread_rows
from genlab.models.component_vae import ComponentVAEConfig, make_config
from genlab.pipeline.assigned import (
    Assigned,
    act_numbers,
    load_assigned,
    new_novelty_p,
    version_novelty,
)
from genlab.pipeline.components import put_components, shared_rows
from genlab.pipeline.epochs import run_epochs
from genlab.pipeline.jobs import Job
from genlab.pipeline.metrics import before_and_after, label_metrics, version_metrics
from genlab.pipeline.scored import (
    Scored,
    assignment_rows,
    held_back,
    label_indices,
    score_vectors,
)
from genlab.pipeline.tables import matrix, strings
from genlab.pipeline.versions import promote
from genlab.projection import map_positions
from genlab.store import Store
from genlab.training.checkpoints import load_checkpoint, save_checkpoint
from genlab.training.growth import Grown, grow
from genlab.training.loop import TrainingState, new_state

SMALLEST = 2  # patterns a model can be trained on


class Trained(NamedTuple):
    """A finished training."""

    version: int
    metrics: dict[str, Any]
    promoted: bool


class _Data(NamedTuple):
    table: pa.Table
    vectors: np.ndarray  # (N, D)
    names: list[str]
    labels: np.ndarray  # (N,)
    acts: np.ndarray  # (N,) alike where labels were given in one act
    messages: np.ndarray  # (N,) distinct ones
    held: np.ndarray  # (N,) of them kept back for calibration

    @property
    def seen(self) -> np.ndarray:
        """(N,) bool: what training sees."""
        return self.held < self.messages


def train_version(
    store: Store, settings: Settings, encoder_version: str, job: Job, fresh: bool = False
) -> Trained:
    """Train, score every pattern, store a candidate; the first version is put in force at once.

    Continues from the active version (optimiser included) unless ``fresh`` or its encoder differs;
    patterns that are novel to it and dense get components of their own first.
    ``settings.training.epochs`` > 0 means a short run under constant weights, of the model as it
    is; 0 the curriculum, from nothing where shape or prior differ from what the settings ask.
    Raises NotReady without embeddings, JobCancelled when the job is cancelled: then nothing is
    kept.
    """
    data = _load(store, settings, encoder_version)
    bare = lay_ground(data.vectors, np.ones((len(data.vectors), 1), np.float32))
    active = next(iter(store.rows("model_versions.active")), None)
    before = load_assigned(store, active["version"], active["components"]) if active else None
    shared = shared_rows(data.table["pattern_id"], before) if before else None
    config = make_config(settings.model, data.vectors.shape[1], int(data.seen.sum()))
    parent = None if fresh else active
    state = _continue(store, parent, config, settings, encoder_version)
    grown = Grown([], 0, {})
    if state is None or before is None or shared is None:
        parent = None
        seen = data.vectors[data.seen]
        state = new_state(config, seen, settings.training.learning_rate, settings.training.seed)
    else:
        grown = _grow(state, settings, data, before, shared, config.components)
    started = time.perf_counter()
    reports = run_epochs(
        store,
        settings,
        job,
        state,
        data.vectors[data.seen],
        data.labels[data.seen],
        partners(data.vectors[data.seen]),
        len(data.names),
        continued=parent is not None,
        note=_said(grown),
    )
    seconds = time.perf_counter() - started
    job.raise_if_cancelled()
    job.progress(len(reports), "scoring every pattern", force=True)
    scored = score_vectors(state.model, data.vectors, settings.labelling.stored_responsibilities)
    rows = from_stored(scored.components, scored.responsibilities, state.model.config.components)
    ground = bare._replace(responsibilities=rows)
    log_prob = scored.scores.log_prob
    novelty = fit_novelty(ground.near, data.messages, data.held, log_prob)
    strange = novelty_score(novelty, ground.near, log_prob, own=np.arange(len(log_prob)))
    p = np.where(data.seen, 1.0, novelty_p(novelty, strange))
    spread = propagate(ground, data.labels, data.names, settings.labelling, p, data.acts)
    job.progress(len(reports), "drawing the map", force=True)
    positions = _positions(settings, data, scored, before, shared)
    counts = data.table["message_count"].to_numpy()
    metrics = {
        **version_metrics(scored, spread, ~data.seen, counts),
        **label_metrics(spread.model),
        "loss": reports[-1].loss if reports else None,
        "training_seconds": round(seconds, 3),
        "opened_components": len(grown.opened),
        "opened_patterns": grown.patterns,
        "split_components": len(grown.split),
    }
    if before is not None and shared is not None:
        mine, theirs = shared
        was = ground._replace(
            responsibilities=spread_rows(before.responsibilities[theirs], mine, len(data.vectors))
        )
        earlier = fit_labels(was, data.labels, len(data.names), settings.labelling, data.acts)
        metrics |= before_and_after(earlier, spread.model)
    job.raise_if_cancelled()
    folder = f"models/{job.job_id}"
    save_checkpoint(store.workspace.folder / folder, state, {"encoder_version": encoder_version})
    version = store.write(
        "model_versions.add",
        parent=parent["version"] if parent else None,
        job_id=job.job_id,
        encoder_version=encoder_version,
        prior=state.model.config.prior,
        components=state.model.config.components,
        latent_dim=state.model.config.latent_dim,
        epochs=state.epoch,
        folder=folder,
        configuration=_configuration(settings, parent),
        metrics=json.dumps(metrics),
    )["version"]
    job.version = version
    put_components(store, version, data.table, scored, before, grown if parent else None)
    store.write(
        "assignments.put",
        inputs={
            "in_assignments": assignment_rows(
                data.table["pattern_id"],
                scored,
                data.messages,
                data.held,
                p,
                spread,
                data.names,
                positions,
                ground.near,
                strings(data.table["pattern_id"]),
            )
        },
        version=version,
    )
    job.progress(len(reports), f"version {version}{_said(grown)}{_compared(metrics)}", force=True)
    if active is None:
        promote(store, version, settings.labelling)  # with labels given while it trained
    return Trained(version, metrics, promoted=active is None)


def _load(store: Store, settings: Settings, encoder_version: str) -> _Data:
    table = store.read("embeddings.all", encoder_version=encoder_version)
    if table.num_rows < SMALLEST:
        raise NotReady(
            f"found {table.num_rows} embedded patterns, expected at least {SMALLEST}: "
            "run `genlab ingest PATH`, then `genlab train` again"
        )
    names = [row["name"] for row in store.rows("labels.names")]
    given = table["label"].to_pylist()
    names += sorted({y for y in given if y is not None} - set(names))
    messages = table["messages"].to_numpy()
    held = held_back(table["pattern_id"].to_pylist(), messages, settings.training.holdout)
    if (held < messages).sum() < SMALLEST:
        held[:] = 0
    labels, acts = label_indices(given, names), act_numbers(strings(table["act"]))
    return _Data(table, matrix(table["vector"]), names, labels, acts, messages, held)


def _continue(
    store: Store,
    parent: dict[str, Any] | None,
    config: ComponentVAEConfig,
    settings: Settings,
    encoder_version: str,
) -> TrainingState | None:
    """The parent's state, or None when there is none that fits the settings."""
    if parent is None or parent["encoder_version"] != encoder_version:
        return None
    try:
        state, _ = load_checkpoint(store.workspace.folder / parent["folder"])
    except CheckpointError:
        if settings.training.epochs:
            raise
        return None
    if settings.training.epochs:
        return state  # a short run goes on with the model as it is
    # K is what a model starts with: one that has grown since is still what was asked for.
    asked = json.loads(parent["configuration"])["model"]["components"]
    if settings.model.components in ("auto", asked):
        config = config.model_copy(update={"components": state.model.config.components})
    return state if state.model.config == config else None


def _configuration(settings: Settings, parent: dict[str, Any] | None) -> str:
    """What the version was made with; a short run keeps the model its parent was made as."""
    made = settings.model_dump(include={"model", "training", "weights"})
    if parent and settings.training.epochs:
        made["model"] = json.loads(parent["configuration"])["model"]
    return json.dumps(made)


def _grow(
    state: TrainingState,
    settings: Settings,
    data: _Data,
    before: Assigned,
    shared: tuple[np.ndarray, np.ndarray],
    asked: int,
) -> Grown:
    """Components for what training will see and the version in force finds novel.

    ``shared``: of shared_rows; ``asked``: K of a model made from nothing.
    """
    mine, theirs = shared
    p = np.ones(len(data.vectors))
    p[mine] = before.novelty_p[theirs]
    new = np.setdiff1d(np.flatnonzero(data.seen), mine)
    if len(new):
        vectors = data.vectors[new]
        scored = score_vectors(state.model, vectors, settings.labelling.stored_responsibilities)
        rows = from_stored(scored.components, scored.responsibilities, before.components)
        asked_of = queries(before.ground, vectors, rows)
        p[new] = new_novelty_p(before, version_novelty(before), asked_of, scored.scores.log_prob)
    novel = p[data.seen] < settings.labelling.novel_p
    return grow(state, data.vectors[data.seen], novel, asked)


def _said(grown: Grown) -> str:
    """For people; nothing when nothing opened."""
    said = ""
    if grown.opened:
        said += f"; opened {len(grown.opened)} components for {grown.patterns} patterns"
    if grown.split:
        said += f"; {len(grown.split)} new beside {len(set(grown.split.values()))} crowded ones"
    return said


def _compared(metrics: dict[str, Any]) -> str:
    if "label_accuracy_before" not in metrics:
        return ""
    was, now = metrics["label_accuracy_before"], metrics["label_accuracy_after"]
    return f"; accuracy on labelled patterns {was:.3f} before, {now:.3f} after"


def _positions(
    settings: Settings,
    data: _Data,
    scored: Scored,
    before: Assigned | None,
    shared: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    previous = None
    if before is not None and shared is not None:
        previous = np.full((len(data.vectors), 2), np.nan)
        mine, theirs = shared
        previous[mine] = before.map_xy[theirs]
    return map_positions(
        scored.scores.latent_mean,
        previous,
        settings.projection.neighbours,
        settings.projection.min_dist,
        settings.training.seed,
    )
