"""Priors over the latent: p(z) = sum_c pi_c p(z|c), three interchangeable kinds.

Until its components are placed (``placed``), every prior is N(0, I) for each component: phase 1 of
the curriculum trains a plain autoencoder.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from genlab.models.gaussians import Gaussian, kl_divergence, pairwise_log_density
from genlab.models.networks import bounded

PriorName = Literal["standard_normal", "mixture", "vamp"]
COMPONENT_LOG_VAR = (-6.0, 4.0)  # bounds of a mixture component's log-variance


class Prior(nn.Module):
    """The interface, and `standard_normal`: p(z|c) = N(0, I); only the weights pi are learned.

    The components then differ by decoder and gate alone.
    """

    placed: Tensor

    def __init__(self, components: int, latent: int) -> None:
        super().__init__()
        self.components, self.latent = components, latent
        self.register_buffer("placed", torch.tensor(False))
        self.logits = nn.Parameter(torch.zeros(components))

    def component_params(self) -> Gaussian:
        """p(z|c): mean (K, L) and log-variance (K, L)."""
        if not self.placed:
            return self._standard()
        return self._placed_params()

    def _standard(self) -> Gaussian:
        zeros = self.logits.new_zeros(self.components, self.latent)
        return Gaussian(zeros, zeros)

    def _placed_params(self) -> Gaussian:
        return self._standard()

    def log_weights(self) -> Tensor:
        """log pi: (K,), exponentials sum to 1."""
        return torch.log_softmax(self.logits, 0)

    def log_prob_components(self, z: Tensor) -> Tensor:
        """log p(z|c): (..., L) -> (..., K), summed over latent dimensions."""
        return pairwise_log_density(z, *self.component_params())

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) = logsumexp_c (log pi_c + sum_l log N(z_l; c)): (..., L) -> (...)."""
        return torch.logsumexp(self.log_weights() + self.log_prob_components(z), -1)

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n draws: z (n, L) and their components (n,)."""
        components = torch.multinomial(self.log_weights().exp(), n, True, generator=generator)
        mean, log_var = self.component_params()
        noise = torch.randn(n, self.latent, generator=generator, dtype=mean.dtype)
        z = mean[components] + torch.exp(0.5 * log_var[components]) * noise
        return z, components

    def penalty(self) -> Tensor:
        """A regulariser of the prior itself, in nats per component; 0 for most."""
        return self.logits.new_zeros(())

    @torch.no_grad()
    def place(self, inputs: Tensor, latents: Gaussian, weights: Tensor) -> None:
        """Start the components on clusters: centroids (K, D) of the standardised inputs,
        Gaussians (K, L) of their latents, weights (K,) that sum to 1."""
        self.logits.copy_(weights.log())
        self._place(inputs, latents)
        self.placed.fill_(True)

    def _place(self, inputs: Tensor, latents: Gaussian) -> None:
        pass


class MixturePrior(Prior):
    """K component Gaussians with learned means, log-variances and weights (VaDE, Jiang 2017)."""

    def __init__(self, components: int, latent: int) -> None:
        super().__init__(components, latent)
        self.mean = nn.Parameter(torch.zeros(components, latent))
        self.raw_log_var = nn.Parameter(torch.zeros(components, latent))

    def _placed_params(self) -> Gaussian:
        return Gaussian(self.mean, bounded(self.raw_log_var, *COMPONENT_LOG_VAR))

    def _place(self, inputs: Tensor, latents: Gaussian) -> None:
        low, high = COMPONENT_LOG_VAR
        middle, half = (low + high) / 2, (high - low) / 2
        unit = ((latents.log_var - middle) / half).clamp(-0.98, 0.98)
        self.mean.copy_(latents.mean)
        self.raw_log_var.copy_(middle + half * torch.atanh(unit))  # the inverse of `bounded`


class VampPrior(Prior):
    """p(z) = 1/K sum_k q(z|u_k) over learnable pseudo-inputs u_k (Tomczak & Welling 2018).

    q is the encoder's evidence; the weights stay uniform.
    """

    def __init__(
        self, components: int, latent: int, inputs: int, encode: Callable[[Tensor], Gaussian]
    ) -> None:
        super().__init__(components, latent)
        self.logits.requires_grad_(False)
        self.pseudo_inputs = nn.Parameter(torch.zeros(components, inputs))  # standardised
        self._encode = encode

    def _placed_params(self) -> Gaussian:
        return self._encode(self.pseudo_inputs)

    def penalty(self) -> Tensor:
        """Mean KL(q(z|u_k) || N(0, I)): draws the pseudo-inputs' latents towards N(0, I)."""
        return kl_divergence(self.component_params(), self._standard()).mean()

    def _place(self, inputs: Tensor, latents: Gaussian) -> None:
        self.logits.zero_()
        self.pseudo_inputs.copy_(inputs)


def make_prior(
    name: PriorName,
    components: int,
    latent: int,
    inputs: int,
    encode: Callable[[Tensor], Gaussian],
) -> Prior:
    """The prior called ``name``; ``encode`` maps standardised inputs (K, D) to latents (K, L)."""
    if name == "vamp":
        return VampPrior(components, latent, inputs, encode)
    return MixturePrior(components, latent) if name == "mixture" else Prior(components, latent)
