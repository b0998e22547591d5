"""Looking after a workspace: status, doctor, backup, restore."""

from collections.abc import Iterator
from pathlib import Path

import click

from genlab.commands.common import Desk, desk_options, example, json_option, show, table


@click.command(epilog=example("genlab status --json"))
@json_option
@desk_options
def status(desk: Desk, as_json: bool) -> None:
    """What is stored, which version is in force, what runs."""
    from genlab.pipeline.budget import flag_budget
    from genlab.pipeline.care import status as read

    with desk.connect() as store:
        found = read(store)
        budget = flag_budget(store, desk.settings.labelling)
        found["flag_budget"] = budget._asdict()

    def lines() -> Iterator[str]:
        share = found["known_messages_share"]
        yield f"workspace  {found['workspace']}"
        yield (
            f"messages   {found['messages']:,} in {found['patterns']:,} patterns from "
            f"{found['sources']:,} sources, {found['quarantined']:,} in quarantine"
        )
        yield f"labels     {found['labels']:,} on {found['labelled_patterns']:,} patterns"
        version = found["active_version"]
        yield f"version    {version or 'none yet: run `genlab train`'}"
        if share is not None and version:
            yield f"known      {share:.1%} of messages"
            much = budget.false_flags_per_day > budget.flags_per_day
            advice = f": set labelling.novel_p = {budget.novel_p:.2g}" if much else ""
            yield (
                f"flags      about {budget.false_flags_per_day:,.0f} false ones a day in "
                f"{budget.messages_per_day:,.0f} different messages, "
                f"{budget.flags_per_day:g} allowed{advice}"
            )
        up = ", ".join(name for name, runs in found["services"].items() if runs)
        yield f"running    {up or 'nothing: start with `genlab up`'}"
        yield ""
        yield from table(found["by_source"], ["source", "messages", "patterns", "quarantined"])

    show(found, as_json, lines)


@click.command(epilog=example("genlab doctor"))
@json_option
@desk_options
def doctor(desk: Desk, as_json: bool) -> int:
    """Check the workspace, end stale jobs, name what is wrong and what to do.

    The exit code is 1 when anything is wrong.
    """
    from genlab.pipeline.care import problems
    from genlab.pipeline.jobs import reconcile

    with desk.connect() as store:
        stale = reconcile(store)
        found = [problem._asdict() for problem in problems(store)]

    def lines() -> Iterator[str]:
        if stale:
            yield f"ended {len(stale)} jobs whose process is gone"
        for problem in found:
            yield f"{problem['check']}: {problem['rows']} rows; {problem['advice']}"
        if not found:
            yield "all is well"

    show({"problems": found, "stale_jobs_ended": stale}, as_json, lines)
    return 1 if found else 0


@click.command(epilog=example("genlab backup monday.tar"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@desk_options
def backup(desk: Desk, file: Path) -> None:
    """Copy database, models and settings into one file; everything may go on running."""
    from genlab.pipeline.care import backup as run

    with desk.connect() as store:
        size = run(store, file)
    click.echo(f"{size / 1e6:.1f} MB written to {file}", err=True)


@click.command(epilog=example("genlab restore monday.tar --workspace ./restored"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Put the database that is there aside.")
@desk_options
def restore(desk: Desk, file: Path, force: bool) -> None:
    """Bring a workspace back from a backup file."""
    from genlab.pipeline.care import restore as run

    run(desk.workspace, file, force)
    click.echo(f"{desk.workspace.folder} restored from {file}", err=True)
