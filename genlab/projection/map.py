"""The 2-D map of patterns: UMAP that starts where the last map ended, and keeps its shape."""

import numpy as np

from genlab.errors import InputError

SMALL = 20  # below this many patterns UMAP's neighbourhoods mean nothing: principal components
_EPOCHS_NEW, _EPOCHS_AGAIN = 200, 60  # a known layout needs settling, not finding
_START_WIDTH = 10.0  # about four standard deviations of a first layout, as UMAP starts
_EXACT_NEIGHBOURS = 50_000  # beyond, UMAP's own approximate search


def map_positions(
    latents: np.ndarray,
    previous: np.ndarray | None = None,
    neighbours: int = 15,
    min_dist: float = 0.1,
    seed: int = 0,
) -> np.ndarray:
    """Positions (N, 2) float32 of ``latents`` (N, L); the same input gives the same map.

    ``previous`` (N, 2): positions on the last map, NaN for patterns it did not have.  UMAP
    (McInnes, Healy, Melville 2018) starts from them, new patterns beside their nearest known ones,
    and the result is turned, mirrored, scaled and shifted back onto them (Procrustes).  Without
    them it starts from principal components, which are all there is below SMALL patterns.
    Raises InputError on wrong shapes, NaN or infinite latents.
    """
    latents, previous = _checked(latents, previous)
    known = np.isfinite(previous).all(axis=1)
    if len(latents) < SMALL or not np.ptp(latents, axis=0).any():
        positions = principal_positions(latents)
    else:
        start = None
        if known.sum() >= SMALL:
            start = np.where(known[:, None], previous, 0.0)
            start[~known] = place_new(latents[~known], latents[known], previous[known])
        positions = _umap(latents, start, neighbours, min_dist, seed)
        if start is None:
            positions = pull_in(positions)
    if known.sum() >= 2:
        positions = procrustes(positions, positions[known], previous[known])
    return np.ascontiguousarray(positions, dtype=np.float32)


def place_new(
    latents_new: np.ndarray,
    latents_known: np.ndarray,
    positions_known: np.ndarray,
    neighbours: int = 5,
) -> np.ndarray:
    """Positions (M, 2) for patterns that came after the map: nearest neighbours, by 1 / distance.

    ``latents_new`` (M, L), ``latents_known`` (N, L), ``positions_known`` (N, 2).  A twin of a known
    pattern lies on it; with N = 0 all lie at the origin.
    """
    if not len(latents_known) or not len(latents_new):
        return np.zeros((len(latents_new), 2), dtype=np.float32)
    distances, near = _nearest(latents_known, latents_new, min(neighbours, len(latents_known)))
    scale = max(float(np.abs(latents_known).max()), 1e-12)
    weights = 1.0 / (distances + 1e-6 * scale)
    weights /= weights.sum(axis=1, keepdims=True)
    known = np.asarray(positions_known, dtype=np.float64)
    return np.einsum("mk,mkd->md", weights, known[near]).astype(np.float32)


def principal_positions(latents: np.ndarray) -> np.ndarray:
    """(N, 2) first two principal components, standard deviation of the first scaled to 1.

    Signs are fixed so that the largest loading is positive; missing dimensions are 0.
    """
    positions = np.zeros((len(latents), 2))
    if len(latents) < 2:
        return positions
    centred = latents - latents.mean(axis=0)
    axes = np.linalg.svd(centred.T @ centred, hermitian=True)[2][:2]
    loudest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    axes = axes * np.sign(loudest)
    positions[:, : len(axes)] = centred @ axes.T
    spread = positions[:, 0].std()
    return positions / spread if spread > 0 else positions


def pull_in(positions: np.ndarray, share: float = 0.85) -> np.ndarray:
    """``positions`` (N, 2) with the farthest 1 - ``share`` drawn in along their rays.

    A radius r about the median beyond R, the ``share`` quantile, becomes R (1 + log(r / R)): order
    and direction stay, and a few islands that UMAP let drift no longer shrink everything else.
    """
    centre = np.median(positions, axis=0)
    rays = positions - centre
    radius = np.hypot(rays[:, 0], rays[:, 1])
    border = np.quantile(radius, share)
    if border <= 0:
        return positions
    beyond = np.maximum(radius / border, 1.0)
    return centre + rays * ((1.0 + np.log(beyond)) / beyond)[:, None]


def procrustes(positions: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """``positions`` (N, 2) moved by the similarity that best takes ``source`` to ``target`` (M, 2).

    Rotation or reflection, one scale, one shift, least squares (Schonemann and Carroll 1970).  When
    ``source`` is a single point, only the shift.
    """
    centre_source, centre_target = source.mean(axis=0), target.mean(axis=0)
    a, b = source - centre_source, target - centre_target
    left, values, right = np.linalg.svd(a.T @ b)
    size = float((a**2).sum())
    scale = float(values.sum()) / size if size > 0 and values.sum() > 0 else 1.0
    return scale * (positions - centre_source) @ (left @ right) + centre_target


def _umap(
    latents: np.ndarray, start: np.ndarray | None, neighbours: int, min_dist: float, seed: int
) -> np.ndarray:
    """UMAP's graph, laid out from ``start`` as it is: UMAP(init=...) would squash it first."""
    from sklearn.utils import check_random_state
    from umap.layouts import optimize_layout_euclidean
    from umap.umap_ import find_ab_params, fuzzy_simplicial_set, make_epochs_per_sample

    size = len(latents)
    neighbours = min(neighbours, size - 1)
    random = check_random_state(seed)
    indices = distances = None
    if size <= _EXACT_NEIGHBOURS:
        distances, indices = _nearest(latents, latents, neighbours)
    graph, _, _ = fuzzy_simplicial_set(
        latents, neighbours, random, "euclidean", knn_indices=indices, knn_dists=distances
    )
    epochs, rate = (_EPOCHS_NEW, 1.0) if start is None else (_EPOCHS_AGAIN, 0.3)
    layout = principal_positions(latents) * _START_WIDTH / 4 if start is None else start
    layout = layout + random.normal(scale=1e-3, size=layout.shape)  # twins must be able to part
    layout = np.ascontiguousarray(layout, dtype=np.float32)
    edges = graph.tocoo()
    strong = edges.data >= edges.data.max() / epochs  # the rest would not be sampled once
    a, b = find_ab_params(1.0, min_dist)
    return optimize_layout_euclidean(
        layout,
        layout,
        edges.row[strong],
        edges.col[strong],
        epochs,
        size,
        make_epochs_per_sample(edges.data[strong], epochs),
        a,
        b,
        random.randint(np.iinfo(np.int32).min, np.iinfo(np.int32).max, 3).astype(np.int64),
        initial_alpha=rate,
        move_other=True,
    )


def _nearest(known: np.ndarray, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices (M, count) of the nearest ``known`` (N, L), nearest first."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(known)
    distances, indices = search.kneighbors(queries)
    return distances, indices


def _checked(latents: np.ndarray, previous: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    points = np.asarray(latents, dtype=np.float32)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise InputError(
            f"latents: found shape {points.shape} with {int((~np.isfinite(points)).sum())} values "
            "that are not finite, expected (N, L) numbers; score with another version"
        )
    before = np.full((len(points), 2), np.nan) if previous is None else np.asarray(previous, float)
    if before.shape != (len(points), 2):
        raise InputError(
            f"previous positions: found shape {before.shape}, expected ({len(points)}, 2), one row "
            "per latent; use NaN for patterns the last map did not have"
        )
    return points, before
