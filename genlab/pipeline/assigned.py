"""What a model version says, as arrays: the common ground of labels, suggestions and the pages."""

import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from genlab.config import LabellingSettings
from genlab.errors import InputError, NotReady
from genlab.labelling import (
    NO_LABEL,
    Ground,
    NoveltyModel,
    Propagation,
    Queries,
    fit_novelty,
    lay_ground,
    novelty_p,
    novelty_score,
    propagate,
)
from genlab.labelling.graph import NEIGHBOURS
from genlab.labelling.neighbours import Neighbours, nearest
from genlab.pipeline.tables import matrix, ragged, strings
from genlab.store import Store

ACCEPTED = "accept"
"""How predictions were labelled that nobody looked at one by one: they prove nothing."""

_PART = 50_000  # patterns whose vectors are read at a time, some 100 MB


class Assigned(NamedTuple):
    """The assignments of one version, in the order of pattern_id; N patterns, K components."""

    version: int
    components: int  # K
    pattern_ids: np.ndarray  # (N,) objects, ascending
    canonical_texts: np.ndarray  # (N,) str
    message_counts: np.ndarray  # (N,) int64
    responsibilities: sparse.csr_matrix  # (N, K)
    ground: Ground  # what labels travel over
    vectors: np.ndarray  # (N, D) embeddings
    log_px: np.ndarray  # (N,) nats
    novelty_p: np.ndarray  # (N,)
    map_xy: np.ndarray  # (N, 2)
    messages: np.ndarray  # (N,) distinct ones at the training, 0: the pattern came later
    held: np.ndarray  # (N,) of them kept back for calibration
    table: pa.Table  # everything as stored, the same rows

    def rows_of(self, pattern_ids: Collection[str]) -> np.ndarray:
        """Rows of the given patterns; InputError for one that is not assigned."""
        at, there = self._places(pattern_ids)
        if not there.all():
            raise InputError(
                f"some of {len(at)} patterns are not scored by version {self.version}: "
                "run `genlab score`, then try again"
            )
        return at

    def known_rows(self, pattern_ids: Collection[str]) -> np.ndarray:
        """Rows, ascending, of those of the given patterns that are assigned."""
        at, there = self._places(pattern_ids)
        return np.unique(at[there])

    def holds(self, pattern_ids: Collection[str]) -> np.ndarray:
        """(N,) bool: which rows are among the given patterns, assigned or not."""
        mask = np.zeros(len(self.pattern_ids), dtype=bool)
        mask[self.known_rows(pattern_ids)] = True
        return mask

    def _places(self, pattern_ids: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
        """Of each pattern its row, and whether it is there."""
        wanted = np.array(list(pattern_ids), dtype=object)
        if not len(self.pattern_ids):
            return np.zeros(len(wanted), int), np.zeros(len(wanted), bool)
        at = np.searchsorted(self.pattern_ids, wanted).clip(max=len(self.pattern_ids) - 1)
        return at, self.pattern_ids[at] == wanted


class Labels(NamedTuple):
    """The labels as they stand, against the rows of an Assigned."""

    names: list[str]  # Y names, in the order they were created
    ids: list[str]  # (Y,) identities, which outlive a rename
    colours: list[int]  # palette index of each
    given: np.ndarray  # (N,) index into names, -1 where nobody labelled
    checked: np.ndarray  # (N,) bool: somebody looked at it; not where predictions were accepted
    acts: np.ndarray  # (N,) alike where labels were given in one act
    seq: int  # last label event seen


def active_version(store: Store) -> dict:
    """The row of the version in force; NotReady before the first."""
    rows = store.rows("model_versions.active")
    if not rows:
        raise NotReady("no model version is in force yet: run `genlab train`")
    return rows[0]


def load_assigned(store: Store, version: int, components: int) -> Assigned:
    """Read the assignments of a version with K = ``components``."""
    table = store.read("assignments.map", version=version)
    values, starts = ragged(table["responsibilities"])
    indices, _ = ragged(table["components"])
    rows = sparse.csr_matrix(
        (values.astype(np.float32), indices.astype(np.int32), starts),
        shape=(table.num_rows, components),
    )
    rows.sort_indices()
    ids = strings(table["pattern_id"])
    below = _ground(store, version, ids)
    vectors = matrix(below["vector"])
    messages = below["messages"].to_numpy()
    then = vectors[messages > 0].mean(axis=0) if messages.any() else None
    return Assigned(
        version,
        components,
        ids,
        strings(table["canonical_text"]),
        table["message_count"].to_numpy(),
        rows,
        lay_ground(vectors, rows, _stored_neighbours(below, ids), then),
        vectors,
        table["log_px"].to_numpy(),
        table["novelty_p"].to_numpy(),
        np.column_stack([table["map_x"].to_numpy(), table["map_y"].to_numpy()]),
        messages,
        below["held_messages"].to_numpy(),
        table,
    )


def _ground(store: Store, version: int, ids: np.ndarray) -> pa.Table:
    """The rows of assignments.ground of ``ids`` (N,), ascending, in parts that each answer in time;
    what was scored since the ids were read is left out."""
    parts = []
    for start in range(0, max(len(ids), 1), _PART):
        part = ids[start : start + _PART]
        first, last = (part[0], part[-1]) if len(part) else ("", "")
        found = store.read("assignments.ground", version=version, first=first, last=last)
        parts.append(found.filter(pc.is_in(found["pattern_id"], pa.array(part, pa.string()))))
    return pa.concat_tables(parts)


def load_labels(store: Store, assigned: Assigned) -> Labels:
    """Read the current labels; those of patterns the version has not scored are left out."""
    seq = store.rows("labels.seq")[0]["seq"]
    listed = store.rows("labels.names")
    names = [row["name"] for row in listed]
    current = store.read("labels.current")
    given = np.full(len(assigned.pattern_ids), NO_LABEL)
    checked = np.zeros(len(given), bool)
    acts = np.arange(len(given))
    if current.num_rows and len(given):
        number = {name: i for i, name in enumerate(names)}
        ids = strings(current["pattern_id"]).astype(str)
        at = np.minimum(np.searchsorted(assigned.pattern_ids.astype(str), ids), len(given) - 1)
        found = assigned.pattern_ids[at].astype(str) == ids
        # A label created between the two reads is seen by the next call.
        codes = np.array([number.get(label, NO_LABEL) for label in strings(current["label"])])
        given[at[found]] = codes[found]
        checked[at[found]] = (strings(current["how"]) != ACCEPTED)[found]
        checked &= given != NO_LABEL
        acts[at[found]] = len(given) + act_numbers(strings(current["act"]))[found]
    identities = [row["label_id"] for row in listed]
    colours = [row["colour"] for row in listed]
    return Labels(names, identities, colours, given, checked, acts, seq)


def act_numbers(acts: Iterable[str | None]) -> np.ndarray:
    """(N,) alike where ``acts`` name the same act; what has none stands alone."""
    first: dict[str, int] = {}
    return np.array([i if a is None else first.setdefault(a, i) for i, a in enumerate(acts)], int)


def spread(assigned: Assigned, labels: Labels, settings: LabellingSettings) -> Propagation:
    """p(y|x), confidence, s_ood and verdict of every pattern, from the labels as they stand."""
    return propagate(
        assigned.ground, labels.given, labels.names, settings, assigned.novelty_p, labels.acts
    )


def version_novelty(assigned: Assigned) -> NoveltyModel:
    """What is ordinary to the version: the patterns it was trained with, as they were then."""
    then = np.flatnonzero(assigned.messages)
    near, unit = assigned.ground.near, assigned.ground.unit
    if assigned.messages[near.rows[then]].all():
        place = np.cumsum(assigned.messages > 0) - 1
        near = Neighbours(place[near.rows[then]], near.cosine[then])
    else:
        near = nearest(unit[then], unit[then], NEIGHBOURS, own=np.arange(len(then)))
    return fit_novelty(near, assigned.messages[then], assigned.held[then], assigned.log_px[then])


def new_novelty_p(
    assigned: Assigned, model: NoveltyModel, asked: Queries, log_prob: np.ndarray
) -> np.ndarray:
    """(Q,) p-values of new patterns, with ``log_prob`` (Q,) and :func:`version_novelty`.

    Patterns that came after the training do not count: what is new stays so until it is learnt.
    """
    then = assigned.messages > 0
    near = asked.near
    if near is None or not then.all():
        near = nearest(asked.unit, assigned.ground.unit[then], NEIGHBOURS)
    return novelty_p(model, novelty_score(model, near, log_prob))


def _stored_neighbours(table: pa.Table, pattern_ids: np.ndarray) -> Neighbours | None:
    """As rows of ``pattern_ids`` (N,), ascending; None where some are not stored."""
    if not table.num_rows or table["neighbours"].null_count:
        return None
    names, starts = ragged(table["neighbours"])
    k = np.diff(starts)
    if k.min() != k.max():  # scored when there were fewer patterns than neighbours asked for
        return None
    wanted, known = names.astype(str), pattern_ids.astype(str)
    index = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    if (known[index] != wanted).any():
        return None
    cosines, _ = ragged(table["cosines"])
    shape = (table.num_rows, int(k[0]))
    return Neighbours(index.astype(np.int32).reshape(shape), cosines.reshape(shape))


class AssignedCache:
    """The last few versions read, by version and how many patterns it has scored.

    Counts of messages are read again every ``fresh_seconds``, everything else only when patterns
    were scored since.
    """

    def __init__(self, store: Store, size: int = 2, fresh_seconds: float = 30.0):
        self._store = store
        self._size = size
        self._fresh_seconds = fresh_seconds
        self._held: OrderedDict[tuple[int, int], tuple[Assigned, float]] = OrderedDict()

    def get(self, version: int, components: int) -> Assigned:
        """The assignments of a version."""
        counts = {r["version"]: r["patterns"] for r in self._store.rows("assignments.counts")}
        key = (version, counts.get(version, 0))
        now = time.monotonic()
        assigned, read_at = self._held.get(key, (None, 0.0))
        if assigned is None:
            assigned, read_at = load_assigned(self._store, version, components), now
        elif now - read_at > self._fresh_seconds:
            assigned, read_at = self._recounted(assigned), now
        self._held[key] = assigned, read_at
        self._held.move_to_end(key)
        while len(self._held) > self._size:
            self._held.popitem(last=False)
        return assigned

    def _recounted(self, assigned: Assigned) -> Assigned:
        """The same object when no message came in."""
        table = self._store.read("assignments.message_counts", version=assigned.version)
        counts = table["message_count"].to_numpy()
        if np.array_equal(counts, assigned.message_counts) or len(counts) != len(
            assigned.message_counts
        ):
            return assigned
        return assigned._replace(message_counts=counts)
