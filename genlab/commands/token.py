"""Tokens for the HTTP API: token add, list, revoke."""

import click

from genlab.commands.common import Desk, desk_options, example, json_option, show, table
from genlab.pipeline.tokens import ROLES


@click.group()
def token() -> None:
    """Who may use the HTTP API, and how far."""


@token.command(epilog=example("genlab token add collector --role annotator --expires 90"))
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@click.option("--expires", "days", type=float, metavar="DAYS", help="Default: until revoked.")
@desk_options
def add(desk: Desk, name: str, role: str, days: float | None) -> None:
    """Make a token and print it, this once: only its hash is stored.

    A viewer reads and predicts; an annotator also sends messages, labels and decides about what is
    flagged; an admin also puts versions in force.
    """
    from genlab.pipeline.tokens import add_token

    with desk.connect() as store:
        click.echo(add_token(store, name, role, days))


@token.command("list", epilog=example("genlab token list"))
@json_option
@desk_options
def list_(desk: Desk, as_json: bool) -> None:
    """Tokens that were not revoked."""
    from genlab.pipeline.tokens import list_tokens

    with desk.connect() as store:
        found = list_tokens(store)
    columns = ["name", "role", "created_at", "expires_at", "expired", "last_used_at"]
    show(found, as_json, lambda: table(found, columns))


@token.command(epilog=example("genlab token revoke collector"))
@click.argument("name")
@desk_options
def revoke(desk: Desk, name: str) -> None:
    """End a token at once."""
    from genlab.pipeline.tokens import revoke_token

    with desk.connect() as store:
        revoke_token(store, name)
    click.echo(f"the token of {name} is no longer valid", err=True)
