"""Labels in a process that lives long: followed at once, learnt from once labelling pauses.

A change of labels moves walks, counts and tau (update_labels: some tens of milliseconds); head and
exponents are fitted again in the background, which takes seconds.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from genlab.config import LabellingSettings
from genlab.labelling import (
    NO_LABEL,
    Ground,
    LabelModel,
    Propagation,
    apply_labels,
    fit_labels,
    themselves,
    update_labels,
)
from genlab.labelling.head import Head
from genlab.labelling.label_store import label_counts
from genlab.pipeline.assigned import Assigned, Labels
from genlab.pipeline.tables import strings

QUIET_SECONDS = 1.0  # without a new label, after which they are learnt from
PATIENCE_SECONDS = 10.0  # and at the latest; a lesson slows the labels given beside it

_LOG = logging.getLogger("genlab.labels")


class Taught(NamedTuple):
    """What a full fit learnt from the labels, and where the labels stand by now."""

    ground: Ground
    ids: list[str]  # of the labels ``model`` knows
    model: LabelModel  # in line with the labels of the last call
    lesson: LabelModel  # of the full fit
    proof: LabelModel  # the same from labels somebody looked at alone
    seq: int  # label event the full fit saw, -1 before the first

    @property
    def learnt(self) -> bool:
        """Whether all that the labels teach is in ``model``."""
        return self.model is self.lesson and self.seq >= 0


class Spreader:
    """Holds the label model of the version in hand.

    ``learnt``: called after each lesson in the background, by the thread that learnt; None: there
    are none, and only :meth:`learn` fits.
    """

    def __init__(self, settings: LabellingSettings, learnt: Callable[[], None] | None = None):
        self._settings = settings
        self._learnt = learnt
        self._turn = threading.Condition()
        self._taught: Taught | None = None
        self._imagined: tuple[LabelModel, LabelModel] | None = None  # lesson, what came of it
        self._asked: tuple[Assigned, Labels, float] | None = None  # since when
        self._due = 0.0
        self._thread: threading.Thread | None = None

    def holds(self, assigned: Assigned) -> bool:
        """Whether something was said of these patterns before."""
        held = self._taught
        return held is not None and held.ground is assigned.ground

    @property
    def taught(self) -> Taught:
        """Where the last call left it."""
        assert self._taught is not None
        return self._taught

    def prepare(self, assigned: Assigned, labels: Labels) -> Taught:
        """Have a lesson given in the background; nothing is computed now."""
        with self._turn:
            self._taught = self._known(assigned, labels)
            self._ask(assigned, labels, self._taught)
            return self._taught

    def follow(self, assigned: Assigned, labels: Labels) -> Taught:
        """Bring the model in line with the labels, at once; a lesson follows where it is due."""
        with self._turn:
            held = self._known(assigned, labels)
            model = self._moved(held, assigned, labels)
            self._taught = held._replace(model=model, ids=labels.ids)
            self._ask(assigned, labels, self._taught)
            return self._taught

    def learn(self, assigned: Assigned, labels: Labels) -> Taught:
        """A full fit, now."""
        count = len(labels.names)
        lesson = proof = fit_labels(
            assigned.ground, labels.given, count, self._settings, labels.acts
        )
        looked_at = np.where(labels.checked, labels.given, NO_LABEL)
        if (looked_at != labels.given).any():
            proof = fit_labels(assigned.ground, looked_at, count, self._settings, labels.acts)
        taught = Taught(assigned.ground, labels.ids, lesson, lesson, proof, labels.seq)
        with self._turn:
            asked = self._asked
            if asked is None or asked[0].ground is assigned.ground:  # else it has moved on
                self._taught = taught
            if asked is not None and asked[1].seq <= labels.seq:
                self._asked = None
        return taught

    def spread(self, assigned: Assigned, labels: Labels) -> Propagation:
        """What is believed about each pattern, by :meth:`follow`."""
        return self._apply(self.follow(assigned, labels).model, assigned, labels)

    def imagine(self, assigned: Assigned, labels: Labels) -> Propagation:
        """What :meth:`spread` would say under other labels; kept for when they are given next."""
        with self._turn:
            held = self._known(assigned, labels)
        model = self._moved(held, assigned, labels)
        self._imagined = held.lesson, model
        return self._apply(model, assigned, labels)

    def _apply(self, model: LabelModel, assigned: Assigned, labels: Labels) -> Propagation:
        queries = themselves(assigned.ground)
        return apply_labels(queries, model, self._settings, assigned.novelty_p, labels.given)

    def _moved(self, held: Taught, assigned: Assigned, labels: Labels) -> LabelModel:
        """The model in line with ``labels``, from where the way is shorter."""
        count = len(labels.ids)
        lesson, imagined = self._imagined or (held.lesson, held.model)
        if lesson is held.lesson and _stands(imagined, labels):
            return imagined
        nearer = min((held.lesson, held.model), key=lambda m: _changed(m, labels.given))
        if _stands(nearer, labels):
            return nearer
        return update_labels(assigned.ground, nearer, labels.given, count, self._settings.alpha0)

    def _known(self, assigned: Assigned, labels: Labels) -> Taught:
        """What is held, on this ground; head and exponents hold for other patterns as well.

        A rename changes nothing; merged labels share what was learnt of each.
        """
        held, ground = self._taught, assigned.ground
        same = held is not None and held.ids == labels.ids[: len(held.ids)]
        if held is not None and same and held.ground is ground:
            return held
        kept = None if held is None else _kept(held.lesson, held.ids, labels)
        if kept is not None and len(kept.head.weight) != len(ground.centre):
            kept = None  # another encoder
        nothing = np.full(len(assigned.pattern_ids), NO_LABEL)
        known = 0 if kept is None else len(kept.factors)
        blank = fit_labels(ground, nothing, known, self._settings)
        if kept is not None:
            blank = blank._replace(
                head=kept.head,
                taught=np.exp(kept.head.log_probabilities(ground.unit)),
                factors=kept.factors,
                exponents=kept.exponents,
            )
        return Taught(ground, labels.ids, blank, blank, blank, -1)

    def _ask(self, assigned: Assigned, labels: Labels, held: Taught) -> None:
        if self._learnt is None or held.seq == labels.seq:
            return
        if self._asked is not None and self._asked[1].seq == labels.seq:
            return
        now = time.monotonic()
        since = now if self._asked is None else self._asked[2]
        self._asked = assigned, labels, since
        self._due = now if held.seq < 0 else min(now + QUIET_SECONDS, since + PATIENCE_SECONDS)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="labels", daemon=True)
            self._thread.start()
        self._turn.notify()

    def _work(self) -> None:
        while True:
            with self._turn:
                while (wait := self._wait()) != 0.0:
                    self._turn.wait(wait)
                assert self._asked is not None
                assigned, labels, _ = self._asked
            try:
                self.learn(assigned, labels)
                if self._learnt is not None:
                    self._learnt()
            except Exception:
                _LOG.exception("the labels were not learnt from; the next change tries again")
                with self._turn:
                    if self._asked is not None and self._asked[1] is labels:
                        self._asked = None

    def _wait(self) -> float | None:
        """Seconds until a lesson is due, None while none is asked for."""
        return None if self._asked is None else max(self._due - time.monotonic(), 0.0)


class _Kept(NamedTuple):
    head: Head
    factors: np.ndarray
    exponents: np.ndarray


def _kept(model: LabelModel, ids: list[str], labels: Labels) -> _Kept | None:
    """What was learnt of the labels ``ids`` (Y,), for those of them that ``labels`` begins with.

    A label that is gone went where its patterns are now: the two directions are averaged by their
    patterns, the odds add up.  None where labels came back in between.
    """
    left = [each for each in ids if each in labels.ids]
    if labels.ids[: len(left)] != left:
        return None
    to = np.zeros((len(ids), len(left)))
    for y, label_id in enumerate(ids):
        if label_id in left:
            to[y, left.index(label_id)] = 1.0
        elif len(labels.given) == len(model.labels):
            now = labels.given[(model.labels == y) & (labels.given >= 0)]
            if len(now) and (most := int(np.bincount(now).argmax())) < len(left):
                to[y, most] = 1.0
    patterns = np.bincount(model.labels[model.labels != NO_LABEL], minlength=len(ids)) + 1.0
    share = to * patterns[:, None]
    share /= share.sum(axis=0)
    odds = np.log(np.exp(model.head.bias - model.head.bias.max(initial=0.0)) @ to)
    head = Head((model.head.weight @ share).astype(np.float32), odds.astype(np.float32))
    return _Kept(head, model.factors @ share, model.exponents)


def stored(assigned: Assigned, labels: Labels, model: LabelModel) -> Propagation:
    """What the tables hold already, for a first look.

    Of the probabilities they keep that of the label alone: the others share the rest evenly.
    """
    table, names = assigned.table, labels.names
    number = {name: i for i, name in enumerate(names)}
    label = np.array([number.get(name, NO_LABEL) for name in strings(table["label"])], int)
    confidence = np.where(label != NO_LABEL, table["confidence"].to_numpy(), 0.0)
    others = (1.0 - confidence) / max(len(names) - 1, 1)
    probabilities = np.repeat(others[:, None].astype(np.float32), len(names), axis=1)
    rows = np.flatnonzero(label != NO_LABEL)
    probabilities[rows, label[rows]] = confidence[rows]
    counts = label_counts(assigned.responsibilities, labels.given, len(names))
    return Propagation(
        label,
        probabilities,
        confidence,
        table["s_ood"].to_numpy(),
        table["evidence"].to_numpy(),
        strings(table["verdict"]).astype(str),
        model._replace(counts=counts),
    )


def _stands(model: LabelModel, labels: Labels) -> bool:
    """Whether a model says what these labels say."""
    return model.tau.shape[1] == len(labels.ids) and not _changed(model, labels.given)


def _changed(model: LabelModel, given: np.ndarray) -> int:
    return int((model.labels != given).sum())
