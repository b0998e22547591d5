"""``Triage``: the same machinery in scikit-learn's manner, without a database.

The path is the product's: mask -> patterns -> embed -> component VAE -> label store -> verdicts.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from genlab.config import Settings, load_settings
from genlab.encoders import Encoder, load_encoder
from genlab.errors import CheckpointError, InputError, NotReady
from genlab.ingest import load_masker
from genlab.labelling import (
    NO_LABEL,
    Ground,
    LabelModel,
    NoveltyModel,
    Propagation,
    Queries,
    apply_labels,
    fit_labels,
    fit_novelty,
    lay_ground,
    novelty_p,
    novelty_score,
    queries,
)
from genlab.labelling.neighbours import partners
from genlab.models.component_vae import make_config
from genlab.models.scoring import Scores, as_patterns, score
from genlab.training.checkpoints import load_checkpoint, save_checkpoint
from genlab.training.curriculum import continuation, load_curriculum
from genlab.training.growth import grow
from genlab.training.loop import TrainingState, new_state, train

Inputs: TypeAlias = Sequence[str] | np.ndarray  # N texts, or embeddings (N, D)
Labels: TypeAlias = Sequence[Any] | np.ndarray  # (N,), None or NaN where there is none

_KIND = "genlab Triage 1"
_MODEL, _DATA, _FACTS = "model", "data.safetensors", "triage.json"  # the files of a saved one


class Triage:
    """Few labels, many correct ones, and an honest "how sure".

    ``components``: K, "auto", or "kmeans" for plain soft k-means of as many; ``latent_dim``: L;
    ``prior``: standard_normal, mixture or vamp; ``curriculum``: a name in config/curricula or a
    path; ``encoder``: "default" or any sentence-transformers name (used for texts only).  The
    defaults are those of config/default.toml.

    Fitted attributes: ``classes_`` (labels, sorted), ``model_`` (the component VAE).
    """

    def __init__(
        self,
        components: Literal["auto", "kmeans"] | int = "auto",
        latent_dim: int | None = None,
        prior: str | None = None,
        curriculum: str | None = None,
        encoder: str = "default",
        seed: int = 0,
    ):
        self.components = components
        self.latent_dim = latent_dim
        self.prior = prior
        self.curriculum = curriculum
        self.encoder = encoder
        self.seed = seed
        given = {
            "model.components": components,
            "model.latent_dim": latent_dim,
            "model.prior": prior,
            "training.curriculum": curriculum,
            "encoder.name": encoder,
            "training.seed": seed,
        }
        self._settings: Settings = load_settings(
            overrides=[f"{k}={json.dumps(v)}" for k, v in given.items() if v is not None]
        )
        self._masker = load_masker(self._settings.ingest, None)
        self._encoder: Encoder | None = None
        self._state: TrainingState | None = None
        self._data: np.ndarray = np.zeros((0, 0), np.float32)  # (N, D) everything seen
        self._given: list[Any] = []  # (N,) its labels, None for none
        self._held_out: np.ndarray = np.zeros(0, bool)  # (N,) kept out of training
        self._ground: Ground | None = None  # what labels travel over
        self._novelty: NoveltyModel | None = None  # what is ordinary
        self.classes_: np.ndarray = np.array([], dtype=object)

    def fit(self, X: Inputs, y: Labels | None = None) -> "Triage":
        """Learn from X: texts, or embeddings (N, D); ``y`` (N,) labels with None for unlabelled."""
        vectors = self._vectors(X)
        if len(vectors) < 2:
            raise InputError(f"found {len(vectors)} rows, expected at least 2 to learn from")
        self._split(vectors, y)
        seen = vectors[~self._held_out]
        config = make_config(self._settings.model, vectors.shape[1], len(seen))
        self._state = new_state(
            config, seen, self._settings.training.learning_rate, self._settings.training.seed
        )
        self._train(load_curriculum(self._settings.training.curriculum))
        return self

    def partial_fit(
        self,
        X: Inputs,
        y: Labels | None = None,
        epochs: int = 5,
    ) -> "Triage":
        """Go on learning for ``epochs`` on what was seen before and X; nothing is forgotten.

        Rows of a new kind, novel and close together, get components of their own first; with
        ``components="auto"`` K also follows the number of rows.
        """
        if self._state is None:
            return self.fit(X, y)
        vectors = self._vectors(X, self._data.shape[1])
        labels = [*self._given, *_cleaned(y, len(vectors))]
        learnt = np.zeros(len(self._data), bool)
        new = self.novelty_pvalue(vectors) < self._settings.labelling.novel_p
        self._split(np.vstack([self._data, vectors]), labels)
        seen, novel = self._data[~self._held_out], np.append(learnt, new)[~self._held_out]
        asked = make_config(self._settings.model, seen.shape[1], len(seen)).components
        grow(self._state, seen, novel, asked)
        self._train(continuation(epochs))
        return self

    def label(self, X: Inputs, y: Labels) -> "Triage":
        """Label rows at once, without training: counts and tau change, the model does not.

        A row seen before gets the new label in place of its old one (None clears it).
        """
        state = self._fitted()
        vectors = self._vectors(X, state.model.config.input_dim)
        given = dict(zip(map(_digest, vectors), _cleaned(y, len(vectors)), strict=True))
        seen = set()
        for i, key in enumerate(map(_digest, self._data)):
            if key in given:
                self._given[i] = given[key]
                seen.add(key)
        first = {key: i for i, key in reversed(list(enumerate(map(_digest, vectors))))}
        new = sorted(first[key] for key in given.keys() - seen)
        if new:
            self._given += [given[_digest(vectors[i])] for i in new]
            self._data = np.vstack([self._data, vectors[new]])
            self._held_out = np.append(self._held_out, np.zeros(len(new), bool))
            self._rescore()
        else:
            self._refit_labels()
        return self

    def predict(self, X: Inputs) -> np.ndarray:
        """(N,) most probable label; None where no label reaches at all."""
        spread = self._propagation(X)
        return np.append(self.classes_, [None])[spread.label]

    def predict_proba(self, X: Inputs) -> np.ndarray:
        """(N, Y) p(y|x), rows sum to 1, columns as ``classes_``."""
        return self._propagation(X).probabilities

    def score_samples(self, X: Inputs) -> np.ndarray:
        """(N,) log p(x) in nats, an importance-weighted lower bound."""
        return self._score(X).log_prob

    def novelty_pvalue(self, X: Inputs) -> np.ndarray:
        """(N,) conformal p-value of the novelty score, calibrated on rows kept out of training.

        A row counts as a message: give each text once, or the many that repeat decide alone.
        """
        return self._judged(X)[1]

    def s_ood(self, X: Inputs) -> np.ndarray:
        """(N,) 1 - max_c(r_c(x) max_y tau[c, y])."""
        return self._propagation(X).s_ood

    def verdict(self, X: Inputs) -> np.ndarray:
        """(N,) known, unnamed, between or novel."""
        return self._propagation(X).verdict

    def responsibilities(self, X: Inputs) -> np.ndarray:
        """(N, K) q(c|x), rows sum to 1."""
        return self._score(X).responsibilities

    def transform(self, X: Inputs) -> np.ndarray:
        """(N, L) mean of q(z|x)."""
        return self._score(X).latent_mean

    def save(self, folder: Path | str) -> None:
        """Write everything to a new folder (safetensors and JSON); :meth:`load` reads it back."""
        state = self._fitted()
        target = Path(folder)
        if target.exists():
            raise InputError(f"{target} exists already: name a new folder or remove it")
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            save_checkpoint(unfinished / _MODEL, state, {"kind": _KIND})
            save_file({"data": self._data, "held_out": self._held_out}, unfinished / _DATA)
            facts = {"kind": _KIND, "parameters": self._parameters(), "labels": self._given}
            (unfinished / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
            unfinished.rename(target)
        except TypeError as error:
            raise InputError(f"a label cannot be saved as JSON: {error}; use text labels") from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path | str) -> "Triage":
        """A saved Triage; CheckpointError for a folder that is damaged or something else."""
        source = Path(folder)
        try:
            facts = json.loads((source / _FACTS).read_text(encoding="utf-8"))
            arrays = load_file(source / _DATA)
            triage = cls(**facts["parameters"])
            triage._given = list(facts["labels"])
            triage._data, triage._held_out = arrays["data"], arrays["held_out"].astype(bool)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise CheckpointError(
                f"{source} holds no Triage ({error}): expected a folder that save() wrote"
            ) from None
        triage._state = load_checkpoint(source / _MODEL)[0]
        try:
            triage._rescore()
        except InputError as error:
            raise CheckpointError(
                f"{source}: model, data and labels do not fit each other ({error}); save it again"
            ) from None
        return triage

    def _parameters(self) -> dict[str, Any]:
        return {
            "components": self.components,
            "latent_dim": self.latent_dim,
            "prior": self.prior,
            "curriculum": self.curriculum,
            "encoder": self.encoder,
            "seed": self.seed,
        }

    def _train(self, curriculum: Any) -> None:
        state = self._fitted()
        seen = ~self._held_out
        codes = self._codes()
        for _ in train(
            state,
            self._data[seen],
            codes[seen],
            curriculum,
            self._settings.weights,
            self._settings.training,
            self._settings.labelling.alpha0 / max(len(_classes(self._given)), 1),  # per cell
            neighbours=partners(self._data[seen]),
        ):
            pass
        self._rescore()

    def _split(self, vectors: np.ndarray, y: Labels | None) -> None:
        self._data, self._given = vectors, _cleaned(y, len(vectors))
        # By content, so that a row keeps its side whatever comes after it.
        share = np.array([_fraction(row) for row in vectors])
        self._held_out = share < self._settings.training.holdout
        if self._held_out.sum() > len(vectors) - 2:
            self._held_out[:] = False

    def _rescore(self) -> None:
        scores = score(self._fitted().model, self._data)
        self._ground = lay_ground(self._data, scores.responsibilities)
        messages = np.ones(len(self._data), int)
        self._novelty = fit_novelty(self._ground.near, messages, self._held_out, scores.log_prob)
        self._refit_labels()

    def _refit_labels(self) -> None:
        assert self._ground is not None
        self.classes_ = np.array(_classes(self._given), dtype=object)
        self._label_model: LabelModel = fit_labels(
            self._ground, self._codes(), len(self.classes_), self._settings.labelling
        )

    def _codes(self) -> np.ndarray:
        classes = _classes(self._given)
        number = {label: i for i, label in enumerate(classes)}
        return np.array([NO_LABEL if y is None else number[y] for y in self._given], np.int64)

    def _propagation(self, X: Inputs) -> Propagation:
        asked, p = self._judged(X)
        return apply_labels(asked, self._label_model, self._settings.labelling, p)

    def _judged(self, X: Inputs) -> tuple[Queries, np.ndarray]:
        """X as queries, and their novelty p-values."""
        state = self._fitted()
        assert self._ground is not None
        assert self._novelty is not None
        vectors = self._vectors(X, state.model.config.input_dim)
        scores = score(state.model, vectors)
        asked = queries(self._ground, vectors, scores.responsibilities)
        assert asked.near is not None
        strange = novelty_score(self._novelty, asked.near, scores.log_prob)
        return asked, novelty_p(self._novelty, strange)

    def _score(self, X: Inputs) -> Scores:
        state = self._fitted()
        return score(state.model, self._vectors(X, state.model.config.input_dim))

    def _vectors(self, X: Inputs, dimension: int | None = None) -> np.ndarray:
        """(N, D) float32, finite; ``dimension``: the D expected, None for any."""
        if isinstance(X, np.ndarray) and X.dtype.kind in "fiub":
            if X.ndim != 2:
                raise InputError(f"found an array of shape {X.shape}, expected (N, D)")
            return as_patterns(X, dimension or X.shape[1]).numpy()
        if isinstance(X, str):
            raise InputError("found one text, expected a list of texts")
        if self._encoder is None:
            self._encoder = load_encoder(self._settings.encoder)
        wrong = [i for i, text in enumerate(X) if not isinstance(text, str)]
        if wrong:
            raise InputError(f"row {wrong[0]} is a {type(X[wrong[0]]).__name__}, expected a text")
        return self._encoder.encode([self._masker.mask(text) for text in X])

    @property
    def model_(self) -> Any:
        """The fitted component VAE."""
        return self._fitted().model

    def _fitted(self) -> TrainingState:
        if self._state is None:
            raise NotReady("this Triage has learnt nothing yet: call fit first")
        return self._state


def _cleaned(y: Labels | None, rows: int) -> list[Any]:
    """One label per row: None where there is none or NaN, plain Python values otherwise."""
    given = [None] * rows if y is None else list(y)
    if len(given) != rows:
        raise InputError(
            f"found {rows} rows and {len(given)} labels, expected as many; "
            "use None for a row without a label"
        )
    plain = (label.item() if isinstance(label, np.generic) else label for label in given)
    return [None if label != label else label for label in plain]


def _digest(row: np.ndarray) -> bytes:
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()


def _classes(given: Sequence[Any]) -> list[Any]:
    """The distinct labels, sorted; by their text where they cannot be compared."""
    distinct = {y for y in given if y is not None}
    try:
        return sorted(distinct)
    except TypeError:
        return sorted(distinct, key=str)


def _fraction(row: np.ndarray) -> float:
    """A number in [0, 1) that depends on the row's content alone."""
    return int.from_bytes(_digest(row)[:6]) / 2.0**48
