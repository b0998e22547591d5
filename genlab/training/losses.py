"""The terms of the objective (DESIGN section 3), each a pure function, in nats, and their sum.

N patterns, K components, T of them in the expectation over c, Y labels; a label of -1 is none.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.config import LossWeights
from genlab.models.component_vae import ComponentVAE, Posterior
from genlab.models.gaussians import kl_divergence

TERMS = (
    "reconstruction",
    "kl",
    "kl_c",
    "sparsity",
    "neighbour",
    "classification",
    "contrastive",
)
VIEW_NOISE = 0.1  # standard deviation added to a standardised input
VIEW_DROPOUT = 0.1  # share of its dimensions set to the centre
TEMPERATURE = 0.1  # of the contrastive term, on cosines


class ElboTerms(NamedTuple):
    """-ELBO = reconstruction + kl + kl_c, one value per pattern."""

    reconstruction: Tensor  # (N,)
    kl: Tensor  # (N,), at least 0
    kl_c: Tensor  # (N,), at least 0


class Batch(NamedTuple):
    """What one step sees."""

    x: Tensor  # (N, D), raw
    labels: Tensor | None  # (N,) int64, -1 where there is none
    tau: Tensor | None  # (K, Y), rows sum to 1
    partners: Tensor | None = None  # (N, D), raw: a near neighbour of each pattern


def reconstruction(log_likelihood: Tensor, weights: Tensor) -> Tensor:
    """-E_q(c|x) log p(x|z_c, c): (N, T), (N, T) -> (N,)."""
    return -(weights * log_likelihood).sum(-1)


def kl(posterior: Posterior) -> Tensor:
    """E_q(c|x) KL(q(z|x,c) || p(z|c)) -> (N,)."""
    return (posterior.weights * kl_divergence(posterior.latent, posterior.prior)).sum(-1)


def kl_c(log_responsibilities: Tensor, log_pi: Tensor) -> Tensor:
    """KL(q(c|x) || pi) over all components: (N, K), (K,) -> (N,)."""
    return (log_responsibilities.exp() * (log_responsibilities - log_pi)).sum(-1)


def sparsity(log_responsibilities: Tensor) -> Tensor:
    """H(p_hat), the entropy of the mean usage p_hat(c) = mean_i r_c(x_i): (N, K) -> ().

    Penalising it concentrates the usage: fewer components stay active.
    """
    # In logarithms: the gradient stays finite where a usage underflows to 0.
    log_usage = torch.logsumexp(log_responsibilities, 0) - math.log(len(log_responsibilities))
    return -(log_usage.exp() * log_usage).sum()


def neighbour(log_responsibilities: Tensor, log_partners: Tensor, log_pi: Tensor) -> Tensor:
    """-log sum_c r_c(x) r_c(x') / pi_c of patterns and a neighbour of each: (N, K) twice -> (N,).

    Minus the pointwise mutual information of a pair under the components: least where neighbours
    are sure of one component, and less the rarer it is, so that components do not merge as under
    SCAN's plain agreement (Van Gansbeke et al. 2020, eq. 2).  The weights pi (K,) are taken as
    they are.
    """
    return -torch.logsumexp(log_responsibilities + log_partners - log_pi.detach(), -1)


def classification(log_responsibilities: Tensor, tau: Tensor, labels: Tensor) -> Tensor:
    """-log p(y|x), p(y|x) = sum_c r_c(x) tau[c, y]: (N, K), (K, Y), (N,) -> (M,), the labelled."""
    known = labels >= 0
    log_tau = tau.log().T[labels[known]]
    return -torch.logsumexp(log_responsibilities[known] + log_tau, -1)


def contrastive(features: Tensor, groups: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """SupCon (Khosla et al. 2020, L_out): (M, F), (M,) -> (), mean over rows that have a positive.

    Positives of a row are the other rows of its group; likeness is the cosine.
    """
    features = torch.nn.functional.normalize(features, dim=-1)
    itself = torch.eye(len(features), dtype=torch.bool)
    likeness = (features @ features.T / temperature).masked_fill(itself, -torch.inf)
    log_share = likeness - torch.logsumexp(likeness, -1, keepdim=True)
    positive = (groups[:, None] == groups) & ~itself
    count = positive.sum(-1)
    per_row = -torch.where(positive, log_share, 0.0).sum(-1) / count.clamp(min=1)
    return per_row.sum() / (count > 0).sum().clamp(min=1)


def tau_of(log_responsibilities: Tensor, labels: Tensor, classes: int, alpha0: float) -> Tensor:
    """tau[c, y] = (s[c, y] + alpha0) / sum_y' (s[c, y'] + alpha0), s[c, y] = sum r_c(x) over the
    patterns labelled y: (N, K), (N,) -> (K, Y)."""
    known = labels >= 0
    y = torch.nn.functional.one_hot(labels[known], classes).to(log_responsibilities.dtype)
    store = log_responsibilities[known].exp().T @ y + alpha0
    return store / store.sum(-1, keepdim=True)


def elbo_terms(model: ComponentVAE, x: Tensor, noise: Tensor) -> tuple[ElboTerms, Posterior]:
    """The three terms of -ELBO at one latent per (pattern, component), z = mean + sigma noise.

    x (N, D) raw; noise (N, T, L) or broadcastable, standard normal.
    """
    posterior = model.posterior(x)
    q = posterior.latent
    z = q.mean + torch.exp(0.5 * q.log_var) * noise
    log_likelihood = model.log_likelihood(x, z, posterior.components)
    return ElboTerms(
        reconstruction(log_likelihood, posterior.weights),
        kl(posterior),
        kl_c(posterior.log_responsibilities, model.prior.log_weights()),
    ), posterior


def two_views(model: ComponentVAE, x: Tensor, generator: torch.Generator) -> Tensor:
    """(N, D) raw -> (2N, L): evidence means of two noisy views with dropout of each pattern."""
    x = model.standardise(x).repeat(2, 1)
    kept = torch.rand(x.shape, generator=generator, dtype=x.dtype) >= VIEW_DROPOUT
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return model.encoder(kept * x + VIEW_NOISE * noise).mean


def view_groups(labels: Tensor | None, n: int) -> Tensor:
    """The positives of two views of n patterns: (2n,); one label is one group, else one pattern."""
    own = -1 - torch.arange(n)
    groups = own if labels is None else torch.where(labels >= 0, labels, own)
    return groups.repeat(2)


def objective(
    model: ComponentVAE, batch: Batch, weights: LossWeights, generator: torch.Generator
) -> tuple[Tensor, dict[str, Tensor], Posterior]:
    """The weighted sum to minimise, (), and each unweighted term by name, ().

    Terms are means per pattern; classification over the labelled ones only, so that few labels
    still count.  A term that has no labels to act on, or is costly and has weight 0, is absent.
    """
    top, latent = model.expectation_width(), model.config.latent_dim
    noise = torch.randn(len(batch.x), top, latent, generator=generator, dtype=batch.x.dtype)
    elbo, posterior = elbo_terms(model, batch.x, noise)
    log_r = posterior.log_responsibilities
    terms = {name: value.mean() for name, value in elbo._asdict().items()}
    terms["sparsity"] = sparsity(log_r)
    if batch.partners is not None and weights.neighbour_weight > 0:
        partners = model.posterior(batch.partners, 1).log_responsibilities
        terms["neighbour"] = neighbour(log_r, partners, model.prior.log_weights()).mean()
    if batch.labels is not None and batch.tau is not None and bool((batch.labels >= 0).any()):
        terms["classification"] = classification(log_r, batch.tau, batch.labels).mean()
    if weights.contrastive_weight > 0:
        views = two_views(model, batch.x, generator)
        terms["contrastive"] = contrastive(views, view_groups(batch.labels, len(batch.x)))
    total = sum(
        (getattr(weights, f"{name}_weight") * value for name, value in terms.items()),
        start=model.config.vamp_pull * model.prior.penalty(),
    )
    return total, terms, posterior
