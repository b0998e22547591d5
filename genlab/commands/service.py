"""Everything running at once: up and down."""

import click

from genlab.commands.common import Desk, desk_options, example


@click.command(epilog=example("genlab up"))
@desk_options
def up(desk: Desk) -> int:
    """Start store owner, Prefect, flow runner, scorer and dashboard; Ctrl-C ends all."""
    from genlab.supervisor import up as run

    return run(desk.workspace, desk.settings)


@click.command(epilog=example("genlab down"))
@desk_options
def down(desk: Desk) -> None:
    """Stop what `genlab up` started on this workspace."""
    from genlab.supervisor import down as run

    click.echo("stopped" if run(desk.workspace) else "nothing was running", err=True)
