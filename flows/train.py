"""Embeddings and labels -> a candidate model version.  One training at a time, never retried."""

from typing import Any

from prefect import flow

from flows.score import embed_missing
from flows.stage import run_stage
from genlab.config import Settings
from genlab.pipeline.jobs import Job
from genlab.pipeline.labels import propagate_labels
from genlab.store import Store


@flow(name="train")
def train(
    epochs: int | None = None,
    weights: dict[str, float] | None = None,
    prior: str | None = None,
    components: int | str | None = None,
    curriculum: str | None = None,
    fresh: bool = False,
) -> Any:
    """A candidate from the active version, or from nothing when ``fresh`` or of another shape.

    What is not given comes from the settings; ``weights``: {"kl_weight": 0.5, ...}.
    """
    given = {
        "training.epochs": epochs,
        "training.curriculum": curriculum,
        "model.prior": prior,
        "model.components": components,
    }
    return run_stage("train", _training(fresh), given | _weights(weights))


@flow(name="retrain")
def retrain(epochs: int = 3, weights: dict[str, float] | None = None) -> Any:
    """Labels -> tau -> refit -> score -> candidate: a short run on from the active version."""

    def work(store: Store, settings: Settings, job: Job) -> dict[str, Any]:
        if store.rows("model_versions.active"):
            propagate_labels(store, settings.labelling)
        return _training(fresh=False)(store, settings, job)

    return run_stage("retrain", work, {"training.epochs": epochs} | _weights(weights))


def _training(fresh: bool) -> Any:
    def work(store: Store, settings: Settings, job: Job) -> dict[str, Any]:
        from genlab.encoders import load_encoder
        from genlab.pipeline.train import train_version

        embed_missing(store, settings, job)
        encoder = load_encoder(settings.encoder)
        done = train_version(store, settings, encoder.version, job, fresh)
        return {"version": done.version, "promoted": done.promoted, "metrics": done.metrics}

    return work


def _weights(weights: dict[str, float] | None) -> dict[str, float]:
    return {f"weights.{name}": value for name, value in (weights or {}).items()}
