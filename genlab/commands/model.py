"""Model versions: train, score, promote, rollback, versions."""

import json
from typing import Any

import click

from genlab.commands.common import Desk, desk_options, example, json_option, progress, show, table
from genlab.config import with_overrides
from genlab.store import Store

_PRIORS = ["standard_normal", "mixture", "vamp"]


@click.command(epilog=example("genlab train\ngenlab train --epochs 3 --set weights.kl_weight=0.5"))
@click.option("--epochs", type=click.IntRange(min=1), help="A short run instead of the curriculum.")
@click.option("--curriculum", help="A name in config/curricula/, or a path.")
@click.option("--prior", type=click.Choice(_PRIORS), help="Starts from nothing.")
@click.option("--components", help="K, or auto; starts from nothing.")
@click.option("--fresh", is_flag=True, help="From nothing, not from the active version.")
@json_option
@desk_options
def train(
    desk: Desk,
    epochs: int | None,
    curriculum: str | None,
    prior: str | None,
    components: str | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Train a new candidate version; the first one is put in force at once.

    Patterns not embedded yet are embedded first.
    """
    given = {
        "training.epochs": epochs,
        "training.curriculum": curriculum,
        "model.prior": prior,
        "model.components": components,
    }
    settings = with_overrides(desk.settings, given)
    fresh = fresh or prior is not None or components is not None
    done = run_training(Desk(desk.workspace, settings), fresh)
    show(
        {"version": done.version, "promoted": done.promoted, "metrics": done.metrics},
        as_json,
        lambda: iter(
            [
                f"version {done.version} "
                + ("is in force" if done.promoted else "is a candidate")
                + f": {json.dumps(done.metrics)}",
                *(
                    []
                    if done.promoted
                    else [f"compare with `genlab versions`, then `genlab promote {done.version}`"]
                ),
            ]
        ),
    )


def run_training(desk: Desk, fresh: bool = False) -> Any:
    """Embed what is missing, then train, with progress bars; a pipeline.train.Trained."""
    from genlab.encoders import load_encoder
    from genlab.pipeline.embed import embed
    from genlab.pipeline.jobs import Job
    from genlab.pipeline.train import train_version

    with desk.connect() as store:
        encoder = load_encoder(desk.settings.encoder)
        with progress("embed") as bar:
            embed(store, encoder, desk.settings.encoder.chunk, bar)
        with (
            progress("train") as bar,
            Job(store, "train", detail="training", on_progress=bar) as job,
        ):
            return train_version(store, desk.settings, encoder.version, job, fresh)


@click.command(epilog=example("genlab score"))
@json_option
@desk_options
def score(desk: Desk, as_json: bool) -> None:
    """Embed and score what came in since, under the active version; no training."""
    from genlab.encoders import load_encoder
    from genlab.pipeline.assigned import active_version
    from genlab.pipeline.jobs import Job
    from genlab.pipeline.score import score_new

    with desk.connect() as store, progress("score") as bar, Job(store, "score") as job:
        active_version(store)  # refused before the encoder takes its seconds to load
        done = score_new(store, load_encoder(desk.settings.encoder), desk.settings, bar)
        job.version = done.version
    show(
        done._asdict(),
        as_json,
        lambda: iter(
            [
                f"version {done.version}: {done.embedded:,} patterns embedded, {done.scored:,} "
                f"scored, {done.novel:,} of them novel",
                *(f"version {v} in shadow: {n:,} scored" for v, n in done.shadows.items()),
                *done.problems,
            ]
        ),
    )


@click.command(epilog=example("genlab promote 3"))
@click.argument("version", type=int)
@desk_options
def promote(desk: Desk, version: int) -> None:
    """Put a version in force; the one before retires."""
    from genlab.pipeline.versions import promote as run

    with desk.connect() as store:
        run(store, version, desk.settings.labelling)
        click.echo(f"version {version} is in force{_unscored(store)}")


@click.command(epilog=example("genlab rollback"))
@desk_options
def rollback(desk: Desk) -> None:
    """Put the version that was in force before back."""
    from genlab.pipeline.versions import roll_back

    with desk.connect() as store:
        version = roll_back(store, desk.settings.labelling)
        click.echo(f"version {version} is in force again{_unscored(store)}")


def _unscored(store: Store) -> str:
    """What came in since that version last scored."""
    if not store.read("checks.unscored_patterns").num_rows:
        return ""
    return "; some patterns came in since it last scored: run `genlab score`"


@click.command(epilog=example("genlab versions --json"))
@json_option
@desk_options
def versions(desk: Desk, as_json: bool) -> None:
    """The model versions, newest first: metrics, and what each training did to the components."""
    from genlab.pipeline.versions import event_counts

    with desk.connect() as store:
        rows = store.rows("model_versions.list")
        events = event_counts(store)
    for row in rows:
        row["configuration"] = json.loads(row["configuration"])
        row["metrics"] = json.loads(row["metrics"])
        row["component_events"] = events.get(row["version"], {})
    flat = [{**row, **row["metrics"], **row["component_events"]} for row in rows]
    columns = ["version", "status", "shadow_since", "parent", "prior", "epochs", "created_at"]
    columns += ["log_px_held_out", "known_messages_share", "label_accuracy_cross_fitted"]
    columns += ["active_components", "opened", "merged", "split", "retired"]
    show(rows, as_json, lambda: table(flat, columns))
