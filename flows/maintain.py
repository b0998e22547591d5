"""Looking after the workspace: backup, checks, forgetting what nobody needs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow

from flows.stage import run_stage
from genlab.config import Settings
from genlab.pipeline import care
from genlab.pipeline.jobs import Job, reconcile
from genlab.store import Store

_PREFIX = "maintain-"
_KEPT_ASSIGNMENTS = 3  # retired versions whose assignments stay, for rollbacks and comparisons


@flow(name="maintain")
def maintain() -> Any:
    """Back up, check, prune; the backup's path and what the checks found."""
    return run_stage("maintain", _maintain)


def _maintain(store: Store, settings: Settings, job: Job) -> dict[str, Any]:
    steps = 4
    job.progress(0, "ending jobs whose process is gone", total=steps, force=True)
    reconcile(store)
    store.write("checks.forget_write_keys")
    store.write("assignments.prune", keep=_KEPT_ASSIGNMENTS)
    job.raise_if_cancelled()
    job.progress(1, "checks", force=True)
    found = [problem._asdict() for problem in care.problems(store)]
    job.raise_if_cancelled()
    job.progress(2, "backup", force=True)
    target = store.workspace.backups / f"{_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"
    care.backup(store, target)
    job.progress(3, "old backups", force=True)
    prune_backups(store.workspace.backups, settings.flows.backups_kept)
    summary = "; ".join(f"{p['check']}: {p['rows']} ({p['advice']})" for p in found)
    job.progress(steps, f"{target.name}; {summary or 'all checks clean'}", force=True)
    return {"backup": str(target), "problems": found}


def prune_backups(folder: Path, kept: int) -> list[Path]:
    """Remove all but the newest ``kept`` backups that ``maintain`` made; the removed ones."""
    old = sorted(folder.glob(f"{_PREFIX}*.tar"))[:-kept]
    for path in old:
        path.unlink()
    return old
