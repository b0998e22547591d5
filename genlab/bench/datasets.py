"""The data sets of the benches: one item per distinct message, embedded once, split by seed.

LogHub and CLINC150 are read from a folder outside the project; digits and the fleet are always
there.  An item is a distinct message; messages that share a pattern share its embedding.
"""

import csv
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from platformdirs import user_cache_path
from sklearn.datasets import load_digits

from genlab.config import Settings
from genlab.encoders import load_encoder
from genlab.errors import InputError
from genlab.ingest import Masker, load_masker
from genlab.ingest.fleet import generate, load_fleet

NAMES = ("clinc150", "loghub", "digits", "fleet")
OUTSIDE = ("clinc150", "loghub")  # need the folder of data
TEST_SHARE = 0.3  # of each kind, where the data set has no test part of its own
PER_KIND = 100  # messages of one template that take part, as many as CLINC150 has
LABELLED_KIND = 15  # messages a kind needs for ten labels and a test
FLEET_MESSAGES = 20_000


class DataSet(NamedTuple):
    """N items and M strangers, things of no kind at all."""

    name: str
    vectors: np.ndarray  # (N, D) float32
    kinds: np.ndarray  # (N,) str: what a label should say
    groups: np.ndarray  # (N,) str: system or domain; one whole group can be held out
    patterns: np.ndarray  # (N,) int: items of one pattern have one vector
    test: np.ndarray | None  # (N,) bool, where the data set says so itself
    strangers: np.ndarray  # (M, D)


class Split(NamedTuple):
    """Row numbers; the test is never seen by any method, not even without its labels."""

    pool: np.ndarray
    test: np.ndarray  # of the kinds that can be labelled
    names: list[str]  # Y kinds that can be labelled
    order: np.ndarray  # (P,) random order of the pool's rows, by which labels are drawn


def load(name: str, data: Path | None, settings: Settings) -> DataSet:
    """The data set called ``name``; ``data`` is the folder that holds loghub/ and clinc150/.

    Raises InputError for an unknown name and for data that are not there.
    """
    if name not in NAMES:
        raise InputError(f"data set {name!r}: expected one of {', '.join(NAMES)}")
    if name in OUTSIDE and (data is None or not (data / name).is_dir()):
        raise InputError(f"{name}: no folder {name} in {data}; name one with --data")
    if name == "digits":
        return _digits()
    masker = load_masker(settings.ingest, None)
    if name == "fleet":
        return _fleet(masker, settings)
    assert data is not None
    return (_clinc150 if name == "clinc150" else _loghub)(data / name, masker, settings)


def split(data: DataSet, seed: int) -> Split:
    """Pool and test, and the order in which a seed's expert labels the pool."""
    rng = np.random.default_rng(seed)
    names, kind, size = np.unique(data.kinds, return_inverse=True, return_counts=True)
    can = size[kind] >= LABELLED_KIND
    if data.test is None:
        place = np.empty(len(kind))  # of each item within its kind, in [0, 1)
        shuffled = rng.permutation(len(kind))
        for c in range(len(names)):
            own = shuffled[kind[shuffled] == c]
            place[own] = np.arange(len(own)) / len(own)
        test = (place >= 1 - TEST_SHARE) & can
    else:
        test = data.test
    pool = np.flatnonzero(~test)
    return Split(
        pool,
        np.flatnonzero(test & can),
        [str(n) for n in names[size >= LABELLED_KIND]],
        rng.permutation(len(pool)),
    )


def draw_labels(data: DataSet, parts: Split, per_kind: int) -> np.ndarray:
    """(P,) index into ``parts.names`` of the pool's rows, -1 for none: ``per_kind`` of each kind.

    Fewer labels are the first of more.
    """
    number = {name: i for i, name in enumerate(parts.names)}
    labels = np.full(len(parts.pool), -1)
    given = np.zeros(len(parts.names), int)
    for row in parts.order:
        y = number.get(str(data.kinds[parts.pool[row]]), -1)
        if y >= 0 and given[y] < per_kind:
            labels[row] = y
            given[y] += 1
    return labels


def truth(data: DataSet, parts: Split) -> np.ndarray:
    """(T,) index into ``parts.names`` of each test row's kind."""
    number = {name: i for i, name in enumerate(parts.names)}
    return np.array([number[str(kind)] for kind in data.kinds[parts.test]])


def embed(texts: Sequence[str], settings: Settings) -> np.ndarray:
    """(N, D) of masked texts, kept in the user's cache by encoder version and content."""
    encoder = load_encoder(settings.encoder)
    digest = hashlib.blake2b("\0".join([encoder.version, *texts]).encode(), digest_size=12)
    kept = user_cache_path("genlab") / "bench" / f"{digest.hexdigest()}.npy"
    if kept.exists():
        return np.asarray(np.load(kept, allow_pickle=False))
    vectors = encoder.encode(texts)
    kept.parent.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(".tmp.npy")
    np.save(unfinished, vectors)
    unfinished.replace(kept)
    return vectors


def _of_texts(
    name: str,
    masked: list[str],
    kinds: list[str],
    groups: list[str],
    settings: Settings,
    test: np.ndarray | None = None,
    strangers: Sequence[str] = (),
) -> DataSet:
    distinct, pattern = np.unique(np.array(masked, dtype=object), return_inverse=True)
    vectors = embed([*distinct, *strangers], settings)
    return DataSet(
        name,
        vectors[: len(distinct)][pattern],
        np.array(kinds),
        np.array(groups),
        pattern,
        test,
        vectors[len(distinct) :],
    )


def _clinc150(folder: Path, masker: Masker, settings: Settings) -> DataSet:
    """train is the pool, test the test, the out-of-scope test queries are the strangers."""
    parts = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
    domains = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    domain = {intent: name for name, intents in domains.items() for intent in intents}
    rows = parts["train"] + parts["test"]
    return _of_texts(
        "clinc150",
        [masker.mask(text) for text, _ in rows],
        [intent for _, intent in rows],
        [domain[intent] for _, intent in rows],
        settings,
        np.arange(len(rows)) >= len(parts["train"]),
        [masker.mask(text) for text, _ in parts["oos_test"]],
    )


def _loghub(folder: Path, masker: Masker, settings: Settings) -> DataSet:
    """Distinct contents of each system, at most PER_KIND of one template; kinds are templates."""
    found: dict[tuple[str, str], str] = {}
    for file in sorted(folder.glob("*/*_structured.csv")):
        with file.open(encoding="utf-8", errors="replace", newline="") as lines:
            for row in csv.DictReader(lines):
                found[file.parent.name, row["Content"]] = row["EventId"]
    items = [(system, text, f"{system} {event}") for (system, text), event in found.items()]
    count: dict[str, int] = {}
    kept = []
    for i in np.random.default_rng(0).permutation(len(items)):
        kind = items[i][2]
        count[kind] = count.get(kind, 0) + 1
        if count[kind] <= PER_KIND:
            kept.append(i)
    systems, texts, kinds = map(list, zip(*(items[i] for i in sorted(kept)), strict=True))
    return _of_texts("loghub", [masker.mask(text) for text in texts], kinds, systems, settings)


def _digits() -> DataSet:
    """scikit-learn's 8 x 8 digits, pixels in [0, 1]."""
    bunch = load_digits()
    kinds = np.array([str(y) for y in bunch.target])
    none = np.zeros((0, bunch.data.shape[1]), np.float32)
    vectors = (bunch.data / 16.0).astype(np.float32)
    return DataSet("digits", vectors, kinds, kinds, np.arange(len(kinds)), None, none)


def _fleet(masker: Masker, settings: Settings) -> DataSet:
    """The demo fleet's patterns; kinds are its broad labels, groups its kinds of message."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    first: dict[str, tuple[str, str]] = {}
    for record in generate(load_fleet(), FLEET_MESSAGES, 0, start, 7.0):
        pattern = masker.mask(record["text"])
        first.setdefault(pattern, (record["truth_label"], record["truth_kind"]))
    labels, kinds = map(list, zip(*first.values(), strict=True))
    return _of_texts("fleet", list(first), labels, kinds, settings)
