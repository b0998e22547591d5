"""Scoring: arrays in, arrays out; the edge where what comes in is checked."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.errors import InputError
from genlab.models.component_vae import ComponentVAE

CHUNK = 2048  # rows scored at once


class Scores(NamedTuple):
    """What a model says of N patterns; float32."""

    responsibilities: np.ndarray  # (N, K), rows sum to 1
    latent_mean: np.ndarray  # (N, L)
    latent_log_var: np.ndarray  # (N, L)
    log_prob: np.ndarray  # (N,), a lower bound on log p(x), nats


def as_patterns(x: np.ndarray, input_dim: int) -> Tensor:
    """Check and convert (N, D) numbers to a float32 tensor; InputError names what is wrong."""
    array = np.asarray(x)
    if array.ndim != 2 or array.shape[1] != input_dim or array.dtype.kind not in "fiub":
        raise InputError(
            f"found an array of shape {array.shape} and type {array.dtype}, expected numbers of "
            f"shape (N, {input_dim}): use the encoder the model was trained with"
        )
    with np.errstate(over="ignore"):  # too large for a float32 is found below, as infinity
        array = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(array).all(1)
    if not finite.all():
        first = int(np.argmin(finite))
        raise InputError(
            f"found NaN or infinity in {int((~finite).sum())} of {len(array)} rows, the first is "
            f"row {first}: expected finite numbers, embed those rows again or leave them out"
        )
    return torch.tensor(array)


@torch.inference_mode()
def score(model: ComponentVAE, x: np.ndarray, samples: int = 2, top: int = 2) -> Scores:
    """Responsibilities, latents and log density of (N, D) patterns.

    ``samples`` latents in each of the ``top`` most responsible components; more of either tightens
    the bound on log p(x) and costs time in proportion.  Two samples are one antithetic pair, which
    cancels the first-order error: measured far tighter than one, hardly looser than four.
    """
    k, latent = model.config.components, model.config.latent_dim
    parts = [
        _score(model, part, samples, top)
        for part in as_patterns(x, model.config.input_dim).split(CHUNK)
    ]
    if not parts or not len(parts[0].log_prob):
        zero = np.zeros
        return Scores(
            zero((0, k), "f4"), zero((0, latent), "f4"), zero((0, latent), "f4"), zero(0, "f4")
        )
    return Scores(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def _score(model: ComponentVAE, x: Tensor, samples: int, top: int) -> Scores:
    posterior = model.posterior(x, top)
    latent = model.latent(posterior)
    log_prob = model.log_prob_under(x, posterior, samples)
    return Scores(
        posterior.log_responsibilities.exp().numpy(),
        latent.mean.numpy(),
        latent.log_var.numpy(),
        log_prob.numpy(),
    )
