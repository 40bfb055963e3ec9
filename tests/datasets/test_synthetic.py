"""Synthetic shapes: valid points and labels, deterministic, varied, and written in the published layouts."""

from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointclip.datasets.base import open_dataset
from pointclip.datasets.shapenetpart_labels import CATEGORIES, FIRST_PART, PART_NAMES
from pointclip.datasets.synthetic import SyntheticShapes, generate
from pointclip.datasets.synthetic.primitives import box, cylinder, ellipsoid, join, plate, revolve, sample, torus, tube
from pointclip.errors import InputError
from tests.datasets.layouts import write_modelnet40, write_shapenetpart

NUMBER_OF_PARTS = (4, 2, 2, 4, 4, 3, 3, 2, 4, 2, 6, 2, 3, 3, 3, 3)


def area(mesh) -> float:
    corners = mesh.vertices[mesh.faces]
    return float(
        np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    )


def test_labels_match_shapenetpart():
    assert CATEGORIES[0] == "airplane"
    assert CATEGORIES[-1] == "table"
    assert tuple(len(PART_NAMES[name]) for name in CATEGORIES) == NUMBER_OF_PARTS
    assert FIRST_PART == (0, 4, 6, 8, 12, 16, 19, 22, 24, 28, 30, 36, 38, 41, 44, 47)


@pytest.mark.parametrize("category", CATEGORIES)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**62), num_points=st.sampled_from([1, 300, 1024]))
def test_any_seed_gives_a_valid_shape(category, seed, num_points):
    shape = generate(category, seed, num_points)
    assert shape.points.shape == (num_points, 3)
    assert shape.points.dtype == np.float32
    assert shape.parts.shape == (num_points,)
    assert shape.parts.dtype == np.int64
    assert CATEGORIES[shape.label] == category
    assert np.isfinite(shape.points).all()
    assert np.linalg.norm(shape.points, axis=1).max() <= 1.0
    assert shape.parts.min() >= 0
    assert shape.parts.max() < len(PART_NAMES[category])


@pytest.mark.parametrize("category", CATEGORIES)
def test_shapes_fill_the_unit_sphere_and_show_every_part(category):
    shapes = [generate(category, seed) for seed in range(40)]
    for shape in shapes:
        assert np.linalg.norm(shape.points, axis=1).max() > 0.9
        assert np.abs(shape.points.max(0) + shape.points.min(0)).max() < 0.2
    assert set(np.concatenate([shape.parts for shape in shapes])) == set(range(len(PART_NAMES[category])))
    extents = np.array([np.ptp(shape.points, axis=0) for shape in shapes])
    assert len(np.unique(extents.round(3), axis=0)) == len(shapes)
    assert extents.std(0).max() > 0.03


@pytest.mark.parametrize("category", CATEGORIES)
def test_shapes_are_deterministic_and_samples_are_prefixes(category):
    once, again, fewer = generate(category, 7), generate(category, 7), generate(category, 7, 1024)
    assert once.points.tobytes() == again.points.tobytes()
    assert once.parts.tobytes() == again.parts.tobytes()
    assert once.name == again.name
    assert np.array_equal(fewer.points, once.points[:1024])
    assert np.array_equal(fewer.parts, once.parts[:1024])


def test_points_are_in_random_order():
    parts = generate("chair", 3).parts
    first, second = np.bincount(parts[:1024], minlength=4), np.bincount(parts[1024:], minlength=4)
    assert np.abs(first - second).max() < 150


@pytest.mark.parametrize(("category", "lower", "upper"), [("chair", "leg", "back"), ("rocket", "fin", "nose")])
def test_up_is_y(category, lower, upper):
    below = 0
    for seed in range(20):
        shape = generate(category, seed)
        heights = [shape.points[shape.parts == PART_NAMES[category].index(part), 1] for part in (lower, upper)]
        below += all(len(some) for some in heights) and heights[0].mean() < heights[1].mean()
    assert below >= 14


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("boat", 0), "boat"), (("mug", -1), "seed"), (("mug", 0, 0), "num_points")],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        generate(*arguments)


def test_classes_alternate():
    assert len(open_dataset("synthetic", "nowhere", "test", num_points=64)) == 320
    shapes = SyntheticShapes(per_class=2, num_points=64)
    assert len(shapes) == 32
    assert shapes.labels.tolist() == [shape.label for shape in shapes]
    assert shapes.class_names == CATEGORIES
    assert shapes.part_names == PART_NAMES
    assert [shapes[index].label for index in range(32)] == list(range(16)) * 2
    assert len({shapes[index].name for index in range(32)}) == 32
    assert len(list(shapes)) == 32
    with pytest.raises(IndexError):
        shapes[32]


def test_splits_are_disjoint():
    seeds = {}
    for split in ("train", "val", "test"):
        for seed in (0, 1, 5):
            shapes = SyntheticShapes(split=split, per_class=1_000_000, seed=seed)
            seeds[split, seed] = (shapes.shape_seed(0)[1], shapes.shape_seed(len(shapes) - 1)[1])
    ranges = sorted(seeds.values())
    assert all(first[1] < second[0] for first, second in pairwise(ranges))


@pytest.mark.parametrize(
    "options", [{"split": "all"}, {"per_class": 0}, {"per_class": 10**7}, {"seed": -1}, {"num_points": 0}]
)
def test_bad_options_are_rejected(options):
    with pytest.raises(InputError):
        SyntheticShapes(**options)


@pytest.mark.parametrize("categories", [CATEGORIES, ("mug", "chair", "lamp")])
def test_modelnet40_layout(tmp_path, categories):
    place = write_modelnet40(tmp_path, per_class=2, categories=categories, num_points=64, shapes_per_file=5)
    assert place == tmp_path / "modelnet40_ply_hdf5_2048"
    assert (place / "shape_names.txt").read_text().split() == list(categories)
    for split in ("train", "test"):
        lines = (place / f"{split}_files.txt").read_text().split()
        assert all(line.startswith("data/modelnet40_ply_hdf5_2048/ply_data_") for line in lines)
        files = [h5py.File(place / line.rsplit("/", 1)[1], "r") for line in lines]
        assert len(files) > 1
        labels = np.concatenate([file["label"][:] for file in files])
        data = np.concatenate([file["data"][:] for file in files])
        assert data.shape == (2 * len(categories), 64, 3)
        assert data.dtype == np.float32
        assert labels.shape == (2 * len(categories), 1)
        assert np.array_equal(np.bincount(labels[:, 0]), np.full(len(categories), 2))
        for points, label in zip(data, labels[:, 0], strict=True):
            names = SyntheticShapes(split=split, per_class=2, num_points=64)
            same = [shape for shape in names if CATEGORIES[shape.label] == categories[label]]
            assert any(np.array_equal(points, shape.points) for shape in same)
        for file in files:
            file.close()


def test_shapenetpart_layout(tmp_path):
    place = write_shapenetpart(tmp_path, per_class=1, categories=("mug", "table"), num_points=128, shapes_per_file=1)
    assert place == tmp_path / "shapenet_part_seg_hdf5_data" / "hdf5_data"
    for split in ("train", "val", "test"):
        lines = (place / f"{split}_hdf5_file_list.txt").read_text().split()
        assert lines == [f"data/hdf5_data/ply_data_{split}{number}.h5" for number in (0, 1)]
        for line, label in zip(lines, (11, 15), strict=True):
            with h5py.File(place / line.rsplit("/", 1)[1], "r") as file:
                assert file["data"].shape == (1, 128, 3)
                assert file["pid"].shape == (1, 128)
                assert file["label"][:].tolist() == [[label]]
                assert file["pid"][:].min() >= FIRST_PART[label]
                assert file["pid"][:].max() < FIRST_PART[label] + NUMBER_OF_PARTS[label]


@pytest.mark.parametrize("write", [write_modelnet40, write_shapenetpart])
def test_writers_reject_unknown_categories(tmp_path, write):
    with pytest.raises(InputError, match="boat"):
        write(tmp_path, categories=("mug", "boat"))


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        (box((1, 2, 3), (5, 5, 5)), 22),
        (cylinder(1, 2), 2 * np.pi * 2 + 2 * np.pi),
        (ellipsoid((1, 1, 1)), 4 * np.pi),
        (torus(2, 0.5), 4 * np.pi**2 * 2 * 0.5),
        (tube([(0, 0, 0), (0, 3, 0)], 0.5, sides=32), 3 * np.pi + np.pi / 2),
        (revolve([(1, 0), (0, 1)], axis="z"), np.pi * np.sqrt(2)),
        (plate([(0, 0, 0), (2, 0, 0)], [(0, 3, 0), (2, 3, 0)], (0, 0, 1)), 22),
    ],
)
def test_surface_areas_of_primitives(mesh, expected):
    assert area(mesh) == pytest.approx(expected, rel=0.08)


def test_sampling_is_uniform_over_the_surface():
    small, large = box((1, 1, 1)), box((2, 2, 2), (5, 0, 0))
    both, numbers = join([small, large])
    points, face = sample(both, 20_000, np.random.default_rng(0))
    owner = numbers[face]
    assert (owner == 0).mean() == pytest.approx(0.2, abs=0.015)
    on_top = points[(owner == 1) & (points[:, 1] > 0.999)]
    assert len(on_top) == pytest.approx(16_000 / 6, rel=0.1)
    assert on_top[:, [0, 2]].mean(0) == pytest.approx([5, 0], abs=0.05)
    assert on_top[:, [0, 2]].std(0) == pytest.approx([1 / np.sqrt(3)] * 2, rel=0.05)
