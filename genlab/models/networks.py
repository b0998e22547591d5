"""The two networks of the variational autoencoder, and the clamp they share."""

import torch
from torch import Tensor, nn

from genlab.models.gaussians import Gaussian

EVIDENCE_LOG_VAR = (-8.0, 4.0)  # bounds of the evidence's log-variance, latent units


def bounded(raw: Tensor, low: float, high: float) -> Tensor:
    """A smooth clamp into [low, high] with slope 1 in the middle.

    Unlike a hard clamp it keeps a gradient outside the range, so a value pushed to a bound can
    come back.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    return middle + half * torch.tanh((raw - middle) / half)


def trunk(inputs: int, hidden: int, layers: int) -> tuple[nn.Sequential, int]:
    """``layers`` times (linear, GELU), and the width that comes out; no layers is the identity."""
    modules: list[nn.Module] = []
    width = inputs
    for _ in range(layers):
        modules += [nn.Linear(width, hidden), nn.GELU()]
        width = hidden
    return nn.Sequential(*modules), width


class Encoder(nn.Module):
    """x (N, D), standardised -> the evidence N(z; mean, diag exp(log_var)) about its latent."""

    def __init__(self, inputs: int, latent: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.trunk, width = trunk(inputs, hidden, layers)
        self.mean = nn.Linear(width, latent)
        self.log_var = nn.Linear(width, latent)
        nn.init.zeros_(self.log_var.weight)
        nn.init.constant_(self.log_var.bias, -2.0)

    def forward(self, x: Tensor) -> Gaussian:
        """(N, D) -> Gaussian of (N, L), log-variance within EVIDENCE_LOG_VAR."""
        features = self.trunk(x)
        return Gaussian(self.mean(features), bounded(self.log_var(features), *EVIDENCE_LOG_VAR))

    def typical_log_var(self) -> Tensor:
        """(L,): the evidence's log-variance without what depends on x."""
        return bounded(self.log_var.bias, *EVIDENCE_LOG_VAR)


class Decoder(nn.Module):
    """z (..., L) -> mean (or Bernoulli logits) and raw log sigma of x (..., D), standardised."""

    def __init__(
        self, latent: int, outputs: int, hidden: int, layers: int, with_sigma: bool
    ) -> None:
        super().__init__()
        self.trunk, width = trunk(latent, hidden, layers)
        self.mean = nn.Linear(width, outputs)
        self.log_sigma = nn.Linear(width, outputs) if with_sigma else None
        if self.log_sigma is not None:  # start from noise of one standard deviation everywhere
            nn.init.zeros_(self.log_sigma.weight)
            nn.init.zeros_(self.log_sigma.bias)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """(..., L) -> mean (..., D) and unbounded log sigma (..., D), None for Bernoulli."""
        features = self.trunk(z)
        return self.mean(features), None if self.log_sigma is None else self.log_sigma(features)
