"""Growing: novel patterns that settle into a dense group get components of their own, and where
the model has fewer components than its patterns ask for, the crowded ones share with new ones.

At that moment nothing else moves: every other parameter keeps its value to the bit, and so the odds
among the components that were there stay, for every pattern.  Spare components open first; the
model grows by as many as are missing, so that no component that stands for something is given up.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from genlab.models.component_vae import ComponentVAE, ComponentVAEConfig
from genlab.models.scoring import as_patterns
from genlab.training.loop import TrainingState, make_optimiser
from genlab.training.placement import Clusters, describe_clusters, group_means, kmeans

PER_COMPONENT = 7  # patterns to a component, as choose_components has it
MOST_COMPONENTS = 1024  # a model does not grow beyond
DENSE = 0.9  # patterns have settled when they lie as close as this share of the others do
GATE_STEPS = 50  # of L-BFGS
IGNORED = -100
UNUSED = 0.01  # a spare component has less than this of every pattern's responsibilities


class Grown(NamedTuple):
    """What opened; indices of components."""

    opened: list[int]  # for groups of novel patterns
    patterns: int  # in those groups
    split: dict[int, int]  # each new one that relieves a crowded one: that one


def grow(state: TrainingState, data: np.ndarray, novel: np.ndarray, wanted: int) -> Grown:
    """Open components of ``state`` for what has settled among the novel patterns, and for crowds.

    data (N, D) raw, what training will see; novel (N,) bool, novelty p-value below the false-alarm
    rate; ``wanted``: K for so much data.  A group of novel patterns gets one component per
    PER_COMPONENT of them, whatever K is; while K is below ``wanted``, so does each component that
    is the most likely one of too many, the most crowded first.  New components are placed on
    k-means clusters.  A model whose components are not placed yet is left as it is.
    """
    x = as_patterns(data, state.model.config.input_dim)
    if not state.model.placed or not len(x):
        return Grown([], 0, {})
    k = state.model.config.components
    inputs = state.model.standardise(x)
    owner, spare = _owners(state.model, x)
    room = len(spare) + max(0, MOST_COMPONENTS - k)
    cluster = torch.full((len(x),), -1)
    opened = 0
    for rows in map(torch.as_tensor, settled_groups(inputs.numpy(), novel)):
        if share := min(round(len(rows) / PER_COMPONENT), room - opened):
            cluster[rows] = opened + kmeans(inputs[rows], share, seed=0).assignment
            opened += share
    patterns = int((cluster >= 0).sum())
    sources: list[int] = []
    room = min(room - opened, max(0, wanted - k - opened))
    crowd = torch.bincount(owner[cluster < 0], minlength=k)
    for c in crowd.argsort(descending=True, stable=True).tolist():
        if (extra := min(round(int(crowd[c]) / PER_COMPONENT) - 1, room - len(sources))) <= 0:
            break
        rows = torch.nonzero((owner == c) & (cluster < 0))[:, 0]
        parts = kmeans(inputs[rows], extra + 1, seed=0)
        order = parts.size.argsort(descending=True, stable=True)  # it keeps the largest part
        number = torch.empty_like(order)
        number[order] = torch.arange(-1, extra)
        part = number[parts.assignment]
        cluster[rows] = torch.where(part < 0, -1, part + opened + len(sources))
        sources += [c] * extra
    total = opened + len(sources)
    if not total:
        return Grown([], 0, {})
    components = [*spare, *range(k, k + total)][:total]
    enlarge(state, max(k, components[-1] + 1))
    open_components(state, components, x, cluster)
    fit_gate(state.model, components, x, cluster)
    return Grown(
        components[:opened], patterns, dict(zip(components[opened:], sources, strict=True))
    )


def settled_groups(x: np.ndarray, novel: np.ndarray) -> list[np.ndarray]:
    """Rows of every dense group of novel patterns, the largest group first.

    x (N, D); novel (N,) bool.  A pattern has settled when at least half of it and its PER_COMPONENT
    nearest are novel (of 8 independent ones at 5 % that happens once in 2,700) and those lie as
    close as is usual among the others: scattered strangers do not.  Settled neighbours make a
    group, of at least PER_COMPONENT patterns.
    """
    k = PER_COMPONENT
    if novel.sum() < k or len(x) <= k:
        return []
    distance, near = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)  # itself among them
    surrounded = 2 * novel[near].sum(axis=1) >= k + 1
    reach = distance.mean(axis=1)
    usual = np.inf if surrounded.all() else np.quantile(reach[~surrounded], DENSE)
    rows = np.flatnonzero(surrounded & (reach <= usual))
    if not len(rows):
        return []
    place = np.full(len(x), -1)
    place[rows] = np.arange(len(rows))
    ends = place[near[rows]]
    starts = np.repeat(np.arange(len(rows)), k + 1).reshape(ends.shape)
    linked = ends >= 0
    links = csr_matrix((linked[linked], (starts[linked], ends[linked])), (len(rows), len(rows)))
    group = connected_components(links, directed=False)[1]
    size = np.bincount(group)
    return [rows[group == g] for g in np.argsort(-size, kind="stable") if size[g] >= k]


@torch.no_grad()
def enlarge(state: TrainingState, components: int) -> None:
    """Append spare components to the model and its optimiser until there are ``components``."""
    old, k = state.model, state.model.config.components
    if components == k:
        return
    model = _like(old, components)
    of_component = _of_component(old.config)
    optimiser = make_optimiser(model, state.optimiser.param_groups[0]["lr"])
    before = dict(old.named_parameters())
    for name, parameter in model.named_parameters():
        moments = state.optimiser.state.get(before[name], {})
        optimiser.state[parameter] = {
            key: torch.cat([value, torch.zeros_like(parameter[k:])])
            if name in of_component and value.shape == before[name].shape
            else value
            for key, value in moments.items()
        }
    state.model, state.optimiser = model, optimiser


@torch.no_grad()
def open_components(
    state: TrainingState, components: list[int], x: Tensor, cluster: Tensor
) -> None:
    """Place ``components`` on clusters of x (N, D) raw; cluster (N,): which of them, -1 for none.

    They start as those of a new model do (:func:`describe_clusters`), weighted by their share of
    the patterns, and with the bias that mends what the decoder gets wrong on them.
    """
    model, member = state.model, cluster >= 0
    own, assignment = x[member], cluster[member]
    clusters = Clusters(assignment, torch.bincount(assignment, minlength=len(components)))
    inputs = model.standardise(own)
    latents = model.encoder(inputs).mean
    small = _like(model, len(components))
    for name in _of_component(model.config):
        small.state_dict()[name].zero_()
    describe_clusters(small, inputs, latents, clusters)
    wanted = group_means(inputs, clusters)
    if model.config.likelihood == "bernoulli":
        wanted = group_means(own, clusters).clamp(0.02, 0.98).logit()
    small.component_bias.copy_(wanted - group_means(model.decoder(latents)[0], clusters))

    index = torch.as_tensor(components)
    rest = torch.ones(model.config.components, dtype=torch.bool)
    rest[index] = False
    if model.prior.logits.requires_grad:
        odds = clusters.size / max(1, len(x) - len(own))
        small.prior.logits.copy_(model.prior.logits[rest].logsumexp(0) + odds.log())
    source, target = small.state_dict(), model.state_dict()
    for name in _of_component(model.config):
        target[name][index] = source[name]
    for name, parameter in model.named_parameters():
        if name in _of_component(model.config):  # Adam knows nothing of them yet
            for key, moment in state.optimiser.state.get(parameter, {}).items():
                if moment.shape == parameter.shape:
                    typical = moment[rest].mean(0) if key == "exp_avg_sq" else 0.0
                    moment[index] = typical


def fit_gate(model: ComponentVAE, components: list[int], x: Tensor, cluster: Tensor) -> None:
    """Make ``components`` own their clusters and nothing else, by their gates alone.

    x (N, D) raw; cluster (N,): which of them, -1 for the others.  A logistic regression of the new
    ones against all the others together, with everything else as an offset: the encoder has never
    seen the new kind and may see it where an old one is.  Patterns of no cluster that prefer a new
    component as it is may well be of its kind: they do not count.
    """
    index = torch.as_tensor(components)
    with torch.no_grad():
        log_r = torch.cat([model.posterior(part, 1).log_responsibilities for part in x.split(8192)])
        rest = torch.ones(log_r.shape[1], dtype=torch.bool)
        rest[index] = False
        offset = torch.cat([log_r[:, rest].logsumexp(1, keepdim=True), log_r[:, index]], 1)
        inputs = model.standardise(x)
        target = torch.where((cluster < 0) & (offset.argmax(1) > 0), IGNORED, cluster + 1)
    change = torch.zeros(len(index), x.shape[1] + 1, requires_grad=True)
    solver = torch.optim.LBFGS([change], max_iter=GATE_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        gate = torch.nn.functional.linear(inputs, change[:, :-1], change[:, -1])
        logits = offset + torch.nn.functional.pad(gate, (1, 0))
        total = torch.nn.functional.cross_entropy(
            logits, target, ignore_index=IGNORED, reduction="sum"
        )
        total = total + 0.5 * change[:, :-1].square().sum()
        total.backward()
        return total

    solver.step(loss)
    with torch.no_grad():
        model.gate.weight[index] += change[:, :-1]
        model.gate.bias[index] += change[:, -1]


@torch.no_grad()
def _owners(model: ComponentVAE, x: Tensor) -> tuple[Tensor, list[int]]:
    """(N,) most likely component of each pattern, and the components that no pattern uses."""
    parts = [model.posterior(part, 1).log_responsibilities for part in x.split(8192)]
    largest = torch.stack([part.amax(0) for part in parts]).amax(0).exp()
    owner = torch.cat([part.argmax(1) for part in parts])
    return owner, torch.nonzero(largest < UNUSED)[:, 0].tolist()


def _of_component(config: ComponentVAEConfig) -> set[str]:
    """Names of the tensors that have a row per component."""
    wider = config.model_copy(update={"components": config.components + 1})
    with torch.device("meta"):
        here, there = ComponentVAE(config).state_dict(), ComponentVAE(wider).state_dict()
    return {name for name in here if here[name].shape != there[name].shape}


@torch.no_grad()
def _like(model: ComponentVAE, components: int) -> ComponentVAE:
    """The same model with its first components, or with all of them and some new ones."""
    with torch.random.fork_rng(devices=[]):
        made = ComponentVAE(model.config.model_copy(update={"components": components}))
    here = model.state_dict()
    common = min(components, model.config.components)
    of_component = _of_component(model.config)
    for name, tensor in made.state_dict().items():
        if name in of_component:
            tensor[:common] = here[name][:common]
        else:
            tensor.copy_(here[name])
    return made.train(model.training)
