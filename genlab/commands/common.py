"""What the commands share: options, the opened workspace, progress bars, output."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from genlab.config import Settings, load_settings
from genlab.store import Store, Workspace, connect, default_workspace


class Desk(NamedTuple):
    """The workspace a command works on and the settings in force."""

    workspace: Workspace
    settings: Settings

    def connect(self) -> Store:
        """The store: through its owner, or owning it for the length of the command."""
        return connect(self.workspace, self.settings.store)


def desk_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --workspace and --set; the command gets a :class:`Desk` as its first argument."""

    @click.option(
        "--workspace",
        type=click.Path(path_type=Path),
        envvar="GENLAB_HOME",
        help="The workspace directory (default: GENLAB_HOME, else in your data directory).",
    )
    @click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="NAME=VALUE",
        help="Override a setting of config/default.toml, e.g. model.prior=vamp.",
    )
    @wraps(command)
    def wrapped(workspace: Path | None, overrides: tuple[str, ...], **rest: Any) -> Any:
        opened = Workspace(workspace or default_workspace())
        return command(Desk(opened, load_settings(opened.folder, overrides)), **rest)

    return wrapped


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def example(text: str) -> str:
    """An epilog that shows how the command is used."""
    return "\b\nExample:\n  " + "\n  ".join(text.strip().splitlines())


def show(result: Any, as_json: bool, lines: Callable[[], Iterator[str]]) -> None:
    """Print ``result`` as JSON, or as the readable ``lines``."""
    if as_json:
        click.echo(json.dumps(result, default=str, indent=2))
    else:
        for line in lines():
            click.echo(line)


def table(rows: list[dict[str, Any]], columns: list[str]) -> Iterator[str]:
    """Rows as aligned columns, numbers to the right."""
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(c) for c in column) for column in zip(columns, *cells, strict=True)]
    numeric = [
        all(isinstance(row.get(name), int | float | None) for row in rows) for name in columns
    ]
    for line in [columns, *cells]:
        yield "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return " ".join(str(value).split())[:100]


@contextmanager
def progress(title: str, total: float | None = None) -> Iterator[Callable[..., None]]:
    """A bar on stderr; silent when that is not a terminal.  Call it with (done, total, detail)."""
    if not sys.stderr.isatty():
        yield lambda *args, **kwargs: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        known = total
        task = bar.add_task(title, total=known, detail="")

        def update(done: float, total: float | None = None, detail: str = "") -> None:
            bar.update(task, completed=done, detail=detail, total=total or known)

        yield update
