"""Two kinds of uncertainty about a pattern: noise in the data, and what the model leaves open.

By the law of total variance the model's prediction of x from q(c, z|x) splits into (Kendall & Gal
2017, section 2; Depeweg et al. 2018, eq. 10)

    Var[x] = E_q[ sigma^2(z) ]  +  Var_q[ mean(z, c) ]
             aleatoric             epistemic

Aleatoric: what repeating the measurement would not settle.  Epistemic: what x leaves open about its
latent and component.  Neither says that x is like nothing in training: that is novelty.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.models.component_vae import ComponentVAE
from genlab.models.networks import bounded
from genlab.models.scoring import CHUNK, as_patterns


class Uncertainty(NamedTuple):
    """Variances per pattern and dimension in squared units of the raw x; float32."""

    aleatoric: np.ndarray  # (N, D), at least 0
    epistemic: np.ndarray  # (N, D), at least 0


@torch.inference_mode()
def uncertainty(model: ComponentVAE, x: np.ndarray, top: int = 2) -> Uncertainty:
    """Both parts for raw patterns (N, D), from the ``top`` most responsible components.

    InputError for an x that does not fit the model.
    """
    parts = as_patterns(x, model.config.input_dim).split(CHUNK)
    both = [moments(model, part, top) for part in parts]
    return Uncertainty(*(torch.cat(part).numpy() for part in zip(*both, strict=True)))


def moments(model: ComponentVAE, x: Tensor, top: int | None) -> tuple[Tensor, Tensor]:
    """E_q[sigma^2] and Var_q[mean] of raw x (N, D): (N, D) each.

    Expectations over z are a cubature, exact where mean and sigma^2 are linear in z.
    """
    posterior = model.posterior(x, top)
    r, q = posterior.weights[..., None], posterior.latent
    points = cubature(model.config.latent_dim).to(x)
    variance = first = second = x.new_zeros(())
    middle = None
    for point in points:
        z = q.mean + torch.exp(0.5 * q.log_var) * point
        mean, noise = outputs(model, z, posterior.components)
        if middle is None:  # moments about some mean of the same size: no cancellation
            middle = mean[:, :1]
        variance = variance + (r * noise).sum(1)
        first = first + (r * (mean - middle)).sum(1)
        second = second + (r * (mean - middle).square()).sum(1)
    n = len(points)
    return variance / n, (second / n - (first / n).square()).clamp(min=0)


def outputs(model: ComponentVAE, z: Tensor, components: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of p(x|z, c) for raw x: (N, T, L), (N, T) -> (N, T, D) each."""
    mean, raw_log_sigma = model.decoder(z)
    mean = mean + model.component_bias[components]
    if raw_log_sigma is None:  # Bernoulli
        mean = torch.sigmoid(mean)
        return mean, mean * (1 - mean)
    log_sigma = bounded(raw_log_sigma, model.config.log_sigma_min, model.config.log_sigma_max)
    return (
        mean * model.scale + model.centre,
        torch.exp(2 * log_sigma) * model.scale.square(),
    )


def cubature(dimensions: int) -> Tensor:
    """(2L, L) points with the mean and covariance of N(0, I), at its typical radius sqrt(L).

    The third-degree spherical-radial rule (Arasaratnam & Haykin 2009, eq. 20) in a fixed random
    rotation, so that no latent dimension is looked at on its own.
    """
    generator = torch.Generator().manual_seed(20_240_229)
    square = torch.randn(dimensions, dimensions, generator=generator, dtype=torch.float64)
    rotated = torch.linalg.qr(square).Q * math.sqrt(dimensions)
    return torch.cat([rotated, -rotated])
