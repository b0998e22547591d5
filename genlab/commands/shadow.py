"""Shadow runs: a candidate on new messages, beside the version in force."""

from collections.abc import Iterator
from typing import Any

import click

from genlab.commands.common import Desk, desk_options, example, json_option, show, table

_CHANGE = ["label_a", "verdict_a", "label_b", "verdict_b", "patterns", "messages"]


@click.group()
def shadow() -> None:
    """Try a candidate on new messages before it is put in force.

    In shadow a version scores what comes in beside the version in force; nobody sees it.  `genlab
    up` scores for both, and so does `genlab score`.
    """


@shadow.command(epilog=example("genlab shadow start 3"))
@click.argument("version", type=int)
@desk_options
def start(desk: Desk, version: int) -> None:
    """Put a candidate in shadow, until it is promoted or stopped."""
    from genlab.pipeline.shadow import begin_shadow

    with desk.connect() as store:
        begin_shadow(store, version)
    click.echo(f"in shadow; see how it does with: genlab shadow compare {version}", err=True)


@shadow.command("list", epilog=example("genlab shadow list --json"))
@json_option
@desk_options
def list_(desk: Desk, as_json: bool) -> None:
    """The versions in shadow, on messages that came since: _a the version in force, _b this one."""
    from genlab.pipeline.shadow import shadow_reports

    with desk.connect() as store:
        found = [report._asdict() for report in shadow_reports(store)]
    columns = ["version", "began_at", "messages", "waiting", "agree", "known_a", "known_b"]
    columns += ["flagged_per_day_a", "flagged_per_day_b"]
    show(found, as_json, lambda: table(found, columns))


@shadow.command(epilog=example("genlab shadow compare 3\ngenlab shadow compare 3 --json"))
@click.argument("version", type=int)
@json_option
@desk_options
def compare(desk: Desk, version: int, as_json: bool) -> None:
    """How a version in shadow does, by day, and which messages it calls otherwise.

    _a is the version in force, _b the one in shadow.
    """
    from genlab.pipeline.assigned import active_version
    from genlab.pipeline.shadow import shadow_report
    from genlab.pipeline.versions import compare as differ

    with desk.connect() as store:
        report = shadow_report(store, version)
        active = active_version(store)["version"]
        changes = differ(store, active, version, new_only=True).transitions

    def lines() -> Iterator[str]:
        since = f"{report.began_at:%Y-%m-%d %H:%M} UTC"
        yield f"version {version} in shadow of version {active} since {since}"
        yield (
            f"{report.messages:,} new messages scored by both, {report.agree:,} with the same "
            f"label and verdict; {report.waiting:,} wait for `genlab score`"
        )
        if report.days:
            yield ""
            yield from table(report.days, list(report.days[0]))
        if changes:
            yield ""
            yield from table(changes, _CHANGE)

    result: dict[str, Any] = {"active": active, **report._asdict(), "changes": changes}
    show(result, as_json, lines)


@shadow.command(epilog=example("genlab shadow stop 3"))
@click.argument("version", type=int)
@desk_options
def stop(desk: Desk, version: int) -> None:
    """End a shadow run; the version stays a candidate."""
    from genlab.pipeline.shadow import drop_shadow

    with desk.connect() as store:
        drop_shadow(store, version)
    click.echo(f"version {version} is out of the shadow and stays a candidate", err=True)
