"""``Triage``: the same machinery in scikit-learn's manner, without a database.

The path is the product's: mask -> patterns -> embed -> component VAE -> label store -> verdicts.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from genlab.config import Settings, load_settings
from genlab.encoders import Encoder, load_encoder
from genlab.errors import CheckpointError, InputError, NotReady
from genlab.ingest import load_masker
from genlab.labelling import (
    NO_LABEL,
    LabelModel,
    Propagation,
    apply_labels,
    conformal_p,
    fit_labels,
)
from genlab.models.component_vae import make_config
from genlab.models.scoring import Scores, score
from genlab.training.checkpoints import load_checkpoint, save_checkpoint
from genlab.training.curriculum import continuation, load_curriculum
from genlab.training.loop import TrainingState, new_state, train

_KIND = "genlab-triage"


class Triage:
    """Few labels, many correct ones, and an honest "how sure".

    ``components``: K, or "auto"; ``latent_dim``: L; ``prior``: standard_normal, mixture or vamp;
    ``curriculum``: a name in config/curricula or a path; ``encoder``: "default" or any
    sentence-transformers name (used for texts only).  The defaults are those of
    config/default.toml.

    Fitted attributes: ``classes_`` (labels, sorted), ``model_`` (the component VAE).
    """

    def __init__(
        self,
        components: Literal["auto"] | int = "auto",
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
        self.classes_: np.ndarray = np.array([], dtype=object)

    def fit(self, X: Sequence[str] | np.ndarray, y: Sequence[Any] | None = None) -> "Triage":  # noqa: N803
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
        X: Sequence[str] | np.ndarray,  # noqa: N803
        y: Sequence[Any] | None = None,
        epochs: int = 5,
    ) -> "Triage":
        """Go on learning for ``epochs`` on what was seen before and X; nothing is forgotten."""
        if self._state is None:
            return self.fit(X, y)
        vectors = self._vectors(X)
        labels = [*self._given, *([None] * len(vectors) if y is None else y)]
        self._split(np.vstack([self._data, vectors]), labels)
        self._train(continuation(epochs))
        return self

    def label(self, X: Sequence[str] | np.ndarray, y: Sequence[Any]) -> "Triage":  # noqa: N803
        """Add labelled examples at once, without training: counts and tau change, the model not."""
        scores = self._score(X)
        if len(y) != len(scores.log_prob):
            raise InputError(f"found {len(scores.log_prob)} rows and {len(y)} labels")
        vectors = self._vectors(X)
        self._data = np.vstack([self._data, vectors])
        self._given = [*self._given, *y]
        self._held_out = np.concatenate([self._held_out, np.zeros(len(y), bool)])
        self._responsibilities = np.vstack([self._responsibilities, scores.responsibilities])
        self._refit_labels()
        return self

    def predict(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        """(N,) most probable label; None where no label reaches at all."""
        spread = self._propagation(X)
        return np.append(self.classes_, [None])[spread.label]

    def predict_proba(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        """(N, Y) p(y|x), rows sum to 1, columns as ``classes_``."""
        return self._propagation(X).probabilities

    def score_samples(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        """(N,) log p(x) in nats, an importance-weighted lower bound."""
        return self._score(X).log_prob

    def novelty_pvalue(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        """(N,) conformal p-value of -log p(x) against rows kept out of training."""
        return conformal_p(-self._calibration, -self._score(X).log_prob)

    def s_ood(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        """(N,) 1 - max_c(r_c(x) max_y tau[c, y])."""
        return self._propagation(X).s_ood

    def verdict(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        """(N,) known, unnamed, between or novel."""
        return self._propagation(X).verdict

    def responsibilities(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        """(N, K) q(c|x), rows sum to 1."""
        return self._score(X).responsibilities

    def transform(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        """(N, L) mean of q(z|x)."""
        return self._score(X).latent_mean

    def save(self, folder: Path | str) -> None:
        """Write everything to a new folder (safetensors and JSON); :meth:`load` reads it back."""
        state = self._fitted()
        save_checkpoint(
            Path(folder),
            state,
            {
                "kind": _KIND,
                "parameters": {
                    "components": self.components,
                    "latent_dim": self.latent_dim,
                    "prior": self.prior,
                    "curriculum": self.curriculum,
                    "encoder": self.encoder,
                    "seed": self.seed,
                },
                "labels": _plain_labels(self._given),
            },
            {"data": self._data, "held_out": self._held_out},
        )

    @classmethod
    def load(cls, folder: Path | str) -> "Triage":
        """A saved Triage; CheckpointError for a folder that is damaged or something else."""
        state, metadata, arrays = load_checkpoint_with_arrays(Path(folder))
        if metadata.get("kind") != _KIND:
            raise CheckpointError(f"{folder} holds no Triage: expected a folder that save() wrote")
        triage = cls(**metadata["parameters"])
        triage._state = state
        triage._data = arrays["data"]
        triage._held_out = arrays["held_out"].astype(bool)
        triage._given = list(metadata["labels"])
        triage._rescore()
        return triage

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
            self._settings.labelling.alpha0,
        ):
            pass
        self._rescore()

    def _split(self, vectors: np.ndarray, y: Sequence[Any] | None) -> None:
        given = [None] * len(vectors) if y is None else [_none_if_nan(label) for label in y]
        if len(given) != len(vectors):
            raise InputError(f"found {len(vectors)} rows and {len(given)} labels, expected as many")
        self._data, self._given = vectors, given
        # By content, so that a row keeps its side whatever comes after it.
        share = np.array([_fraction(row) for row in vectors])
        self._held_out = share < self._settings.training.holdout
        if self._held_out.sum() > len(vectors) - 2:
            self._held_out[:] = False

    def _rescore(self) -> None:
        scores = score(self._fitted().model, self._data)
        self._responsibilities = scores.responsibilities
        out = self._held_out if self._held_out.any() else np.ones(len(self._data), bool)
        self._calibration = scores.log_prob[out]
        self._refit_labels()

    def _refit_labels(self) -> None:
        self.classes_ = np.array(sorted({y for y in self._given if y is not None}), dtype=object)
        self._label_model: LabelModel = fit_labels(
            self._responsibilities, self._codes(), len(self.classes_), self._settings.labelling
        )

    def _codes(self) -> np.ndarray:
        classes = sorted({y for y in self._given if y is not None})
        number = {label: i for i, label in enumerate(classes)}
        return np.array([NO_LABEL if y is None else number[y] for y in self._given], np.int64)

    def _propagation(self, X: Sequence[str] | np.ndarray) -> Propagation:  # noqa: N803
        scores = self._score(X)
        return apply_labels(
            scores.responsibilities,
            self._label_model,
            self._settings.labelling,
            conformal_p(-self._calibration, -scores.log_prob),
        )

    def _score(self, X: Sequence[str] | np.ndarray) -> Scores:  # noqa: N803
        state = self._fitted()
        return score(state.model, self._vectors(X))

    def _vectors(self, X: Sequence[str] | np.ndarray) -> np.ndarray:  # noqa: N803
        if isinstance(X, np.ndarray) and X.dtype.kind in "fiub":
            if X.ndim != 2:
                raise InputError(f"found an array of shape {X.shape}, expected (N, D)")
            return np.ascontiguousarray(X, dtype=np.float32)
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
