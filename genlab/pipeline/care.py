"""Looking after a workspace: status, checks, backup, restore."""

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from genlab.errors import InputError
from genlab.store import Store, Workspace
from genlab.store.workspace import read_service_file

_CHECKS = {
    "checks.doubled_messages": "messages stored more than once: restore a backup",
    "checks.doubled_patterns": "patterns stored more than once: restore a backup",
    "checks.wrong_counts": "patterns whose count is not the number of their messages: "
    "restore a backup",
    "checks.messages_without_pattern": "messages without a pattern: restore a backup",
    "checks.doubled_assignments": "patterns assigned twice: train and promote a new version",
    "checks.broken_responsibilities": "responsibilities that do not sum to 1: train again",
    "checks.unscored_patterns": "patterns not scored yet: run `genlab score`",
    "checks.unembedded_patterns": "patterns not embedded yet: run `genlab score`",
}
_KEPT = ("models", "genlab.toml")  # beside the database


class Problem(NamedTuple):
    """Something ``genlab doctor`` found."""

    check: str
    rows: int  # offending rows, 20 at most are counted
    advice: str


def status(store: Store) -> dict[str, Any]:
    """What is in a workspace and what runs on it."""
    totals = store.rows("messages.totals")[0]
    active = next(iter(store.rows("model_versions.active")), None)
    verdicts = store.rows("assignments.verdicts", version=active["version"]) if active else []
    known = sum(row["messages"] for row in verdicts if row["verdict"] == "known")
    labelled = store.rows("labels.list")
    return {
        "workspace": str(store.workspace.folder),
        **totals,
        "labels": len(labelled),
        "labelled_patterns": sum(row["patterns"] for row in labelled),
        "embeddings": store.rows("embeddings.count"),
        "active_version": active["version"] if active else None,
        "known_messages_share": known / totals["messages"] if totals["messages"] else None,
        "verdicts": verdicts,
        "by_source": store.rows("messages.by_source"),
        "jobs_running": store.rows("jobs.running"),
        "services": {
            "up": read_service_file(store.workspace.up_file) is not None,
            "owner": store.owned_elsewhere(),
            "scorer": read_service_file(store.workspace.scorer_file) is not None,
        },
    }


def problems(store: Store) -> Iterator[Problem]:
    """Run every check; what it finds."""
    for name, advice in _CHECKS.items():
        rows = store.read(name).num_rows
        if rows:
            yield Problem(name, rows, advice)
    for version in store.rows("model_versions.list"):
        folder = store.workspace.folder / version["folder"]
        if version["status"] == "active" and not folder.is_dir():
            yield Problem(
                "model folder of the active version",
                1,
                f"{folder} is missing: `genlab rollback`, or restore a backup",
            )
    free = shutil.disk_usage(store.workspace.folder).free
    if free < 1 << 30:
        yield Problem("disk space", 1, f"only {free >> 20} MiB free: make room")


def backup(store: Store, target: Path) -> int:
    """Write database, models and settings into one new tar file while everything runs; its size.

    The database is copied as of one moment.
    """
    if target.exists():
        raise InputError(f"{target} exists already: choose another name or remove it")
    target.parent.mkdir(parents=True, exist_ok=True)
    store.workspace.backups.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.workspace.backups) as scratch:
        copy = Path(scratch) / "genlab.duckdb"
        store.backup(copy)
        unfinished = target.with_name(target.name + ".part")
        with tarfile.open(unfinished, "w") as archive:
            archive.add(copy, "genlab.duckdb")
            for name in _KEPT:
                if (store.workspace.folder / name).exists():
                    archive.add(store.workspace.folder / name, name)
        unfinished.replace(target)
    return target.stat().st_size


def restore(workspace: Workspace, source: Path, force: bool = False) -> None:
    """Unpack a backup into a workspace nobody uses.

    A database already there is replaced only with ``force``; it, its models and settings are then
    kept in a folder before-restore-TIME.  Raises InputError for a file that is no backup.
    """
    for service in (workspace.up_file, workspace.owner_file):
        if read_service_file(service) is not None:
            raise InputError(f"{workspace.folder} is in use: run `genlab down` first")
    if workspace.database.exists() and not force:
        raise InputError(
            f"{workspace.folder} holds a database: add --force to put it aside, "
            "or choose another --workspace"
        )
    wal = workspace.database.name + ".wal"
    try:
        with (
            tempfile.TemporaryDirectory(dir=workspace.folder) as scratch,
            tarfile.open(source) as archive,
        ):
            archive.extractall(scratch, filter="data")
            if not (Path(scratch) / workspace.database.name).is_file():
                raise InputError(f"{source} holds no genlab.duckdb: it is not a genlab backup")
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
            aside = workspace.folder / f"before-restore-{stamp}"
            for name in (workspace.database.name, wal, *_KEPT):
                if (there := workspace.folder / name).exists():
                    aside.mkdir(exist_ok=True)
                    there.replace(aside / name)
            for name in (workspace.database.name, *_KEPT):  # nothing else an archive may hold
                if (found := Path(scratch) / name).exists():
                    shutil.move(str(found), workspace.folder / name)
    except (tarfile.TarError, OSError, io.UnsupportedOperation) as error:
        raise InputError(f"{source}: cannot be read as a backup: {error}") from None
