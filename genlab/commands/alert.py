"""Alert rules: when to tell whom."""

import getpass
from collections.abc import Iterator

import click

from genlab.commands.common import Desk, desk_options, example, json_option, show, table
from genlab.records import CONDITIONS


@click.group()
def alert() -> None:
    """Tell a webhook, a mailbox or a file when something strange comes in.

    `genlab up` looks at the rules every few minutes and after each scoring.
    """


@alert.command(
    epilog=example(
        "genlab alert add strangers --when novel-group --to file:alerts.jsonl\n"
        "genlab alert add flood --when flagged-rate --threshold 200 --to mailto:ops@example.org\n"
        "genlab alert add drift --when known-share --threshold 90 "
        "--to 'https://hooks.example.org/${HOOK_TOKEN}'"
    )
)
@click.argument("name")
@click.option(
    "--when",
    "condition",
    required=True,
    type=click.Choice(list(CONDITIONS)),
    help="What to watch.",
)
@click.option(
    "--threshold",
    type=float,
    help="flagged-rate: more messages an hour than this; known-share: less percent than this.",
)
@click.option(
    "--to",
    "target",
    required=True,
    help="https://..., mailto:... or file:...; ${NAME} is filled in from the environment when it "
    "is sent, so that no secret is stored.",
)
@click.option(
    "--cooldown", type=click.FloatRange(min=0), help="Minutes between two alerts about a level."
)
@desk_options
def add(
    desk: Desk,
    name: str,
    condition: str,
    threshold: float | None,
    target: str,
    cooldown: float | None,
) -> None:
    """Add a rule; what happened before it is no cause."""
    from genlab.pipeline.alerts import add_rule

    minutes = desk.settings.alerts.cooldown_minutes if cooldown is None else cooldown
    with desk.connect() as store:
        add_rule(store, name, condition, threshold, target, minutes, getpass.getuser())
    click.echo(f"added; try it with: genlab alert test {name}", err=True)


@alert.command("list", epilog=example("genlab alert list --json"))
@json_option
@desk_options
def list_(desk: Desk, as_json: bool) -> None:
    """The rules, and whether their last alerts arrived; web addresses without what is secret."""
    from genlab.pipeline.alerts import listed_rules

    with desk.connect() as store:
        found = listed_rules(store)

    def lines() -> Iterator[str]:
        yield from table(found, ["name", "when", "target", "alerts", "fired_at", "status", "error"])

    show(found, as_json, lines)


@alert.command(epilog=example("genlab alert remove flood"))
@click.argument("name")
@desk_options
def remove(desk: Desk, name: str) -> None:
    """Forget a rule."""
    from genlab.pipeline.alerts import remove_rule

    with desk.connect() as store:
        remove_rule(store, name)


@alert.command(epilog=example("genlab alert test flood"))
@click.argument("name")
@desk_options
def test(desk: Desk, name: str) -> None:
    """Send a harmless alert of a rule now."""
    from genlab.pipeline.alerts import send_test

    with desk.connect() as store:
        sent = send_test(store, desk.settings, name)
    click.echo(f"delivered to {sent}", err=True)


@alert.command(epilog=example("genlab alert check"))
@json_option
@desk_options
def check(desk: Desk, as_json: bool) -> int:
    """Look at every rule now and send what is due, as `genlab up` does.

    The exit code is 1 when a delivery failed.
    """
    from genlab.pipeline.alerts import run_alerts

    with desk.connect() as store:
        told = run_alerts(store, desk.settings)

    def lines() -> Iterator[str]:
        yield f"{told.fired} fired, {told.delivered} delivered, {told.failed} not delivered"

    show(told._asdict(), as_json, lines)
    return 1 if told.failed else 0
