"""Labels from the command line: label import, label export, suggest."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import click

from genlab.commands.common import Desk, desk_options, example, json_option, show, table
from genlab.errors import NotReady


@click.group()
def label() -> None:
    """Import and export expert labels."""


@label.command("import", epilog=example("genlab label import labels.csv"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--annotator", default=getpass.getuser, help="Who, where the file does not say.")
@json_option
@desk_options
def import_(desk: Desk, file: Path, annotator: str, as_json: bool) -> None:
    """Read a CSV with columns message_id (or text), label, and maybe annotator, at."""
    from genlab.pipeline.labels import import_labels, propagate_labels

    with desk.connect() as store:
        done = import_labels(store, file, annotator)
        try:
            settled = propagate_labels(store, desk.settings.labelling)[3].settled_messages
        except NotReady:
            settled = None  # labels wait for the first model

    def lines():
        yield f"{done.rows:,} rows: {done.labelled_patterns:,} patterns labelled" + (
            f", {settled:,} messages settled" if settled is not None else ""
        )
        if done.unmatched:
            first = done.unmatched[0]
            yield f"{len(done.unmatched):,} rows match no stored message, e.g. {first!r}"

    show({**done._asdict(), "settled_messages": settled}, as_json, lines)


@label.command("export", epilog=example("genlab label export labels.csv"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@desk_options
def export(desk: Desk, file: Path) -> None:
    """Write every labelled pattern, one of its messages each, as CSV."""
    from genlab.pipeline.labels import export_labels

    with desk.connect() as store:
        rows = export_labels(store, file)
    click.echo(f"{rows:,} labelled patterns written to {file}", err=True)


@click.command(epilog=example("genlab suggest -n 10"))
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(min=1))
@json_option
@desk_options
def suggest(desk: Desk, count: int, as_json: bool) -> None:
    """What to label next, how many messages each answer would settle, and whether it pays."""
    from genlab.pipeline.suggest import suggestions

    with desk.connect() as store:
        asked = suggestions(store, desk.settings.labelling, count)

    def lines() -> Iterator[str]:
        yield from table(asked.questions, ["would_settle", "reason", "label", "text", "pattern_id"])
        ahead = asked.outlook
        yield (
            f"the next {ahead.questions} questions settle about {ahead.per_question:,.1f} messages "
            f"each (90 %: {ahead.lower:,.1f} to {ahead.upper:,.1f}); {ahead.known:,.0f} are known"
        )
        if not ahead.pays:
            yield f"more labels no longer pay: that is less than {ahead.threshold:,.1f} each"

    show({"questions": asked.questions, "outlook": asked.outlook._asdict()}, as_json, lines)
