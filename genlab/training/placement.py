"""Placing the components on clusters of what phase 1 found; a random start makes them collapse."""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from torch import Tensor

from genlab.models.component_vae import ComponentVAE
from genlab.models.gaussians import Gaussian

SMALL = 10_000  # patterns up to which full k-means is used
ROUNDS = 25  # of k-means at most: a start, not an optimum
PRIOR_COUNT = 10.0  # patterns' worth of pooled variance mixed into each cluster's
SPARE_COUNT = 0.1  # patterns' worth of weight an empty component starts with


class Clusters(NamedTuple):
    """Hard clusters of N patterns in K groups, in whatever space."""

    assignment: Tensor  # (N,) int64
    size: Tensor  # (K,), 0 for those left spare


@torch.no_grad()
def place_components(model: ComponentVAE, x: Tensor, seed: int, chunk: int = 8192) -> Clusters:
    """Start prior, pseudo-inputs and gate of ``model`` on k-means clusters of the patterns.

    x (N, D) raw.  Clusters are of the standardised inputs, which an encoder has put in order; of
    the evidence means where x is pixels (Bernoulli), whose distances say little.  Each is described
    by its centroid and by the mean and variance of its evidence means.  More components than
    patterns: the rest stay spare, with hardly any weight.
    """
    inputs = model.standardise(x)
    latents = torch.cat([model.encoder(part).mean for part in inputs.split(chunk)])
    space = latents if model.config.likelihood == "bernoulli" else inputs
    clusters = kmeans(space, model.config.components, seed)
    describe_clusters(model, inputs, latents, clusters)
    return clusters


def describe_clusters(
    model: ComponentVAE, inputs: Tensor, latents: Tensor, clusters: Clusters
) -> None:
    """Set prior, pseudo-inputs and gate of ``model`` to the clusters of standardised inputs (N, D)
    with evidence means (N, L)."""
    centroids = group_means(inputs, clusters)
    model.prior.place(centroids, group_gaussians(latents, clusters), group_weights(clusters))
    # The gate starts as soft k-means: from there q(c|x) can only be taught better.
    nearest = torch.cdist(inputs, centroids).square().min(-1).values.mean()
    sharpness = model.config.latent_dim / nearest.clamp(min=1e-6)
    model.gate.weight.copy_(sharpness * centroids)
    model.gate.bias.copy_(-0.5 * sharpness * centroids.square().sum(-1))


def kmeans(x: Tensor, k: int, seed: int) -> Clusters:
    """k-means of (N, F) into k clusters; clusters beyond N stay empty."""
    data = x.numpy().astype(np.float32)
    options = {"n_clusters": min(k, len(data)), "n_init": 1, "random_state": seed}
    if len(data) <= SMALL:
        found = KMeans(max_iter=ROUNDS, **options).fit(data)
    else:
        found = MiniBatchKMeans(max_iter=ROUNDS, batch_size=4096, **options).fit(data)
    assignment = torch.as_tensor(found.labels_, dtype=torch.int64)
    return Clusters(assignment, torch.bincount(assignment, minlength=k))


def group_means(x: Tensor, clusters: Clusters) -> Tensor:
    """(N, F) -> (K, F); the overall mean for an empty cluster."""
    sums = x.new_zeros(len(clusters.size), x.shape[1]).index_add_(0, clusters.assignment, x)
    count = clusters.size.to(x.dtype)[:, None]
    return torch.where(count > 0, sums / count.clamp(min=1), x.mean(0))


def group_gaussians(x: Tensor, clusters: Clusters) -> Gaussian:
    """Mean and log-variance per cluster, (K, F) each, variances shrunk to the pooled one."""
    mean = group_means(x, clusters)
    square = (x - mean[clusters.assignment]).square()
    pooled = square.mean(0)
    count = clusters.size.to(x.dtype)[:, None]
    sums = torch.zeros_like(mean).index_add_(0, clusters.assignment, square)
    variance = (sums + PRIOR_COUNT * pooled) / (count + PRIOR_COUNT)
    variance = torch.where(count > 0, variance, x.var(0, correction=0))
    return Gaussian(mean, variance.clamp(min=1e-8).log())


def group_weights(clusters: Clusters) -> Tensor:
    """(K,), positive, sum 1, in proportion to the counts."""
    weights = clusters.size.to(torch.get_default_dtype()).clamp(min=SPARE_COUNT)
    return weights / weights.sum()
