"""Embeddings and labels -> a candidate model version with its assignments."""

import json
import time
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from genlab.config import Settings
from genlab.errors import CheckpointError, NotReady
from genlab.labelling import (
    Propagation,
    cross_fit,
    ece,
    from_stored,
    propagate,
    reliability,
    temper,
)
from genlab.models.component_vae import ComponentVAEConfig, make_config
from genlab.pipeline.components import component_rows
from genlab.pipeline.jobs import Job
from genlab.pipeline.scored import (
    Scored,
    assignment_rows,
    held_out,
    label_indices,
    score_vectors,
)
from genlab.pipeline.tables import matrix
from genlab.pipeline.versions import promote
from genlab.projection import map_positions
from genlab.store import Store
from genlab.training.checkpoints import load_checkpoint, save_checkpoint
from genlab.training.curriculum import continuation, load_curriculum
from genlab.training.loop import EpochReport, TrainingState, new_state, train

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
    held_out: np.ndarray  # (N,) bool


def train_version(
    store: Store, settings: Settings, encoder_version: str, job: Job, fresh: bool = False
) -> Trained:
    """Train, score every pattern, store a candidate; the first version is put in force at once.

    Continues from the active version (optimiser included) unless ``fresh`` or its encoder differs.
    ``settings.training.epochs`` > 0 means a short run under constant weights, of the model as it
    is; 0 the curriculum, from nothing where shape or prior differ from what the settings ask.
    Raises NotReady without embeddings, JobCancelled when the job is cancelled: then nothing is
    kept.
    """
    data = _load(store, settings, encoder_version)
    active = next(iter(store.rows("model_versions.active")), None)
    config = make_config(settings.model, data.vectors.shape[1], int((~data.held_out).sum()))
    parent = None if fresh else active
    state = _continue(store, parent, config, settings, encoder_version)
    if state is None:
        parent = None
        seen = data.vectors[~data.held_out]
        state = new_state(config, seen, settings.training.learning_rate, settings.training.seed)
    started = time.perf_counter()
    reports = _run(store, settings, job, data, state, continued=parent is not None)
    seconds = time.perf_counter() - started
    job.raise_if_cancelled()
    job.progress(len(reports), "scoring every pattern", force=True)
    scored = score_vectors(
        state.model,
        data.vectors,
        None,
        settings.labelling.stored_responsibilities,
        data.held_out if data.held_out.any() else np.ones(len(data.vectors), bool),
    )
    rows = from_stored(scored.components, scored.responsibilities, state.model.config.components)
    spread = propagate(rows, data.labels, data.names, settings.labelling, scored.novelty_p)
    job.progress(len(reports), "drawing the map", force=True)
    positions = _positions(store, settings, data, scored, active)
    metrics = _metrics(settings, data, state, scored, spread, rows, reports, seconds)
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
        configuration=settings.model_dump_json(include={"model", "training", "weights"}),
        metrics=json.dumps(metrics),
    )["version"]
    job.version = version
    ids = data.table["pattern_id"]
    parent_components = (
        store.rows("model_versions.components", version=parent["version"]) if parent else []
    )
    identities = {row["component"]: row["component_id"] for row in parent_components}
    store.write(
        "model_versions.put_components",
        inputs={
            "in_components": component_rows(
                scored.scores.responsibilities,
                ids.to_pylist(),
                data.table["canonical_text"].to_pylist(),
                data.table["message_count"].to_numpy(),
                [identities[c] for c in sorted(identities)] or None,
            )
        },
        version=version,
    )
    store.write(
        "assignments.put",
        inputs={
            "in_assignments": assignment_rows(
                ids, scored, data.held_out, spread, data.names, positions
            )
        },
        version=version,
    )
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
    out = held_out(table["pattern_id"].to_pylist(), settings.training.holdout)
    if out.sum() > len(out) - SMALLEST:
        out[:] = False
    return _Data(table, matrix(table["vector"]), names, label_indices(given, names), out)


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
    # With components = "auto" K follows the data only when a model is made from nothing.
    wanted = config
    if settings.model.components == "auto":
        wanted = config.model_copy(update={"components": state.model.config.components})
    return state if state.model.config == wanted else None


def _run(
    store: Store,
    settings: Settings,
    job: Job,
    data: _Data,
    state: TrainingState,
    continued: bool,
) -> list[EpochReport]:
    seen = ~data.held_out
    labels = data.labels[seen]
    epochs = settings.training.epochs
    if epochs and continued:
        curriculum = continuation(epochs)
    else:
        curriculum = load_curriculum(settings.training.curriculum)
        if epochs:
            curriculum = curriculum.within(epochs)
    planned = sum(phase.epochs for phase in curriculum.phases(bool((labels >= 0).any())))
    first = state.epoch
    reports: list[EpochReport] = []
    job.progress(0, f"epoch {first + 1}", total=planned, force=True)
    for report in train(
        state,
        data.vectors[seen],
        labels,
        curriculum,
        settings.weights,
        settings.training,
        settings.labelling.alpha0 / max(len(data.names), 1),  # per cell, as in use
        job.should_stop,
    ):
        reports.append(report)
        _store_epoch(store, job.job_id, report)
        job.progress(
            len(reports), f"epoch {report.epoch} ({report.phase})", total=planned, force=True
        )
    return reports


def _store_epoch(store: Store, job_id: str, report: EpochReport) -> None:
    row = {
        "job_id": job_id,
        "epoch": report.epoch,
        "phase": report.phase,
        "total": report.loss,
        **report.terms,
        **report.weights,
        "active_components": report.active_components,
        "seconds": report.seconds,
    }
    schema = pa.schema(
        [
            (
                name,
                {"epoch": pa.int32(), "active_components": pa.int32()}.get(
                    name, pa.string() if name in ("job_id", "phase") else pa.float64()
                ),
            )
            for name in row
        ]
    )
    store.write(
        "model_versions.add_epoch",
        inputs={"in_epochs": pa.Table.from_pylist([row], schema=schema)},
    )


def _positions(
    store: Store,
    settings: Settings,
    data: _Data,
    scored: Scored,
    active: dict[str, Any] | None,
) -> np.ndarray:
    previous = None
    if active is not None:
        known = store.read("assignments.positions", version=active["version"])
        at = {p: i for i, p in enumerate(known["pattern_id"].to_pylist())}
        xy = np.column_stack([known["map_x"].to_numpy(), known["map_y"].to_numpy()])
        previous = np.array(
            [
                xy[at[p]] if p in at else (np.nan, np.nan)
                for p in data.table["pattern_id"].to_pylist()
            ]
        )
    return map_positions(
        scored.scores.latent_mean,
        previous,
        settings.projection.neighbours,
        settings.projection.min_dist,
        settings.training.seed,
    )


def _metrics(
    settings: Settings,
    data: _Data,
    state: TrainingState,
    scored: Scored,
    spread: Propagation,
    rows: Any,
    reports: list[EpochReport],
    seconds: float,
) -> dict[str, Any]:
    """Measured on the data at hand; held-out means patterns the model never trained on."""
    log_prob = scored.scores.log_prob
    counts = data.table["message_count"].to_numpy()
    fitted = cross_fit(
        rows,
        data.labels,
        spread.model.counts,
        settings.labelling.alpha0 / max(len(data.names), 1),
    )
    metrics: dict[str, Any] = {
        "patterns": len(log_prob),
        "messages": int(counts.sum()),
        "labelled_patterns": int((data.labels >= 0).sum()),
        "log_px_train": float(log_prob[~data.held_out].mean()),
        "log_px_held_out": float(log_prob[data.held_out].mean()) if data.held_out.any() else None,
        "active_components": len(np.unique(scored.components[:, 0])),
        "known_messages_share": float(counts[spread.verdict == "known"].sum() / counts.sum()),
        "novel_patterns": int((spread.verdict == "novel").sum()),
        "loss": reports[-1].loss if reports else None,
        "training_seconds": round(seconds, 3),
    }
    if len(fitted.rows):
        right = fitted.probabilities.argmax(axis=1) == fitted.labels
        metrics["label_accuracy_cross_fitted"] = float(right.mean())
        metrics["ece_cross_fitted"] = ece(
            reliability(temper(fitted.probabilities, spread.model.temperature).max(axis=1), right)
        )
    return metrics
