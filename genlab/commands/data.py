"""Messages in, predictions out: ingest, predict, export."""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from genlab.commands.common import Desk, desk_options, example, json_option, progress, show
from genlab.errors import InputError

_FORMATS = ["auto", "text", "jsonl", "csv", "syslog", "journal", "otlp"]


@click.command(
    epilog=example("genlab ingest /var/log/syslog --source web\ncat app.log | genlab ingest -")
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="auto", show_default=True)
@click.option("--source", help="Name of the source (default: from the file's name).")
@click.option("--text-field", help="Field or column that holds the text.")
@click.option("--id-field", help="Field that holds the message's own id.")
@click.option("--time-field", help="Field that holds the time.")
@click.option("--device-field", help="Field that holds the device.")
@click.option("--severity-field", help="Field that holds the severity.")
@click.option("--follow", is_flag=True, help="Keep reading as files grow; end with Ctrl-C.")
@json_option
@desk_options
def ingest(desk: Desk, paths: tuple[str, ...], format_: str, as_json: bool, **fields: Any) -> None:
    """Read files, folders, globs or standard input (-) into the workspace.

    Reading a file again adds nothing; what cannot be a message goes to quarantine and says why.
    """
    from genlab.ingest import IngestOptions
    from genlab.ingest.files import printable
    from genlab.pipeline.ingest import Ingested
    from genlab.pipeline.ingest import ingest as run
    from genlab.pipeline.jobs import Job

    with (
        desk.connect() as store,
        progress("ingest") as bar,
        Job(store, "ingest", detail=" ".join(map(printable, paths))) as job,
    ):

        def report(total: Ingested) -> None:
            bar(total.lines, None, f"{total.patterns:,} new patterns")
            job.progress(total.lines)

        options = IngestOptions(format=format_, **fields)  # type: ignore[arg-type]
        ended = threading.Event()
        if options.follow:  # Ctrl-C is how it ends, not an interruption
            signal.signal(signal.SIGINT, lambda *_: ended.set())
        done = run(
            store,
            paths,
            options,
            desk.settings.ingest,
            report,
            lambda: ended.is_set() or job.should_stop(),
        )
    show(
        done._asdict(),
        as_json,
        lambda: iter(
            [
                f"{done.lines:,} lines: {done.messages:,} new messages in {done.patterns:,} new "
                f"patterns, {done.quarantined:,} to quarantine"
            ]
        ),
    )


@click.command(epilog=example("""echo '{"text": "pump 7 pressure low"}' | genlab predict"""))
@click.argument("file", type=click.Path(allow_dash=True), default="-")
@desk_options
def predict(desk: Desk, file: str) -> None:
    """Label messages without storing them: JSON lines (or plain text lines) in, JSON lines out."""
    from genlab.scorer_client import predictor

    with (
        click.open_file(file, encoding="utf-8") as stream,
        predictor(desk.workspace, desk.settings) as label,
    ):
        for records in _chunks(stream):
            for result in label(records):
                click.echo(json.dumps(result))


def _chunks(file: Any, size: int = 1000) -> Iterator[list[dict[str, Any]]]:
    records: list[dict[str, Any]] = []
    number = 0
    try:
        for number, line in enumerate(file, start=1):
            if line.strip():
                records.append(_record(line, number))
            if len(records) == size:
                yield records
                records = []
    except UnicodeDecodeError as error:
        raise InputError(
            f"after line {number}: not UTF-8 ({error.reason}); convert it with iconv -t UTF-8"
        ) from None
    if records:
        yield records


def _record(line: str, number: int) -> dict[str, Any]:
    if not line.lstrip().startswith("{"):
        return {"text": line.rstrip("\r\n")}
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"line {number}: not JSON: {error}") from None
    if not isinstance(record.get("text"), str) or not record["text"].strip():
        raise InputError(
            f"line {number}: found fields {sorted(record)}, expected 'text' with the message in it"
        )
    return record


@click.group()
def export() -> None:
    """Write what is known to a file."""


@export.command(epilog=example("genlab export predictions predictions.parquet"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@desk_options
def predictions(desk: Desk, file: Path) -> None:
    """Every stored message with its prediction: FILE ends in .csv, .parquet or .jsonl."""
    from genlab.pipeline.export import export_predictions

    with desk.connect() as store:
        rows = export_predictions(store, file)
    click.echo(f"{rows:,} messages written to {file}", err=True)
