"""Patterns -> embeddings -> what the active version says of them."""

from typing import Any

from prefect import flow
from prefect.states import State

from flows.alerts import tell_alerts
from flows.stage import opened, run_stage
from genlab.config import Settings
from genlab.pipeline.jobs import Job
from genlab.store import Store

# torch is loaded where there is work: a scheduled ingest that finds nothing new stays light.


@flow(name="embed")
def embed() -> Any:
    """Embed the patterns that the configured encoder has not embedded; how many."""
    return run_stage("embed", embed_missing)


@flow(name="score")
def score() -> Any:
    """Embed and score what came in since, under the active version; no training."""
    return _told(run_stage("score", score_missing))


def embed_missing(store: Store, settings: Settings, job: Job) -> dict[str, int]:
    """The work of ``embed``, as a part of other jobs too."""
    from genlab.encoders import load_encoder
    from genlab.pipeline.embed import embed

    job.progress(0, "loading the encoder", force=True)
    encoder = load_encoder(settings.encoder)
    done = embed(store, encoder, settings.encoder.chunk, _teller(job, "embed"), job.should_stop)
    job.raise_if_cancelled()
    return {"embedded": done}


def score_missing(store: Store, settings: Settings, job: Job) -> dict[str, Any]:
    """The work of ``score``: NotReady before the first version."""
    from genlab.encoders import load_encoder
    from genlab.pipeline.score import score_new

    job.progress(0, "loading encoder and model", force=True)
    done = score_new(store, load_encoder(settings.encoder), settings, _teller(job, "score"))
    job.version = done.version
    said = [f"{done.scored:,} new patterns, {done.novel:,} novel"]
    said += [f"{scored:,} by v{version} in shadow" for version, scored in done.shadows.items()]
    job.progress(done.scored, "; ".join([*said, *done.problems]), force=True)
    return done._asdict()


def score_new_patterns() -> State | dict[str, Any] | None:
    """Score as a job of its own if a version is in force that has not scored every pattern."""
    with opened() as (store, _):
        if not store.read("checks.unscored_patterns").num_rows:
            return None
    return _told(run_stage("score", score_missing))


def _told(scored: Any) -> Any:
    """The same, once the alert rules have seen it."""
    tell_alerts()
    return scored


def _teller(job: Job, detail: str) -> Any:
    def tell(done: int, total: int) -> None:
        job.progress(done, detail, total=total)
        job.raise_if_cancelled()

    return tell
