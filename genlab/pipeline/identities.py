"""Which component of a new version is which of the version before."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy import sparse

MOST = 0.5  # a share of responsibilities above this is where a component went, or came from
_ROWS = 8192  # looked at together


class Event(NamedTuple):
    """One row of `component_event`, without its version."""

    component: int | None  # index, None for an identity that retired
    component_id: str
    event: str  # born, opened, kept, merged, split or retired
    from_ids: list[str]
    overlap: float | None  # with the first of from_ids, in [0, 1]; see _Shares


class Before(NamedTuple):
    """The version before: K components over the S patterns both versions have scored."""

    ids: Sequence[str]  # (K,) identities
    active: np.ndarray  # (K,) bool
    responsibilities: sparse.csr_matrix  # (S, K)


class Identities(NamedTuple):
    """Of the K' components of the new version."""

    ids: list[str]  # (K',)
    events: list[Event]  # of every active component, and of every identity that retired


def first_identities(active: np.ndarray) -> Identities:
    """A version with none before it: active (K',) bool."""
    ids = [_new_id() for _ in active]
    born = np.flatnonzero(active).tolist()
    return Identities(ids, [Event(c, ids[c], "born", [], None) for c in born])


def continued(
    before: Before,
    after: sparse.csr_matrix,
    active: np.ndarray,
    opened: Collection[int],
    split: Mapping[int, int],
) -> Identities:
    """Parameters went on from the version before, so an index is an identity.

    after (S, K') responsibilities, K' >= K; active (K',) bool; ``opened`` for new kinds and
    ``split`` (new index to the crowded one it relieves): indices placed anew, whose old identity
    was spare and ends.  A component merged when most of one that is spare now went into it.
    """
    k = len(before.ids)
    placed = {*opened, *split}
    ids = [_new_id() if c >= k or c in placed else before.ids[c] for c in range(len(active))]
    shares = _shares(before.responsibilities, after)
    gone = before.active & ~active[:k]
    events = []
    for c in np.flatnonzero(active).tolist():
        if c in placed or c >= k or not before.active[c]:
            event = "opened" if c in opened else "split" if c in split else "born"
            sources = [split[c]] if c in split else []
        else:
            sources = [c, *np.flatnonzero(gone & (shares.went[:, c] > MOST)).tolist()]
            event = "merged" if len(sources) > 1 else "kept"
        events.append(_event(c, ids[c], event, sources, before, shares))
    return Identities(ids, events + _retired(before, np.flatnonzero(gone)))


def matched(before: Before, after: sparse.csr_matrix, active: np.ndarray) -> Identities:
    """Parameters are new: identities follow the patterns.

    after (S, K') responsibilities; active (K',) bool.  A component inherits the identity it shares
    most with, when that shares most with it as well and more than half of one is in the other.  It
    merged when more than half of each of several went into it; it split when it is one of several
    that came more than half from one, of which the largest part inherits.
    """
    shares = _shares(before.responsibilities, after)
    went = shares.went * before.active[:, None] * active
    came = shares.came * before.active[:, None] * active
    target, source = went.argmax(axis=1), came.argmax(axis=0)
    into = (went.max(axis=1) > MOST) & before.active  # it went, and to which: target
    out_of = (came.max(axis=0) > MOST) & active
    ids, events, kept = [_new_id() for _ in active], [], set()
    for b in np.flatnonzero(active).tolist():
        a = int(source[b])
        inherits = bool(target[a] == b and max(went[a, b], came[a, b]) > MOST)
        if inherits:
            ids[b] = before.ids[a]
            kept.add(a)
        merged = np.flatnonzero(into & (target == b))
        if len(merged) > 1:
            event, sources = "merged", merged[np.argsort(-came[merged, b])].tolist()
        elif out_of[b] and (out_of & (source == a)).sum() > 1:
            event, sources = "split", [a]
        else:
            event, sources = ("kept", [a]) if inherits else ("born", [])
        events.append(_event(b, ids[b], event, sources, before, shares))
    ended = [a for a in np.flatnonzero(before.active).tolist() if a not in kept]
    return Identities(ids, events + _retired(before, ended))


def event_table(events: Sequence[Event]) -> pa.Table:
    """The input ``in_events`` of ``model_versions.put_components``."""
    schema = pa.schema(
        [
            ("component", pa.int32()),
            ("component_id", pa.string()),
            ("event", pa.string()),
            ("from_ids", pa.list_(pa.string())),
            ("overlap", pa.float64()),
        ]
    )
    return pa.Table.from_pylist([event._asdict() for event in events], schema=schema)


class _Shares(NamedTuple):
    """Of the common M[a, b] = sum_x min(r_a(x), r'_b(x)), each (K, K') in [0, 1]; 0 of nothing."""

    went: np.ndarray  # M[a, b] / sum_x r_a(x)
    came: np.ndarray  # M[a, b] / sum_x r'_b(x)
    overlap: np.ndarray  # M[a, b] / sum_x max(r_a(x), r'_b(x)), 1 for two that are the same


def _shares(before: sparse.csr_matrix, after: sparse.csr_matrix) -> _Shares:
    common = np.zeros((before.shape[1], after.shape[1]))
    for start in range(0, before.shape[0], _ROWS):
        common += _common(before[start : start + _ROWS], after[start : start + _ROWS])
    old = np.asarray(before.sum(axis=0), dtype=np.float64).reshape(-1, 1)
    new = np.asarray(after.sum(axis=0), dtype=np.float64).reshape(1, -1)
    tiny = np.finfo(float).tiny
    return _Shares(
        common / np.maximum(old, tiny),
        common / np.maximum(new, tiny),
        common / np.maximum(old + new - common, tiny),
    )


def _common(before: sparse.csr_matrix, after: sparse.csr_matrix) -> np.ndarray:
    """(K, K') sum over rows of the smaller of every pair of entries of a row."""
    width = np.diff(after.indptr)[np.repeat(np.arange(before.shape[0]), np.diff(before.indptr))]
    left = np.repeat(np.arange(before.nnz), width)  # one per pair
    begin = np.repeat(after.indptr[:-1], np.diff(before.indptr))
    right = np.arange(len(left)) - np.repeat(np.cumsum(width) - width - begin, width)
    pair = before.indices[left].astype(np.int64) * after.shape[1] + after.indices[right]
    smaller = np.minimum(before.data[left], after.data[right])
    size = before.shape[1] * after.shape[1]
    return np.bincount(pair, smaller, minlength=size).reshape(before.shape[1], after.shape[1])


def _event(
    c: int, own: str, event: str, sources: Sequence[int], before: Before, shares: _Shares
) -> Event:
    overlap = float(shares.overlap[sources[0], c]) if sources else None
    return Event(c, own, event, [before.ids[a] for a in sources], overlap)


def _retired(before: Before, which: Iterable[int]) -> list[Event]:
    return [Event(None, before.ids[a], "retired", [], None) for a in which]


def _new_id() -> str:
    return uuid.uuid4().hex[:12]
