"""New patterns under the active version, and those in shadow: no training needed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from genlab.config import Settings
from genlab.encoders import Encoder
from genlab.errors import GenlabError, NotReady
from genlab.labelling import apply_labels, fit_labels, from_stored, queries
from genlab.labelling.graph import NEIGHBOURS
from genlab.labelling.neighbours import directions, nearest
from genlab.models.component_vae import ComponentVAE
from genlab.pipeline.assigned import (
    active_version,
    load_assigned,
    load_labels,
    new_novelty_p,
    version_novelty,
)
from genlab.pipeline.embed import embed
from genlab.pipeline.labels import propagate_labels
from genlab.pipeline.scored import assignment_rows, score_vectors
from genlab.pipeline.tables import matrix, strings
from genlab.projection import place_new
from genlab.store import Store
from genlab.training.checkpoints import load_model


class ScoreResult(NamedTuple):
    """What one run of scoring did."""

    version: int
    embedded: int
    scored: int
    novel: int  # of the newly scored patterns
    shadows: dict[int, int]  # newly scored by each version in shadow
    problems: list[str]  # why one of those was left out


def score_new(
    store: Store,
    encoder: Encoder,
    settings: Settings,
    progress: Callable[[int, int], None] = lambda done, total: None,
    model: ComponentVAE | None = None,
) -> ScoreResult:
    """Embed what is not embedded, score what the active version has not scored, bring labels in
    line; then the same for versions in shadow.  Run twice, the tables are the same.

    ``model``: that of the active version, when the caller has it loaded.
    """
    active = active_version(store)
    embedded = embed(store, encoder, settings.encoder.chunk, progress)
    if active["encoder_version"] != encoder.version:
        raise NotReady(
            f"version {active['version']} was trained on encoder {active['encoder_version']}, the "
            f"settings name {encoder.version}: run `genlab train` to make a version for it"
        )
    scored, novel = _score_version(store, active, settings, model, progress)
    propagate_labels(store, settings.labelling)
    shadows: dict[int, int] = {}
    problems = []
    for row in store.rows("shadow_runs.running"):
        try:
            shadows[row["version"]] = _score_shadow(store, row, encoder, settings)
        except GenlabError as error:  # what people see is scored already
            problems.append(f"version {row['version']} in shadow: {error}")
    return ScoreResult(active["version"], embedded, scored, novel, shadows, problems)


def _score_shadow(store: Store, row: dict[str, Any], encoder: Encoder, settings: Settings) -> int:
    if row["encoder_version"] != encoder.version:
        raise NotReady(f"it was trained on another encoder, {row['encoder_version']}: drop it")
    scored, _ = _score_version(store, row, settings)
    propagate_labels(store, settings.labelling, version=row["version"])
    return scored


def _score_version(
    store: Store,
    row: dict[str, Any],
    settings: Settings,
    model: ComponentVAE | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, int]:
    """Score the embedded patterns that the version of ``row`` has not: how many, how many novel."""
    version, k = row["version"], row["components"]
    table = store.read(
        "embeddings.unassigned", encoder_version=row["encoder_version"], version=version
    )
    if not table.num_rows:
        return 0, 0
    if model is None:
        model = load_model(store.workspace.folder / row["folder"])[0]
    assigned = load_assigned(store, version, k)
    labels = load_labels(store, assigned)
    known = store.read("assignments.positions", version=version)
    vectors = matrix(table["vector"])
    scored = score_vectors(model, vectors, settings.labelling.stored_responsibilities)
    label_model = fit_labels(
        assigned.ground, labels.given, len(labels.names), settings.labelling, labels.acts
    )
    rows = from_stored(scored.components, scored.responsibilities, k)
    asked = queries(assigned.ground, vectors, rows)
    p = new_novelty_p(assigned, version_novelty(assigned), asked, scored.scores.log_prob)
    spread = apply_labels(asked, label_model, settings.labelling, p)
    positions = place_new(scored.scores.latent_mean, matrix(known["latent_mean"]), assigned.map_xy)
    # Among all patterns, the other new ones too, so that a new kind hangs together.
    base = np.vstack([assigned.ground.unit, directions(vectors, assigned.ground.centre)])
    place = np.arange(len(assigned.pattern_ids), len(base))
    later = np.zeros(table.num_rows, int)
    stored = assignment_rows(
        table["pattern_id"],
        scored,
        later,
        later,
        p,
        spread,
        labels.names,
        positions,
        nearest(base[place], base, NEIGHBOURS, own=place),
        np.concatenate([assigned.pattern_ids, strings(table["pattern_id"])]),
    )
    store.write("assignments.put", inputs={"in_assignments": stored}, version=version)
    progress(table.num_rows, table.num_rows)
    return table.num_rows, int((spread.verdict == "novel").sum())
