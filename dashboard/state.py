"""What the callbacks stand on: the store, and the version in force as arrays, kept between calls.

One :class:`Desk` per process.  It never loads torch.  A label shows at once what it reaches; what
it teaches follows in the background (:mod:`genlab.pipeline.spreading`).
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC
from typing import Any, NamedTuple

import numpy as np

from genlab.config import Settings
from genlab.errors import NotReady
from genlab.labelling import NO_LABEL, Propagation
from genlab.pipeline.assigned import (
    ACCEPTED,
    Assigned,
    AssignedCache,
    Labels,
    active_version,
    load_labels,
)
from genlab.pipeline.labels import (
    Settled,
    give_label,
    give_labels,
    propagate_labels,
    remark,
    take_back,
)
from genlab.pipeline.preview import Preview, preview
from genlab.pipeline.spreading import Spreader, Taught, stored
from genlab.pipeline.suggest import unsure
from genlab.store import Store, Workspace

RETRY_SECONDS = 4.0  # a page says sooner than a command that the owner does not answer
_FILTERS_HELD = 16


class View(NamedTuple):
    """The version in force under the labels as they stand."""

    row: dict[str, Any]  # of model_version
    assigned: Assigned
    labels: Labels
    spread: Propagation
    taught: Taught
    unsure: np.ndarray  # (N,) bool: somebody looked at it last without deciding

    @property
    def key(self) -> dict[str, int]:
        """Changes exactly when there is something new to draw."""
        made = self.row["created_at"].replace(tzinfo=UTC).timestamp()
        return {
            "version": self.assigned.version,
            "made": int(1e6 * made),  # another workspace has a version of the same number
            "patterns": len(self.assigned.pattern_ids),
            "messages": int(self.assigned.message_counts.sum()),
            "seq": self.labels.seq,
            "learnt": self.taught.seq,
        }


class Filters(NamedTuple):
    """What narrows the Map; "" where it does not."""

    verdict: str = ""
    labelled: str = ""  # "no" or "yes": whether somebody gave a label
    source: str = ""
    query: str = ""  # words of the text


NOTHING = {"version": 0, "made": 0, "patterns": 0, "messages": 0, "seq": 0, "learnt": -1}


class Desk:
    """The store and the caches of one dashboard process.

    ``store``: given by tests, which ask for lessons by :meth:`learn`; else one is opened per
    process at first use, after gunicorn has forked, as a client that never becomes the owner, and
    lessons are given in the background.
    """

    def __init__(self, workspace: Workspace, settings: Settings, store: Store | None = None):
        self.workspace = workspace
        self.settings = settings
        self._given = store
        self._opened: Store | None = None
        self._pid = -1
        self._lock = threading.RLock()
        self._view: View | None = None
        self._cache: AssignedCache | None = None
        self._spreader: Spreader | None = None
        self._filters: OrderedDict[tuple, np.ndarray] = OrderedDict()
        self._doubts: tuple[tuple, np.ndarray] | None = None  # what they were read for

    @property
    def store(self) -> Store:
        """The store of this process."""
        with self._lock:
            if self._pid != os.getpid():
                brief = self.settings.store.model_copy(
                    update={"retry_seconds": min(RETRY_SECONDS, self.settings.store.retry_seconds)}
                )
                self._opened = self._given or Store(self.workspace, brief, may_own=False)
                self._cache = AssignedCache(self._opened)
                lessons = self._learnt if self._given is None else None
                self._spreader = Spreader(self.settings.labelling, lessons)
                self._view = None
                self._pid = os.getpid()
            assert self._opened is not None
            return self._opened

    def view(self) -> View:
        """The version in force; NotReady before the first one."""
        store = self.store
        row = active_version(store)
        with self._lock:
            assert self._cache is not None
            assert self._spreader is not None
            assigned = self._cache.get(row["version"], row["components"])
            seq = store.rows("labels.seq")[0]["seq"]
            held = self._view
            if (
                held is None
                or held.assigned is not assigned
                or held.labels.seq != seq
                or held.taught.seq != self._spreader.taught.seq
            ):
                held = self._view = self._look(row, assigned, load_labels(store, assigned))
            elif held.row != row:
                held = self._view = held._replace(row=row)
            unsure = self._unsure(assigned, seq)
            if held.unsure is not unsure:
                held = self._view = held._replace(unsure=unsure)
            return held

    def _look(self, row: dict[str, Any], assigned: Assigned, labels: Labels) -> View:
        """What is believed by now; at first sight what the tables hold, if of these labels."""
        assert self._spreader is not None
        if self._spreader.holds(assigned) or row["labels_seq"] != labels.seq:
            believed = self._spreader.spread(assigned, labels)
        else:
            model = self._spreader.prepare(assigned, labels).model
            believed = stored(assigned, labels, model)
        unsure = self._unsure(assigned, labels.seq)
        return View(row, assigned, labels, believed, self._spreader.taught, unsure)

    def _unsure(self, assigned: Assigned, seq: int) -> np.ndarray:
        """(N,) bool; the same array until somebody labels, doubts or takes back."""
        patterns = len(assigned.pattern_ids)
        key = (assigned.version, patterns, seq, self.store.rows("remarks.seq")[0]["seq"])
        if self._doubts is None or self._doubts[0] != key:
            self._doubts = key, unsure(self.store, assigned)
        return self._doubts[1]

    def key(self) -> dict[str, int]:
        """The view's key, NOTHING before the first version."""
        try:
            return self.view().key
        except NotReady:
            return NOTHING

    def label(
        self,
        pattern_ids: Sequence[str],
        label: str | None,
        how: str,
        annotator: str,
        seen: int | None = None,
    ) -> tuple[View, Settled]:
        """Label patterns as one gesture and spread it: durable when it returns.

        ``seen``: the last label event that was shown; Overtaken where somebody was there first.
        """
        give_label(self.store, pattern_ids, label, how, annotator, seen)
        return self.propagate()

    def preview(self, view: View, pattern_ids: Sequence[str], label: str | None) -> Preview:
        """What such a label would change; nothing is stored."""
        store = self.store
        assert self._spreader is not None
        args = (view.assigned, view.labels, view.spread, pattern_ids, label)
        return preview(store, self._spreader, *args)

    def remark(
        self, pattern_ids: Sequence[str], kind: str, text: str, how: str, annotator: str
    ) -> View:
        """Leave a "note", or say "unsure", as one gesture."""
        remark(self.store, pattern_ids, kind, text, how, annotator)
        return self.view()

    def accept(
        self, pattern_ids: Sequence[str], labels: Sequence[str], annotator: str
    ) -> tuple[View, Settled]:
        """Give many patterns each its own label, as one gesture that one undo takes back."""
        give_labels(self.store, pattern_ids, labels, ACCEPTED, annotator)
        return self.propagate()

    def take_back(
        self, annotator: str, action: str = "undo", group_id: str | None = None
    ) -> tuple[dict[str, Any], View, Settled] | None:
        """Undo (or redo) a gesture, by default the annotator's last; None when there is none."""
        gesture = take_back(self.store, annotator, action, group_id)
        return None if gesture is None else (gesture, *self.propagate())

    def propagate(self) -> tuple[View, Settled]:
        """Bring the tables in line with the labels; the view after it."""
        store = self.store
        with self._lock:
            assert self._spreader is not None
            assigned, labels, after, settled = propagate_labels(
                store, self.settings.labelling, self._cache, spreader=self._spreader
            )
            held = self._view
            same = held is not None and held.assigned.version == assigned.version
            row = held.row if held and same else active_version(store)
            unsure = self._unsure(assigned, labels.seq)
            self._view = View(row, assigned, labels, after, self._spreader.taught, unsure)
            return self._view, settled

    def learn(self) -> View:
        """Learn from the labels now, rather than once labelling pauses."""
        view = self.view()
        assert self._spreader is not None
        self._spreader.learn(view.assigned, view.labels)
        return self.propagate()[0]

    def _learnt(self) -> None:
        self.propagate()

    def shown(self, view: View, filters: Filters) -> np.ndarray | None:
        """(N,) bool: patterns that pass; None when all do."""
        masks = []
        if filters.verdict:
            masks.append(view.spread.verdict == filters.verdict)
        if filters.labelled:
            masks.append((view.labels.given != NO_LABEL) == (filters.labelled == "yes"))
        if filters.source:
            masks.append(self._matching(view, "patterns.of_sources", source=filters.source))
        if words := filters.query.split():
            limit = len(view.assigned.pattern_ids) + 1_000
            masks.append(self._matching(view, "patterns.search", words=words, limit=limit))
        return np.logical_and.reduce(masks) if masks else None

    def _matching(self, view: View, name: str, **params: Any) -> np.ndarray:
        key = (view.assigned.version, len(view.assigned.pattern_ids), name, repr(params))
        with self._lock:
            if key in self._filters:
                return self._filters[key]
        mask = view.assigned.holds(self.store.read(name, **params)["pattern_id"].to_pylist())
        with self._lock:
            self._filters[key] = mask
            while len(self._filters) > _FILTERS_HELD:
                self._filters.popitem(last=False)
        return mask
