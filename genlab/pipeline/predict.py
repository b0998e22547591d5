"""Messages in, labels out, nothing stored: the pattern is looked up, or embedded and scored."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from genlab.config import Settings
from genlab.encoders import Encoder, load_encoder
from genlab.errors import InputError, NotReady
from genlab.ingest import load_masker, pattern_id
from genlab.ingest.structured import flaw
from genlab.labelling import (
    NO_LABEL,
    NoveltyModel,
    Queries,
    apply_labels,
    from_stored,
    queries,
    some,
)
from genlab.models.component_vae import ComponentVAE
from genlab.pipeline.assigned import (
    Assigned,
    Labels,
    active_version,
    load_assigned,
    load_labels,
    new_novelty_p,
    version_novelty,
)
from genlab.pipeline.scored import score_vectors
from genlab.pipeline.spreading import Spreader
from genlab.store import Store
from genlab.training.checkpoints import load_model

_SHOWN_LABELS = 5


class _Force(NamedTuple):
    """The version in force as a predictor holds it."""

    key: tuple[int, int, int]  # version, patterns scored, last label event
    assigned: Assigned
    labels: Labels
    novelty: NoveltyModel


class Predictor:
    """Holds the encoder and the active model warm; notices a new version and new labels.

    ``lasting``: the process stays, so that labels are followed at once and learnt from in the
    background; only the first answer waits for a full fit.
    """

    def __init__(self, store: Store, settings: Settings, lasting: bool = False):
        self._store = store
        self._settings = settings
        self._masker = load_masker(settings.ingest, store.workspace.folder)
        self._encoder: Encoder | None = None
        self._model: ComponentVAE | None = None
        self._force: _Force | None = None
        self._spreader = Spreader(settings.labelling, (lambda: None) if lasting else None)
        self._lasting = lasting

    def warm(self) -> None:
        """Load encoder and model now rather than at the first unseen message."""
        self._embed(["warm"])
        self._refresh()

    def predict(self, records: Sequence[dict[str, Any] | str]) -> list[dict[str, Any]]:
        """One answer per record (a text, or a dict with ``text`` and maybe ``message_id``).

        Keys: message_id, pattern_id, label, confidence, labels [{label, probability}], component,
        responsibility, s_ood, novelty_p, verdict.  ``labels`` are calibrated like ``confidence``,
        likeliest first; an expert's label stands alone, with probability 1.  Raises NotReady before
        the first model version, InputError for a record without text.
        """
        if not records:
            return []
        force = self._refresh()
        texts = [_text(record, i) for i, record in enumerate(records)]
        canonical = [self._masker.mask(text) for text in texts]
        ids = [pattern_id(text) for text in canonical]
        asked, novelty_p, given = self._queries(force, ids, canonical)
        model = self._spreader.follow(force.assigned, force.labels).model
        spread = apply_labels(asked, model, self._settings.labelling, novelty_p, given)
        answers = []
        for i, record in enumerate(records):
            row = sparse.csr_matrix(asked.responsibilities[[i]])
            best = int(row.data.argmax())
            answers.append(
                {
                    "message_id": record.get("message_id") if isinstance(record, dict) else None,
                    "pattern_id": ids[i],
                    "label": (
                        force.labels.names[spread.label[i]] if spread.label[i] != NO_LABEL else None
                    ),
                    "confidence": round(float(spread.confidence[i]), 6),
                    "labels": _ranked(
                        spread.probabilities[i], spread.label[i], given[i], force.labels.names
                    ),
                    "component": int(row.indices[best]),
                    "responsibility": round(float(row.data[best]), 6),
                    "s_ood": round(float(spread.s_ood[i]), 6),
                    "novelty_p": round(float(novelty_p[i]), 6),
                    "verdict": str(spread.verdict[i]),
                }
            )
        return answers

    def _queries(
        self, force: _Force, ids: list[str], canonical: list[str]
    ) -> tuple[Queries, np.ndarray, np.ndarray]:
        """Q patterns, their p-values (Q,) and the expert's labels (Q,), -1 for none."""
        known = {p: i for i, p in enumerate(force.assigned.pattern_ids)}
        at = np.array([known.get(p, -1) for p in ids])
        new = np.flatnonzero(at < 0)
        stored = some(force.assigned.ground, at[at >= 0])
        novelty_p = force.assigned.novelty_p[at.clip(0)].copy()
        given = np.where(at >= 0, force.labels.given[at.clip(0)], NO_LABEL)
        if not len(new):
            return stored, novelty_p, given
        vectors = self._embed([canonical[i] for i in new])
        scored = score_vectors(
            self._loaded_model(), vectors, self._settings.labelling.stored_responsibilities
        )
        rows = from_stored(scored.components, scored.responsibilities, force.assigned.components)
        fresh = queries(force.assigned.ground, vectors, rows)
        novelty_p[new] = new_novelty_p(force.assigned, force.novelty, fresh, scored.scores.log_prob)
        order = np.empty(len(ids), int)
        old = np.flatnonzero(at >= 0)
        order[old], order[new] = np.arange(len(old)), len(old) + np.arange(len(new))
        both = Queries(
            sparse.vstack([stored.responsibilities, fresh.responsibilities]).tocsr()[order],
            np.vstack([stored.unit, fresh.unit])[order],
            sparse.vstack([stored.steps, fresh.steps]).tocsr()[order],
        )
        return both, novelty_p, given

    def _refresh(self) -> _Force:
        active = active_version(self._store)
        counts = {r["version"]: r["patterns"] for r in self._store.rows("assignments.counts")}
        seq = self._store.rows("labels.seq")[0]["seq"]
        key = (active["version"], counts.get(active["version"], 0), seq)
        held = self._force
        if held is not None and held.key == key:
            return held
        if held is None or held.key[0] != key[0]:
            self._model = None
        if held is None or held.key[:2] != key[:2]:
            assigned = load_assigned(self._store, active["version"], active["components"])
            novelty = version_novelty(assigned)
        else:
            assigned, novelty = held.assigned, held.novelty
        labels = load_labels(self._store, assigned)
        if held is None or not self._lasting:
            self._spreader.learn(assigned, labels)
        self._force = _Force(
            key,
            assigned,
            labels,
            novelty,
        )
        return self._force

    def _loaded_model(self) -> ComponentVAE:
        if self._model is None:
            folder = self._store.workspace.folder / active_version(self._store)["folder"]
            self._model = load_model(folder)[0]
        return self._model

    def _embed(self, texts: list[str]) -> np.ndarray:
        if self._encoder is None:
            self._encoder = load_encoder(self._settings.encoder)
        active = active_version(self._store)
        if active["encoder_version"] != self._encoder.version:
            raise NotReady(
                f"version {active['version']} was trained on another encoder than the settings "
                f"name ({self._settings.encoder.name}): run `genlab train`, or change encoder.name"
            )
        return self._encoder.encode(texts)


def _ranked(
    probabilities: np.ndarray, label: int, given: int, names: list[str]
) -> list[dict[str, Any]]:
    """The likeliest labels of one row, ``label`` first; none where no label reaches."""
    if label == NO_LABEL:
        return []
    if given != NO_LABEL:
        return [{"label": names[given], "probability": 1.0}]
    order = sorted(range(len(names)), key=lambda y: (y != label, -probabilities[y]))
    return [
        {"label": names[y], "probability": round(float(probabilities[y]), 6)}
        for y in order[:_SHOWN_LABELS]
    ]


def _text(record: dict[str, Any] | str, number: int) -> str:
    text = record if isinstance(record, str) else record.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError(
            f"record {number + 1}: found {str(text)[:60]!r}, expected a field 'text' "
            "that is not empty"
        )
    if fault := flaw(text):
        raise InputError(f"record {number + 1}: {fault.detail}")
    return text
