"""Model versions on disk: one folder of safetensors and JSON, written whole or not at all.

The folder's files (FILES, nothing else is read):

    model.json              format, its version, model configuration, training facts, the caller's
                            metadata, and the SHA-256 of the two other files
    weights.safetensors     parameters and buffers by name
    optimiser.safetensors   Adam's moments and steps by parameter name, and the random generator
"""

import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from genlab.errors import CheckpointError
from genlab.models.component_vae import ComponentVAE, ComponentVAEConfig
from genlab.training.loop import TrainingState, make_optimiser

FORMAT, FORMAT_VERSION = "genlab component VAE", 1
MANIFEST, WEIGHTS, OPTIMISER = FILES = (
    "model.json",
    "weights.safetensors",
    "optimiser.safetensors",
)
GENERATOR = "generator"  # the others are "parameter/moment"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save_checkpoint(folder: Path, state: TrainingState, metadata: dict[str, Any]) -> None:
    """Write ``state`` and JSON-able ``metadata`` to ``folder``, replacing a checkpoint there.

    A reader never sees half of one.  Raises CheckpointError when ``folder``
    holds something else, or the metadata is not JSON.
    """
    folder = Path(folder)
    if folder.exists() and not _replaceable(folder):
        raise CheckpointError(
            f"{folder} exists and is no checkpoint of genlab, nothing was written: "
            "name a new folder or an empty one"
        )
    contents = {
        WEIGHTS: save(_contiguous(state.model.state_dict())),
        OPTIMISER: save(_contiguous(_optimiser_tensors(state))),
    }
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "config": state.model.config.model_dump(),
        "epoch": state.epoch,
        "learning_rate": state.optimiser.param_groups[0]["lr"],
        "metadata": metadata,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
    }
    try:
        contents[MANIFEST] = json.dumps(manifest, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the metadata cannot be written as JSON: {error}") from None
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    temporary.mkdir()
    try:
        for name, data in contents.items():
            _write(temporary / name, data)
        _swap(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_model(folder: Path) -> tuple[ComponentVAE, dict[str, Any]]:
    """The model of a checkpoint, for scoring, and the caller's metadata.

    Raises CheckpointError for a missing, damaged, foreign or newer folder.
    """
    model, manifest = _load_model(Path(folder))
    return model, manifest["metadata"]


def load_checkpoint(folder: Path) -> tuple[TrainingState, dict[str, Any]]:
    """The state to continue training from, and the caller's metadata; errors as ``load_model``."""
    folder = Path(folder)
    model, manifest = _load_model(folder)
    optimiser = make_optimiser(model, float(manifest["learning_rate"]))
    tensors = _tensors(folder, OPTIMISER, manifest)
    generator = torch.Generator()
    try:
        generator.set_state(tensors.pop(GENERATOR))
        parameters = dict(model.named_parameters())
        for key, tensor in tensors.items():
            name, _, moment = key.rpartition("/")
            optimiser.state[parameters[name]][moment] = tensor
    except (KeyError, RuntimeError, TypeError) as error:
        raise _damaged(folder / OPTIMISER, str(error)) from None
    return TrainingState(model, optimiser, generator, int(manifest["epoch"])), manifest["metadata"]


def _optimiser_tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {GENERATOR: state.generator.get_state()}
    for name, parameter in state.model.named_parameters():
        moments = state.optimiser.state.get(parameter, {})
        tensors |= {f"{name}/{moment}": moments[moment] for moment in MOMENTS if moment in moments}
    return tensors


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def _replaceable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return not names or (MANIFEST in names and names <= set(FILES))


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _swap(new: Path, folder: Path) -> None:
    if not folder.exists():
        new.rename(folder)
        return
    old = new.with_name(new.name + ".old")
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def _load_model(folder: Path) -> tuple[ComponentVAE, dict[str, Any]]:
    manifest = _manifest(folder)
    try:
        model = ComponentVAE(ComponentVAEConfig.model_validate(manifest["config"]))
        model.load_state_dict(_tensors(folder, WEIGHTS, manifest))
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(folder / MANIFEST, f"config.{first['loc'][0]}: {first['msg']}") from None
    except RuntimeError as error:  # names or shapes differ
        raise _damaged(folder / WEIGHTS, str(error).splitlines()[-1].strip()) from None
    return model.eval(), manifest


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except OSError:
        raise CheckpointError(
            f"{folder}: no readable {MANIFEST}, expected a folder of {', '.join(FILES)}: "
            "`genlab versions` lists those there are"
        ) from None
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not written by genlab, expected format {FORMAT!r}")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: found format version {manifest.get('format_version')}, this genlab reads "
            f"{FORMAT_VERSION}: use the genlab that wrote it, or train again"
        )
    expected = {"config", "epoch", "learning_rate", "metadata", "sha256"}
    if missing := sorted(expected - manifest.keys()):
        raise _damaged(path, f"{', '.join(missing)} missing")
    return manifest


def _tensors(folder: Path, name: str, manifest: dict[str, Any]) -> dict[str, Tensor]:
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    if hashlib.sha256(data).hexdigest() != manifest["sha256"].get(name):
        raise _damaged(path, "its SHA-256 is not the one recorded")
    try:
        return load(data)
    except SafetensorError as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: damaged ({why}): restore the folder from a backup, or train a new version"
    )
