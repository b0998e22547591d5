"""Files of a configured source -> messages and patterns; then the new patterns' scores."""

from typing import Any

from prefect import flow, task
from prefect.states import State

from flows.score import score_new_patterns
from flows.stage import run_stage
from genlab.config import Settings, SourceSettings
from genlab.errors import ConfigError
from genlab.ingest import IngestOptions
from genlab.pipeline import ingest as pipeline
from genlab.pipeline.jobs import Job
from genlab.store import Store


@flow(name="ingest")
def ingest(source: str) -> Any:
    """Read what is new in a source of flows.sources; score it when a version is in force.

    The tables remember how far each file was read: run twice, they are the same.
    """
    state = read_source(source, return_state=True)
    if state.is_cancelled():
        return state
    ingested = state.result()
    scored = score_new_patterns()
    return scored if isinstance(scored, State) else {"ingested": ingested, "scored": scored}


def _is_os_error(task: Any, run: Any, state: State) -> bool:
    return isinstance(state.result(raise_on_failure=False), OSError)


# A share that is away for a moment comes back; a wrong setting does not.
@task(retries=2, retry_delay_seconds=3, retry_condition_fn=_is_os_error)
def read_source(name: str) -> Any:
    """One pass over a source's files; counts of what was read, as pipeline.ingest.Ingested."""

    def work(store: Store, settings: Settings, job: Job) -> dict[str, int]:
        source = find_source(settings, name)

        def tell(total: pipeline.Ingested, force: bool = False) -> None:
            job.progress(total.lines, f"{name}: {total.messages:,} new messages", force=force)

        done = pipeline.ingest(
            store,
            source.paths,
            IngestOptions(format=source.format, source=name),
            settings.ingest,
            tell,
            job.should_stop,
        )
        job.raise_if_cancelled()
        tell(done, force=True)
        return done._asdict()

    return run_stage("ingest", work)


def find_source(settings: Settings, name: str) -> SourceSettings:
    """The configured source of that name; ConfigError listing the known ones."""
    for source in settings.flows.sources:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in settings.flows.sources) or "none"
    raise ConfigError(
        f"no source {name!r} in flows.sources; known: {known}; see config/default.toml"
    )
