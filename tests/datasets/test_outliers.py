"""Outliers are found where there are some, and thin parts, far surfaces and clean shapes stay as they are."""

import numpy as np
import pytest

from pointclip.bundled import DATA
from pointclip.datasets import ShapeFiles, open_dataset
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.outliers import LARGE, gathered, outliers_of, without_outliers

SHAPES = open_dataset("synthetic", DATA, "test", 1024)
FEW = range(0, 80, 16)


def directions(rng: np.random.Generator, count: int) -> np.ndarray:
    along = rng.standard_normal((count, 3))
    return along / np.linalg.norm(along, axis=1, keepdims=True)


def stray(count: int, reach: float, rng: np.random.Generator) -> np.ndarray:
    return directions(rng, count) * reach


def clutter(count: int, reach: float, rng: np.random.Generator) -> np.ndarray:
    return directions(rng, count) * reach * rng.random((count, 1)) ** (1 / 3)


def cluster(count: int, reach: float, rng: np.random.Generator) -> np.ndarray:
    return directions(rng, 1) * reach + rng.normal(0, 0.03, (count, 3))


def centred(points: np.ndarray) -> np.ndarray:
    """Points whose largest half extent is 1."""
    points = points - (points.max(0) + points.min(0)) / 2
    return points / np.abs(points).max()


@pytest.mark.parametrize(
    ("kind", "count", "reach"),
    [(stray, 1, 1.5), (stray, 10, 1.5), (stray, 5, 4), (clutter, 10, 2), (clutter, 205, 4), (cluster, 50, 2)],
)
@pytest.mark.parametrize("how", ["auto", "clutter"])
def test_added_points_are_found_and_the_extent_comes_back(kind, count, reach, how):
    for index in FEW:
        points = centred(SHAPES[index].points)
        together = np.concatenate([points, kind(count, reach, np.random.default_rng(index))])
        assert outliers_of(together, how == "clutter")[len(points) :].mean() >= 0.7
        assert np.ptp(gathered(together, how)[0], axis=0).max() <= 2.5


def table_with_sparse_legs(rng: np.random.Generator) -> np.ndarray:
    """A dense top, and legs of a few points each, a tenth of its extent apart, as tables of ModelNet10 have them."""
    top = rng.uniform([-15, 0, -10], [15, 1, 10], (900, 3))
    legs = [np.stack([np.full(9, x), -2.6 * np.arange(1, 10), np.full(9, z)], 1) for x in (-14, 14) for z in (-9, 9)]
    return np.concatenate([top, *legs])


def test_sparse_legs_stay():
    assert not outliers_of(table_with_sparse_legs(np.random.default_rng(0))).any()


@pytest.mark.parametrize("scale", [1e-3, 1, 1e4])
@pytest.mark.parametrize("far", [0, 5e6])
def test_neither_scale_nor_place_matters(scale, far):
    points = np.concatenate([centred(SHAPES[0].points), [[0, 3, 0]]])
    found = outliers_of(points * scale + (far if scale >= 1 else 0))
    assert found[1024]
    assert (found == outliers_of(points)).all()


def test_clean_shapes_stay_as_they_are():
    assert not any(outliers_of(SHAPES[index].points).any() for index in FEW)
    counts = np.array([outliers_of(SHAPES[index].points, clutter=True).sum() for index in FEW])
    assert (counts > 0).mean() <= 0.2
    assert counts.mean() < 1


def cord(rng: np.random.Generator) -> np.ndarray:
    """A lamp shade on a cord with four times the shade's spacing."""
    shade = directions(rng, 1000) * 0.4
    return np.concatenate([shade, np.stack([np.zeros(20), 0.4 + np.arange(1, 21) * 0.11, np.zeros(20)], 1)])


def far_wall(rng: np.random.Generator) -> np.ndarray:
    """A floor seen by a scanner in its middle: the density falls with the square of the distance."""
    radius = np.exp(rng.uniform(np.log(0.3), np.log(10), 2000))
    angle = rng.uniform(0, 2 * np.pi, 2000)
    return np.stack([radius * np.cos(angle), rng.normal(0, 0.005, 2000), radius * np.sin(angle)], 1)


@pytest.mark.parametrize("make", [cord, far_wall])
def test_thin_parts_and_thin_density_stay(make):
    points = make(np.random.default_rng(0))
    assert outliers_of(points).mean() <= 0.01
    assert outliers_of(points, clutter=True).mean() <= 0.02


@pytest.mark.parametrize(
    "points", [np.zeros((50, 3)), np.eye(3), np.full((40, 3), np.inf), np.r_[np.zeros((60, 3)), np.ones((3, 3))]]
)
def test_clouds_without_a_density_are_taken_as_they_are(points):
    moved, count = gathered(points)
    assert moved.shape == points.shape
    assert count in (0, 3)


def test_large_clouds_are_judged_by_a_sample():
    rng = np.random.default_rng(0)
    points = np.concatenate([directions(rng, 3 * LARGE), stray(20, 3, rng)])
    found = outliers_of(points)
    assert found[-20:].all()
    assert found[:-20].mean() <= 0.001


def test_outliers_take_their_neighbours_places():
    points = np.concatenate([directions(np.random.default_rng(0), 1000), [[0, 3, 0]]])
    moved, count = gathered(points)
    assert count == 1
    assert (moved[:-1] == points[:-1]).all()
    assert (moved[:-1] == moved[-1]).all(axis=1).any()


def test_own_files_and_data_sets_say_what_is_left_out(tmp_path):
    points = np.concatenate([directions(np.random.default_rng(0), 1024), [[0, 3, 0], [2, 2, 2]]])
    np.save(tmp_path / "a.npy", points)
    for outliers, count in (("auto", 2), ("off", 0)):
        reader = BatchReader(ShapeFiles([tmp_path / "a.npy"], 2000, "y", outliers=outliers), 1)
        (batch,) = reader
        assert (reader.outliers == {0: 2}) == bool(count)
        assert any("2 of 1,026 points lie far" in note for note in reader.notes) == bool(count)
        assert (np.abs(batch.points.numpy()).max() < 1.01) == bool(count)
    clean = without_outliers(SHAPES)
    assert clean[3].points.shape == SHAPES[3].points.shape
    assert (clean[3].parts == SHAPES[3].parts).all()
