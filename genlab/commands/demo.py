"""``genlab demo``: the whole road on a simulated fleet, in one command."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from genlab.commands.common import Desk, desk_options, example, progress

_DAYS = 14.0
_FIRST_DAYS = 10.0  # what the first model is trained on; the rest arrives afterwards


@click.command(epilog=example("genlab demo\ngenlab demo --no-serve --workspace ./demo"))
@click.option("--no-serve", is_flag=True, help="End after scoring, without the dashboard.")
@click.option("--messages", default=20_000, show_default=True, type=click.IntRange(min=500))
@click.option(
    "--labels",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Label this many patterns of each kind from the truth, as if an expert had.",
)
@desk_options
def demo(desk: Desk, no_serve: bool, messages: int, labels: int) -> int:
    """Simulate a fleet, ingest, embed, train, score, then open the dashboard.

    Ten days of messages are there when the model is trained; four more arrive afterwards and bring
    kinds it has never seen.  The truth is in each message's attributes.  Run again, it goes on with
    what is there.
    """
    from genlab.encoders import load_encoder
    from genlab.ingest import IngestOptions
    from genlab.pipeline.care import status
    from genlab.pipeline.demo import check_against_truth, label_from_truth
    from genlab.pipeline.ingest import ingest
    from genlab.pipeline.score import score_new

    first, second = _write_fleet(desk, messages)
    options = IngestOptions(format="jsonl", source="fleet")

    def read(path: str, title: str) -> None:
        with desk.connect() as store, progress(title, messages) as bar:
            done = ingest(
                store, [path], options, desk.settings.ingest, lambda total: bar(total.lines)
            )
        click.echo(
            f"{title}: {done.messages:,} new messages, {done.patterns:,} new patterns, "
            f"{done.quarantined:,} in quarantine",
            err=True,
        )

    read(str(first), "ingest, first ten days")
    with desk.connect() as store:
        trained = bool(store.rows("model_versions.active"))
        if labels:
            label_from_truth(store, labels)
    if not trained:
        from genlab.commands.model import run_training

        done = run_training(desk)
        click.echo(
            f"train: version {done.version}, {done.metrics['active_components']} components for "
            f"{done.metrics['patterns']:,} patterns, {done.metrics['training_seconds']:.0f} s",
            err=True,
        )
    read(str(second), "ingest, last four days")
    with desk.connect() as store:
        with progress("score") as bar:
            scored = score_new(store, load_encoder(desk.settings.encoder), desk.settings, bar)
        click.echo(
            f"score: {scored.scored:,} new patterns, {scored.novel:,} of them novel", err=True
        )
        found: dict[str, Any] = status(store)
        truth = check_against_truth(store)
    click.echo(
        f"{found['messages']:,} messages, {found['patterns']:,} patterns, "
        f"version {found['active_version']}, {found['known_messages_share']:.1%} known",
        err=True,
    )
    if truth["known_messages"]:
        click.echo(
            f"against the truth: {truth['right_messages'] / truth['known_messages']:.1%} of the "
            f"{truth['known_messages']:,} messages called known have the right label",
            err=True,
        )
    if no_serve:
        return 0
    from genlab.supervisor import up

    return up(desk.workspace, desk.settings)


def _write_fleet(desk: Desk, messages: int) -> tuple[Any, Any]:
    """Two files of JSON lines, written once per workspace: ten days, then four."""
    import json

    from genlab.ingest.fleet import generate, load_fleet

    folder = desk.workspace.folder / "demo"
    folder.mkdir(exist_ok=True)
    first, second = folder / "fleet-first.jsonl", folder / "fleet-second.jsonl"
    if first.exists() and second.exists():
        return first, second
    start = datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(days=_DAYS)
    border = (start + timedelta(days=_FIRST_DAYS)).isoformat()
    with (
        first.with_suffix(".part").open("w", encoding="utf-8") as early,
        second.with_suffix(".part").open("w", encoding="utf-8") as late,
    ):
        for record in generate(load_fleet(), messages, desk.settings.training.seed, start, _DAYS):
            (early if record["time"] < border else late).write(json.dumps(record) + "\n")
    for path in (first, second):
        path.with_suffix(".part").replace(path)
    return first, second
