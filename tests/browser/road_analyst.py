"""The analyst of the road: knows what a message is about, and how far one gesture may reach."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from road_truth import RULES, Line, lines

from dashboard.selection import winners
from dashboard.state import Desk
from genlab.config import load_settings
from genlab.store import Store, Workspace

_WORD = re.compile(r"[a-z_]{4,}")


class Gesture(NamedTuple):
    """One decision on the Map: what is selected, how, and its name."""

    how: str  # "pattern", "component", "search"
    pattern: str  # the question it starts from
    source: str  # filter, "" for none
    word: str  # searched for, "" for none
    patterns: int
    gain: int  # messages it settles that were not settled right
    kind: str


class Score(NamedTuple):
    """How the messages stand against the truth."""

    messages: int
    known: int  # their pattern's verdict is known
    right: int  # ... and its label is theirs: settled correctly


class Analyst:
    """The truth by pattern, and what the tables of a fitted workspace say of it."""

    def __init__(self, store: Store, folder: Path, loghub: Path):
        self._store = store
        truth = [line for system in RULES for line in lines(loghub, system)]
        desk = Desk(Workspace(folder), load_settings(), store)
        view = desk.view()
        self.ids = [str(each) for each in view.assigned.pattern_ids]
        self._texts = [str(text).lower() for text in view.assigned.canonical_texts]
        self._counts = view.assigned.message_counts
        self._component = winners(view)
        self._kinds: list[Counter[str]] = [Counter() for _ in self.ids]
        self._sources: list[set[str]] = [set() for _ in self.ids]
        self._read(truth)
        most = [kinds.most_common(1)[0][0] for kinds in self._kinds]
        self._most = np.array(most, dtype=object)

    def _read(self, truth: list[Line]) -> None:
        rows = self._store.rows("patterns.resolve_texts", texts=sorted({t.text for t in truth}))
        pattern_of = {row["text"]: row["pattern_id"] for row in rows}
        place = {pattern_id: at for at, pattern_id in enumerate(self.ids)}
        for line in truth:
            at = place[pattern_of[line.text]]
            self._kinds[at][line.kind] += 1
            self._sources[at].add(line.system)

    def kind(self, pattern_id: str) -> str:
        """What most messages of a pattern are about."""
        return str(self._most[self.ids.index(pattern_id)])

    def messages(self, pattern_id: str) -> int:
        """How many a pattern stands for."""
        return int(self._counts[self.ids.index(pattern_id)])

    def score(self) -> Score:
        """Against the truth, as the tables stand."""
        right, known = self._right()
        return Score(int(self._counts.sum()), int(self._counts[known].sum()), int(right.sum()))

    def widest(self, questions: list[str]) -> Gesture | None:
        """Of the questions offered, the gesture that settles most and names nothing wrongly.

        The pattern alone, its component, or what a word of its text finds, in its source or all.
        """
        right, _ = self._right()
        best: Gesture | None = None
        for pattern_id in questions:
            for how, source, word, rows in self._offers(self.ids.index(pattern_id)):
                kind = self.kind(pattern_id)
                gain = int((self._counts[rows] - right[rows]).sum())
                if (self._most[rows] == kind).all() and (best is None or gain > best.gain):
                    best = Gesture(how, pattern_id, source, word, len(rows), gain, kind)
        return best

    def _offers(self, at: int) -> list[tuple[str, str, str, np.ndarray]]:
        offers = [
            ("pattern", "", "", np.array([at])),
            ("component", "", "", np.flatnonzero(self._component == self._component[at])),
        ]
        for word in ["", *dict.fromkeys(_WORD.findall(self._texts[at]))]:
            found = np.array([word in text for text in self._texts])
            for source in ["", *sorted(self._sources[at])]:
                inside = np.array([not source or source in each for each in self._sources])
                if word or source:
                    offers.append(("search", source, word, np.flatnonzero(found & inside)))
        return offers

    def _right(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) messages of each pattern settled correctly; (N,) bool: known."""
        table = self._store.read("assignments.labelled", version=1)
        known = np.array(table["verdict"].to_pylist()) == "known"
        labels = table["label"].to_pylist()
        right = [kinds[label] for kinds, label in zip(self._kinds, labels, strict=True)]
        return np.where(known, right, 0), known
