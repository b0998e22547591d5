"""The epochs of one training job, told to the store while they run."""

import numpy as np
import pyarrow as pa

from genlab.config import Settings
from genlab.pipeline.jobs import Job
from genlab.store import Store
from genlab.training.curriculum import continuation, load_curriculum
from genlab.training.loop import EpochReport, TrainingState, train


def run_epochs(
    store: Store,
    settings: Settings,
    job: Job,
    state: TrainingState,
    vectors: np.ndarray,
    labels: np.ndarray,
    neighbours: np.ndarray,
    n_labels: int,
    continued: bool,
    note: str,
) -> list[EpochReport]:
    """Train ``state`` in place on vectors (N, D), labels (N,), -1 for none, and neighbours (N, k).

    ``continued``: a short run goes on under constant weights; anything else follows the curriculum.
    ``note`` is shown beside the progress.  Ends early when the job is asked to stop.
    """
    epochs = settings.training.epochs
    if epochs and continued:
        curriculum = continuation(epochs)
    else:
        curriculum = load_curriculum(settings.training.curriculum)
        if epochs:
            curriculum = curriculum.within(epochs)
    planned = sum(phase.epochs for phase in curriculum.phases(bool((labels >= 0).any())))
    reports: list[EpochReport] = []
    job.progress(0, f"epoch {state.epoch + 1}{note}", total=planned, force=True)
    for report in train(
        state,
        vectors,
        labels,
        curriculum,
        settings.weights,
        settings.training,
        settings.labelling.alpha0 / max(n_labels, 1),  # per cell, as in use
        job.should_stop,
        neighbours,
    ):
        reports.append(report)
        _store_epoch(store, job.job_id, report)
        said = f"epoch {report.epoch} ({report.phase}){note}"
        job.progress(len(reports), said, total=planned, force=True)
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
