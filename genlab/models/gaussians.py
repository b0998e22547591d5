"""Diagonal Gaussians in closed form: densities, divergences, products.  All in nats."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


class Gaussian(NamedTuple):
    """A batch of diagonal Gaussians."""

    mean: Tensor  # (..., L)
    log_var: Tensor  # (..., L), log sigma^2


def log_density(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """log N(x; mean, diag exp(log_var)), summed over the last dimension.

    (..., L) each, broadcast -> (...).
    """
    square = (x - mean).square() * torch.exp(-log_var)
    return -0.5 * (square + log_var + LOG_2PI).sum(-1)


def pairwise_log_density(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """log N(x_n; mean_k, diag exp(log_var_k)) for every pair: (..., L), (K, L) -> (..., K).

    The square is expanded, so it is two matrix products and never an (N, K, L) array; x and mean
    are centred first and kept out of autocast, because the expansion cancels.
    """
    with torch.autocast(x.device.type, enabled=False):
        centre = mean.mean(0)
        x, mean = x - centre, mean - centre
        precision = torch.exp(-log_var)
        square = x.square() @ precision.T - 2 * (x @ (precision * mean).T)
        constant = (precision * mean.square() + log_var + LOG_2PI).sum(-1)
        return -0.5 * (square + constant)


def kl_divergence(q: Gaussian, p: Gaussian) -> Tensor:
    """KL(q || p), summed over the last dimension: (..., L) each -> (...), at least 0."""
    log_ratio = q.log_var - p.log_var
    square = (q.mean - p.mean).square() * torch.exp(-p.log_var)
    return 0.5 * (torch.exp(log_ratio) + square - 1.0 - log_ratio).sum(-1)


def product(a: Gaussian, b: Gaussian) -> Gaussian:
    """The renormalised product a(z) b(z): precisions add, means weigh by precision."""
    # 1 / (1/va + 1/vb) = exp(-logaddexp(-log va, -log vb)), which cannot overflow.
    log_var = -torch.logaddexp(-a.log_var, -b.log_var)
    share = torch.exp(log_var - a.log_var)  # of a's precision in the total, within (0, 1)
    return Gaussian(b.mean + share * (a.mean - b.mean), log_var)
