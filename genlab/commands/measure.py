"""``genlab bench``: the measured claims, as a table and as JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from genlab.commands.common import Desk, desk_options, example, json_option, show, table

_data_option = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that holds clinc150/ and loghub/ (default: digits and the fleet alone).",
)


_only_option = click.option(
    "--only", multiple=True, help="A data set to run (default: all there are)."
)


@click.group()
def bench() -> None:
    """Measure what genlab claims, on this machine, beside its peers."""


@bench.command(epilog=example("genlab bench throughput --data ../shared/data/loghub"))
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of .log files (default: the simulated fleet).",
)
@click.option("--lines", default=200_000, show_default=True, type=click.IntRange(min=1000))
@click.option("--encode-lines", default=20_000, show_default=True, type=click.IntRange(min=100))
@json_option
@desk_options
def throughput(desk: Desk, data: Path | None, lines: int, encode_lines: int, as_json: bool) -> None:
    """Ingest, embedding, training and scoring rates, beside drain3 and sentence-transformers."""
    from genlab.bench.throughput import throughput as measure

    found = measure(desk.settings, data, lines, encode_lines, _say)

    def readable() -> Iterator[str]:
        yield f"{found['lines']:,} lines of {found['data']}, {found['cores']} cores"
        yield from table(
            found["rows"],
            ["stage", "how", "count", "unit", "seconds", "per_second", "groups", "times_default"],
        )

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench store --seconds 60"))
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(min=1))
@json_option
@desk_options
def store(desk: Desk, seconds: float, as_json: bool) -> None:
    """One labeller, readers, an ingester and a trainer at once: latencies, losses."""
    from genlab.bench.store import store_bench

    found = store_bench(desk.settings.store, seconds, _say)

    def readable() -> Iterator[str]:
        columns = ["role", "processes", "calls", "p50_ms", "p95_ms", "max_ms", "errors"]
        yield from table(found["rows"], columns)
        for what in ("labels", "messages"):
            yield f"{what}: {found[f'lost_{what}']} lost, {found[f'doubled_{what}']} doubled"
        yield from found["errors"][:5]

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench triage --data ../shared/data"))
@_data_option
@_only_option
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--labels", default="1,3,5,10", show_default=True, help="Labels per kind.")
@json_option
@desk_options
def triage(
    desk: Desk,
    data: Path | None,
    only: tuple[str, ...],
    seeds: int,
    labels: str,
    as_json: bool,
) -> None:
    """Accuracy and honesty from a few labels per kind, beside what a user would pick instead."""
    from genlab.bench.triage import triage as measure

    names = _data_sets(only, data)
    counts = _numbers(labels, "1,3,5,10")
    found = measure(desk.settings, data, names, seeds, counts, _say)

    def readable() -> Iterator[str]:
        yield f"on test messages no method saw; means over {seeds} seeds, ece and promise of all"
        columns = ["data", "labels", "method", "accuracy", "sd", "balanced", "ece", "nll"]
        yield from table(found["rows"], [*columns, "coverage_95", "seconds"])
        yield "components before any label"
        columns = ["data", "components", "nmi", "ari", "active", "seconds", "memory_mb"]
        yield from table(found["components"], columns)
        yield "mean accuracy over the cells; behind: the worst against the best peer of a cell"
        yield from table(found["averages"], ["method", "accuracy", "cells", "behind"])
        yield "the label stage over the components of the VAE, less over soft k-means"
        yield from table(found["control"], ["data", "labels", "difference", "standard_error"])

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench training --patterns 10000"))
@click.option("--patterns", default="10000,30000,100000", show_default=True, help="Sizes.")
@json_option
@desk_options
def training(desk: Desk, patterns: str, as_json: bool) -> None:
    """An epoch beside k-means and GaussianMixture; scoring; what a label costs; as data grow."""
    from genlab.bench.training import training_bench

    sizes = _numbers(patterns, "10000,100000")
    if min(sizes) < 1000:
        raise click.BadParameter(f"found {min(sizes)} patterns, expected 1000 or more")
    found = training_bench(desk.settings, sizes, _say)

    def readable() -> Iterator[str]:
        yield f"{found['dimension']} dimensions, {found['cores']} cores; seconds unless named"
        yield from table(found["rows"], list(found["rows"][0]))

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench asking --data ../shared/data"))
@_data_option
@_only_option
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--labels", default=600, show_default=True, type=click.IntRange(min=10))
@click.option("--batch", default=10, show_default=True, type=click.IntRange(min=1))
@json_option
@desk_options
def asking(
    desk: Desk,
    data: Path | None,
    only: tuple[str, ...],
    seeds: int,
    labels: int,
    batch: int,
    as_json: bool,
) -> None:
    """Labels needed to the same accuracy: genlab's questions against random and other ways."""
    from genlab.bench.asking import asking as measure

    names = _data_sets(only, data)
    found = measure(desk.settings, data, names, seeds, labels, batch, _say)

    def readable() -> Iterator[str]:
        yield f"labels to an accuracy, and the share saved of random's; {seeds} seeds"
        columns = ["data", "asks"]
        for goal in ("to_80%", "to_90%", "to_95%", "to_end"):
            columns += [goal, f"{goal}_sd", f"{goal}_saved"]
        yield from table(found["rows"], [*columns, "end_accuracy"])
        yield "messages promised and settled"
        promising = [row for row in found["rows"] if "promised" in row]
        yield from table(promising, ["data", "asks", "promised", "settled", "stops"])

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench images --pool 10000 --seeds 5"))
@click.option("--pool", default=10_000, show_default=True, type=click.IntRange(min=500))
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--held-out/--no-held-out", default=True, help="Train without each digit in turn.")
@json_option
@desk_options
def images(desk: Desk, pool: int, seeds: int, held_out: bool, as_json: bool) -> None:
    """MNIST with 100 labels beside its peers, Fashion-MNIST as strangers, digits held out."""
    from genlab.bench.images import images_bench

    found = images_bench(desk.settings, pool, seeds, held_out, _say)

    def readable() -> Iterator[str]:
        yield (
            f"{found['data']}: {found['pool']:,} images, {found['labels']} labels, "
            f"{found['seeds']} seeds, measured on {found['test']:,}"
        )
        yield from table(found["rows"], ["method", "accuracy", "sd"])
        yield f"active components in use: {found['in_use']:.1%}"
        yield f"AUROC of -log p(x) against another collection: {found['strangers_auroc']:.4f}"
        yield (
            f"CPU seconds: {found['cpu_seconds_without_labels']:.0f} without labels, "
            f"{found['cpu_seconds_with_labels']:.0f} with each set of them"
        )
        if held_out:
            yield "AUROC of novelty for the digit held out"
            yield from table(found["held_out"], list(found["held_out"][0]))

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench priors --data ../shared/data"))
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that holds clinc150/ (default: digits and the fleet alone).",
)
@click.option("--only", multiple=True, help="A data set to run; mnist is fetched only by name.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1))
@json_option
@desk_options
def priors(desk: Desk, data: Path | None, only: tuple[str, ...], seeds: int, as_json: bool) -> None:
    """The three priors, and the curriculum with each phase left out."""
    from genlab.bench.priors import priors as measure

    names = only or ("digits", "fleet", *(["clinc150"] if data else []))
    found = measure(desk.settings, names, data, seeds, _say)

    def readable() -> Iterator[str]:
        yield f"{found['labels_per_kind']} labels per kind, {found['seeds']} seeds"
        columns = ["data", "prior", "left_out", "log_p", "log_p_sd", "nmi", "ari"]
        columns += ["tau_accuracy", "tau_accuracy_sd", "components", "active"]
        yield from table(found["rows"], [*columns, "copies", "copy_distance", "cpu_seconds"])

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench novelty --data ../shared/data --seeds 5"))
@_data_option
@click.option("--only", multiple=True, help="A case to run, e.g. loghub/kinds (default: all).")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--labels", default="1,3,5,10", show_default=True, help="Labels per class.")
@json_option
@desk_options
def novelty(
    desk: Desk, data: Path | None, only: tuple[str, ...], seeds: int, labels: str, as_json: bool
) -> None:
    """What is strange, what is seen but unnamed, and false alarms, beside the usual scores."""
    from genlab.bench.novelty import novelty_bench

    per_kind = _numbers(labels, "1,5,10")
    found = novelty_bench(desk.settings, data, seeds, per_kind, only, _say)

    def readable() -> Iterator[str]:
        yield f"strange against known; of a peer's variants the best; {seeds} seeds"
        figures = ["auroc", "auroc_sd", "aupr", "fpr_95", "seconds", "memory_mb"]
        yield from table(found["summary"], ["case", "labels", "method", *figures])
        yield "false alarms at 1, 5 and 10 % asked for, and what is caught at 5 %"
        ours = [row for row in found["summary"] if "alarms_5" in row]
        alarms = ["alarms_1", "alarms_5", "alarms_10", "caught_5"]
        yield from table(ours, ["case", "labels", *alarms])
        yield "half of the kinds named: seen but unnamed against named, and the verdicts"
        columns = ["case", "unnamed_auroc", "unnamed_auroc_sd"]
        for verdict in ("known", "unnamed", "between", "novel"):
            columns += [f"{verdict}_precision", f"{verdict}_recall"]
        yield from table(found["verdicts"], columns)

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench growth --data ../shared/data --seeds 5"))
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that holds clinc150/ (default: digits and the fleet alone).",
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1))
@json_option
@desk_options
def growth(desk: Desk, data: Path | None, seeds: int, as_json: bool) -> None:
    """New kinds arrive in ten runs: do they find room, and do the old ones stay?"""
    from genlab.bench.growth import growth_bench

    names = ["digits", "fleet", *(["clinc150"] if data else [])]
    found = growth_bench(desk.settings, names, data, seeds, _say)

    def readable() -> Iterator[str]:
        yield f"before, after ten runs, and trained anew on everything; {seeds} seeds"
        yield from table(found["rows"], list(found["rows"][0]))

    show(found, as_json, readable)


@bench.command(epilog=example("genlab bench classics"))
@click.option("--points", default=100_000, show_default=True, type=click.IntRange(min=100))
@click.option("--dimension", default=32, show_default=True, type=click.IntRange(min=1))
@click.option("--components", default=50, show_default=True, type=click.IntRange(min=1, max=100))
@click.option("--sequences", default=1000, show_default=True, type=click.IntRange(min=1))
@click.option("--steps", default=200, show_default=True, type=click.IntRange(min=2))
@json_option
@desk_options
def classics(
    desk: Desk,
    points: int,
    dimension: int,
    components: int,
    sequences: int,
    steps: int,
    as_json: bool,
) -> None:
    """Gaussian mixtures and hidden Markov models beside scikit-learn and hmmlearn."""
    from genlab.bench.classics import classics_bench

    found = classics_bench(points, dimension, components, sequences, steps, _say)

    def readable() -> Iterator[str]:
        yield "CPU seconds per iteration from the same start, and ours less the peer's nats"
        yield from table(found["rows"], list(found["rows"][0]))
        yield "long groups found: adjusted Rand index of k-means, and of EM that starts from it"
        yield from table(found["clusters"], list(found["clusters"][0]))

    show(found, as_json, readable)


def _numbers(said: str, example: str) -> tuple[int, ...]:
    if not all(part.isdigit() and int(part) > 0 for part in said.split(",")):
        raise click.BadParameter(f"found {said!r}, expected numbers such as {example}")
    return tuple(map(int, said.split(",")))


@bench.command(epilog=example("genlab bench dashboard --patterns 20000,100000,500000"))
@click.option(
    "--patterns", default="20000,100000,500000", show_default=True, help="Sizes to measure at."
)
@json_option
@desk_options
def dashboard(desk: Desk, patterns: str, as_json: bool) -> None:
    """Waiting times at the desk in a real Chromium, traffic and memory, beside plain Plotly."""
    from genlab.bench.dashboard import dashboard_bench

    if not all(part.isdigit() and int(part) >= 1000 for part in patterns.split(",")):
        raise click.BadParameter(f"found {patterns!r}, expected numbers from 1000, such as 20000")
    found = dashboard_bench(desk.settings, [int(part) for part in patterns.split(",")], _say)

    def readable() -> Iterator[str]:
        yield "from the address to the coloured map, first after a start and with all loaded"
        names = ["patterns", "with", "first_view_cold_s", "first_view_s", "draw_ms", "hover_ms"]
        yield from table(found["rows"], [*names, "load"])
        yield "lasso: press to selection; release, key, Enter to preview, stored and recoloured"
        names = ["patterns", "with", "selected", "lasso_s", "preview_s", "lasso_to_recoloured_s"]
        names += ["recolour_s", "recolour_kb", "traffic_kb", "gave_up_s"]
        yield from table(found["rows"], names)
        yield "other pages with all they load (median, slowest), back to the map; memory"
        names = ["patterns", "with", "page_change_s", "slowest_page", "slowest_page_s"]
        names += ["back_to_map_s", "browser_mb", "dashboard_mb", "owner_mb"]
        yield from table(found["rows"], names)

    show(found, as_json, readable)


def _data_sets(only: tuple[str, ...], data: Path | None) -> Sequence[str]:
    """Those asked for, else all there are."""
    from genlab.bench.datasets import NAMES, OUTSIDE

    return only or [name for name in NAMES if data or name not in OUTSIDE]


def _say(text: str) -> None:
    click.echo(text, err=True)
