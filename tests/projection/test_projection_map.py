import numpy as np
import pytest

from genlab.errors import InputError
from genlab.projection import map_positions, place_new, procrustes, pull_in


@pytest.fixture(scope="module")
def blobs():
    random = np.random.default_rng(0)
    centres = random.normal(size=(8, 16)) * 4
    kind = random.integers(0, 8, 660)
    return (centres[kind] + random.normal(size=(660, 16))).astype(np.float32), kind


@pytest.fixture(scope="module")
def first(blobs):
    return map_positions(blobs[0][:600])


def width(positions):
    return np.ptp(positions, axis=0).max()


def test_kinds_stay_together_on_the_map(blobs, first):
    kind = blobs[1][:600]
    distances = np.linalg.norm(first[:, None] - first[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (kind[distances.argmin(axis=1)] == kind).mean() > 0.97
    assert first.dtype == np.float32


def test_same_input_same_map(blobs, first):
    np.testing.assert_array_equal(map_positions(blobs[0][:600]), first)


def test_ten_percent_more_patterns_leave_the_map_in_place(blobs, first):
    latents, kind = blobs
    previous = np.full((660, 2), np.nan)
    previous[:600] = first
    again = map_positions(latents, previous)
    moved = np.linalg.norm(again[:600] - first, axis=1)
    assert np.median(moved) < 0.05 * width(first)
    fresh = map_positions(latents)  # what happens without the previous map
    assert np.median(np.linalg.norm(fresh[:600] - first, axis=1)) > 2 * np.median(moved)
    for k in range(8):  # new patterns lie with their kind
        centre = np.median(again[:600][kind[:600] == k], axis=0)
        new = again[600:][kind[600:] == k]
        assert np.median(np.linalg.norm(new - centre, axis=1)) < 0.15 * width(first)


def test_a_new_model_version_does_not_turn_the_map(blobs, first):
    """Another version's latents may be rotated and rescaled; the map must not be."""
    random = np.random.default_rng(1)
    rotation, _ = np.linalg.qr(random.normal(size=(16, 16)))
    again = map_positions(3.0 * blobs[0][:600] @ rotation, first)
    assert np.median(np.linalg.norm(again - first, axis=1)) < 0.05 * width(first)


def test_procrustes_finds_a_known_similarity():
    random = np.random.default_rng(2)
    source = random.normal(size=(30, 2))
    angle = 0.7
    mirror = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    target = 2.5 * source @ mirror + [3, -1]
    np.testing.assert_allclose(procrustes(source, source[:9], target[:9]), target, atol=1e-9)


def test_small_maps_are_principal_components():
    random = np.random.default_rng(3)
    latents = random.normal(size=(12, 5)) * [5, 3, 1, 1, 1]
    positions = map_positions(latents)
    centred = latents - latents.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(centred.T))  # ascending
    for d in range(2):
        expected = centred @ axes[:, -1 - d]
        assert abs(np.corrcoef(expected, positions[:, d])[0, 1]) > 0.999999
    assert positions[:, 0].std() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("latents", "shape"),
    [
        (np.empty((0, 4)), (0, 2)),
        (np.ones((1, 4)), (1, 2)),
        (np.ones((2, 1)), (2, 2)),
        (np.ones((300, 4)), (300, 2)),
        (np.repeat(np.eye(3), 20, axis=0), (60, 2)),
        (np.arange(50.0)[:, None], (50, 2)),
    ],
)
def test_degenerate_latents_give_finite_positions(latents, shape):
    positions = map_positions(latents)
    assert positions.shape == shape
    assert np.isfinite(positions).all()
    again = map_positions(latents, positions)
    assert np.isfinite(again).all()


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="not finite"):
        map_positions(np.array([[np.nan, 1.0]]))
    with pytest.raises(InputError, match="expected \\(3, 2\\)"):
        map_positions(np.ones((3, 4)), np.ones((2, 2)))


def test_place_new_twins_and_midpoints():
    known = np.array([[0.0, 0.0], [1.0, 0.0], [50.0, 50.0]])
    positions = np.array([[0.0, 0.0], [10.0, 0.0], [100.0, 100.0]])
    placed = place_new(np.array([[1.0, 0.0], [0.5, 0.0]]), known, positions, neighbours=2)
    np.testing.assert_allclose(placed, [[10, 0], [5, 0]], atol=0.01)
    assert (place_new(np.ones((2, 3)), np.empty((0, 3)), np.empty((0, 2))) == 0).all()
    assert place_new(np.empty((0, 2)), known, positions).shape == (0, 2)


def test_pull_in_keeps_rays_and_order_and_bounds_the_farthest():
    random = np.random.default_rng(5)
    points = random.normal(size=(400, 2))
    points[:8] *= 40  # islands
    found = pull_in(points, 0.9)
    centre = np.median(points, axis=0)
    before, after = np.hypot(*(points - centre).T), np.hypot(*(found - centre).T)
    border = np.quantile(before, 0.9)
    near = before <= border
    np.testing.assert_allclose(found[near], points[near], atol=1e-9)
    np.testing.assert_allclose(after[~near], border * (1 + np.log(before[~near] / border)))
    assert (np.argsort(before) == np.argsort(after)).all()
    cosine = ((found - centre) * (points - centre)).sum(axis=1) / (before * after)
    np.testing.assert_allclose(cosine, 1.0)
    np.testing.assert_array_equal(pull_in(np.zeros((5, 2))), np.zeros((5, 2)))
