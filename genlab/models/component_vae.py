"""The component VAE: a latent of components that are clustered but connected.

Generation: c ~ pi, z ~ p(z|c), x ~ p(x|z, c) with mean D(z) + b_c.  Inference is structured
(Johnson et al. 2016; ladder VAE, Sonderby et al. 2016): the encoder gives evidence
N(z; mu_e(x), var_e(x)) and everything else follows in closed form,

    q(z|x,c) = N(z; mu_e(x) - o_c, var_e(x)) p(z|c), renormalised
    q(c|x)   = softmax_c( log pi_c + log N(mu_e(x) - o_c; m_c, v + s_c^2) + gate_c(x) )

with v the part of var_e that does not depend on x, so that q(c|x) is matrix products.  For a linear
decoder with orthogonal columns and isotropic noise this q is the exact posterior.
"""

import math
from typing import Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from genlab.config import ModelSettings
from genlab.models.gaussians import LOG_2PI, Gaussian, log_density, pairwise_log_density, product
from genlab.models.networks import Decoder, Encoder, bounded
from genlab.models.priors import PriorName, make_prior

EXACT_COMPONENTS = 32  # up to here the expectation over c is enumerated whole
LOG_NOTHING = -60.0  # least log responsibility: below it products turn denormal, 3 times slower


class ComponentVAEConfig(BaseModel):
    """What a component VAE is built from; everything a checkpoint needs beside its tensors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_dim: int = Field(ge=1)  # D
    components: int = Field(ge=1)  # K
    latent_dim: int = Field(default=32, ge=1)  # L
    hidden: int = Field(default=256, ge=1)
    layers: int = Field(default=2, ge=0)
    prior: PriorName = "mixture"
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    top_components: int = Field(default=8, ge=1)
    log_sigma_min: float = -6.0
    log_sigma_max: float = 2.0
    vamp_pull: float = Field(default=0.0, ge=0)
    learn_components: bool = True  # False: q(c|x) stays the soft k-means it was placed as


class Posterior(NamedTuple):
    """q(c, z|x): over all K components for c, over T of them for z."""

    log_responsibilities: Tensor  # (N, K), log q(c|x)
    components: Tensor  # (N, T) int64, those the expectation runs over
    weights: Tensor  # (N, T), their responsibilities, renormalised to sum 1
    latent: Gaussian  # (N, T, L), q(z|x, c)
    prior: Gaussian  # (N, T, L), p(z|c)


def choose_components(n_patterns: int) -> int:
    """K for "auto": about one component per 7 patterns, within 16 and 1024, never above n."""
    return max(1, min(n_patterns, max(16, min(1024, round(n_patterns / 7)))))


def make_config(settings: ModelSettings, input_dim: int, n_patterns: int) -> ComponentVAEConfig:
    """The model for (n_patterns, input_dim) data under the settings of section [model]."""
    fields = settings.model_dump()
    if fields["components"] == "kmeans":  # the latent must not speak of c then
        fields |= {"prior": "standard_normal", "learn_components": False}
    if not isinstance(fields["components"], int):
        fields["components"] = choose_components(n_patterns)
    return ComponentVAEConfig(input_dim=input_dim, **fields)


class ComponentVAE(nn.Module):
    """See the module.  Inputs are raw (N, D); densities are nats of the raw x."""

    centre: Tensor
    scale: Tensor

    def __init__(self, config: ComponentVAEConfig) -> None:
        super().__init__()
        self.config = config
        d, k, latent = config.input_dim, config.components, config.latent_dim
        self.register_buffer("centre", torch.zeros(d))
        self.register_buffer("scale", torch.ones(()))
        self.encoder = Encoder(d, latent, config.hidden, config.layers)
        gaussian = config.likelihood == "gaussian"
        self.decoder = Decoder(latent, d, config.hidden, config.layers, with_sigma=gaussian)
        self.prior = make_prior(config.prior, k, latent, d, self.encoder.forward)
        self.component_bias = nn.Parameter(torch.zeros(k, d))  # b_c, in the decoder's mean
        self.component_offset = nn.Parameter(torch.zeros(k, latent))  # o_c, its counterpart in q
        self.gate = nn.Linear(d, k)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)
        if not config.learn_components:
            for fixed in (self.prior.logits, self.component_offset, *self.gate.parameters()):
                fixed.requires_grad_(False)

    @property
    def placed(self) -> bool:
        """Whether the components have been placed on clusters."""
        return bool(self.prior.placed)

    def _of_component(self, table: Tensor, components: Tensor) -> Tensor:
        """Rows of a (K, F) table: (N, T) -> (N, T, F); they learn only once placed."""
        rows = nn.functional.embedding(components, table)
        return rows if self.placed else rows.detach()

    @torch.no_grad()
    def fit_standardisation(self, x: Tensor) -> None:
        """Centre each dimension of x (N, D); one scale for all, so that the mean variance is 1."""
        centre = x.double().mean(0)
        scale = (x.double() - centre).square().mean().sqrt()
        self.centre.copy_(centre)
        self.scale.copy_(scale if scale > 1e-12 else torch.ones(()))

    def standardise(self, x: Tensor) -> Tensor:
        """(N, D) raw -> (N, D) with mean 0 and mean variance 1 on the data it was fitted to."""
        return (x - self.centre) / self.scale

    def posterior(self, x: Tensor, top: int | None = None) -> Posterior:
        """q(c, z|x) of raw x (N, D).

        ``top``: how many components z is conditioned on; None: every one up to K = 32, else
        ``top_components`` of the configuration; one while the components are not placed (they are
        all alike then, so one is exact).
        """
        x = self.standardise(x)
        evidence = self.encoder(x)
        prior = self.prior.component_params()
        log_r = self._log_responsibilities(x, evidence, prior)
        top = self.expectation_width(top)
        if top == self.config.components:
            chosen = torch.arange(top).expand(len(x), top)
            log_top = log_r
        else:
            log_top, chosen = log_r.topk(top, -1)
        shifted = Gaussian(
            evidence.mean[:, None] - self._of_component(self.component_offset, chosen),
            evidence.log_var[:, None].expand(-1, top, -1),
        )
        rows = nn.functional.embedding
        p = Gaussian(rows(chosen, prior.mean), rows(chosen, prior.log_var))
        return Posterior(log_r, chosen, torch.softmax(log_top, -1), product(shifted, p), p)

    def expectation_width(self, top: int | None = None) -> int:
        """T: how many components the expectation over c runs over."""
        k = self.config.components
        if not self.placed:
            return 1
        if top is None:
            top = k if k <= EXACT_COMPONENTS else self.config.top_components
        return min(top, k)

    def _log_responsibilities(self, x: Tensor, evidence: Gaussian, prior: Gaussian) -> Tensor:
        if not self.placed:
            return self.prior.log_weights().expand(len(x), -1)
        log_var = torch.logaddexp(prior.log_var, self.encoder.typical_log_var())
        fit = pairwise_log_density(evidence.mean, prior.mean + self.component_offset, log_var)
        log_r = torch.log_softmax(self.prior.log_weights() + fit + self.gate(x), -1)
        return log_r.clamp(min=LOG_NOTHING)

    def log_likelihood(self, x: Tensor, z: Tensor, components: Tensor) -> Tensor:
        """log p(x|z, c) in nats of the raw x: (N, D), (N, T, L), (N, T) -> (N, T)."""
        mean, raw_log_sigma = self.decoder(z)
        mean = mean + self._of_component(self.component_bias, components)
        if raw_log_sigma is None:  # Bernoulli, mean holds logits
            target = x[:, None].expand_as(mean)
            loss = nn.functional.binary_cross_entropy_with_logits(mean, target, reduction="none")
            return -loss.sum(-1)
        log_sigma = bounded(raw_log_sigma, self.config.log_sigma_min, self.config.log_sigma_max)
        error = (self.standardise(x)[:, None] - mean) * torch.exp(-log_sigma)
        squares = torch.linalg.vecdot(error, error)
        jacobian = self.config.input_dim * (0.5 * LOG_2PI + torch.log(self.scale))
        return -0.5 * squares - log_sigma.sum(-1) - jacobian

    def decode(self, z: Tensor, components: Tensor) -> Tensor:
        """The mean of p(x|z, c) as raw x: (N, L), (N,) -> (N, D)."""
        mean, raw_log_sigma = self.decoder(z)
        mean = mean + self.component_bias[components]
        if raw_log_sigma is None:
            return torch.sigmoid(mean)
        return mean * self.scale + self.centre

    def latent(self, posterior: Posterior) -> Gaussian:
        """Mean and log-variance of q(z|x) = sum_c r_c q(z|x, c), by its moments: (N, L) each."""
        r = posterior.weights[..., None]
        mean = (r * posterior.latent.mean).sum(1)
        spread = posterior.latent.log_var.exp() + (posterior.latent.mean - mean[:, None]).square()
        return Gaussian(mean, (r * spread).sum(1).log())

    def log_prob(self, x: Tensor, samples: int = 16, top: int | None = None) -> Tensor:
        """A lower bound on log p(x), (N, D) -> (N,), in nats; tightens as ``samples`` grows.

        log sum_c pi_c mean_s p(x|z_cs, c) p(z_cs|c) / q(z_cs|x, c), z_cs ~ q(z|x, c): importance
        weighting within each component (Burda et al. 2016), c summed.
        """
        return self.log_prob_under(x, self.posterior(x, top), samples)

    def log_prob_under(self, x: Tensor, posterior: Posterior, samples: int = 16) -> Tensor:
        """``log_prob`` for a posterior already at hand."""
        q, p = posterior.latent, posterior.prior
        log_pi = self.prior.log_weights()[posterior.components]
        if not self.placed:  # the one component stands for all
            log_pi = torch.zeros_like(log_pi)
        scores = []
        for noise in common_noise(samples, self.config.latent_dim).to(q.mean):
            z = q.mean + torch.exp(0.5 * q.log_var) * noise
            log_p = self.log_likelihood(x, z, posterior.components) + log_density(z, *p)
            # log q(z) of a z made from noise: no need to undo the reparameterisation
            log_q = -0.5 * (noise.square() + q.log_var + LOG_2PI).sum(-1)
            scores.append(log_pi + log_p - log_q)
        return torch.logsumexp(torch.cat(scores, -1), -1) - math.log(samples)


def common_noise(samples: int, latent_dim: int) -> Tensor:
    """(S, L) standard normal draws, always the same, in antithetic pairs.

    One set for every row, so that a score depends on neither its batch nor its order.
    """
    generator = torch.Generator().manual_seed(20_240_229)
    half = torch.randn((samples + 1) // 2, latent_dim, generator=generator, dtype=torch.float64)
    return torch.cat([half, -half])[:samples]
