"""Ablation of the projection's steps: the specs, and the engines that support them."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from pointclip.errors import InputError
from pointclip.projection import STEPS, Cells, numba_engine, pick_backend, project, reference, to_cells, triton_engine
from pointclip.projection.spec import steps_from
from pointclip.projection.views import view_rotations
from zeroshot_cls.realistic_projection import SPEC as CLASSIFICATION
from zeroshot_seg.realistic_projection import SPEC as SEGMENTATION

TASKS = {"classification": CLASSIFICATION, "segmentation": SEGMENTATION}
SUBSETS = [chosen for count in range(len(STEPS) + 1) for chosen in combinations(STEPS, count)]
VIEWS = view_rotations([[(0.3, 0.1, 1.5), (0, 0.35, 0)], [(0, -1.5, 0.2), (0.2, 0, 0)]])
CPU = torch.device("cpu")


def cells_of(spec, count=400, seed=0):
    points = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, count, 3)))
    return to_cells(points, VIEWS, spec)


def literal_grid(cells, spec):
    """The full voxel grid: [M, D, S, S]."""
    grid = np.zeros((cells.row.shape[0] * cells.row.shape[1], spec.depth_cells, spec.resolution, spec.resolution))
    arrays = (getattr(cells, name).flatten(0, 1).numpy() for name in ("depth", "row", "column", "value"))
    for view, places in enumerate(zip(*arrays, strict=True)):
        np.maximum.at(grid[view], places[:3], places[3])
    return torch.from_numpy(grid).float()


class TestSpec:
    @pytest.mark.parametrize("task", TASKS)
    def test_all_steps_leave_the_spec_unchanged(self, task):
        assert TASKS[task].only(STEPS) == TASKS[task]
        assert TASKS[task].only(["squeeze", "densify", "smooth"]) == TASKS[task]

    @pytest.mark.parametrize("steps", SUBSETS)
    @pytest.mark.parametrize("task", TASKS)
    def test_omitted_steps_have_a_window_of_one_cell(self, task, steps):
        whole, spec = TASKS[task], TASKS[task].only(steps)
        for step in ("densify", "smooth"):
            names = (f"{step}_window", f"{step}_padding")
            expected = [getattr(whole, name) for name in names] if step in steps else [(1, 1, 1), (0, 0, 0)]
            assert [getattr(spec, name) for name in names] == expected
        assert spec.squeeze == ("squeeze" in steps)
        assert spec.only(steps) == spec
        assert spec.only(STEPS) == spec  # omitted steps stay omitted

    def test_size_of_the_maps(self):
        assert CLASSIFICATION.only(["smooth", "squeeze"]).image_size == 112
        assert CLASSIFICATION.only(["densify"]).image_size == 110
        assert SEGMENTATION.only([]).image_size == 224

    @pytest.mark.parametrize(
        ("steps", "words"),
        [
            (["densify", "voxelize"], "'voxelize' is not an optional step"),
            (["smooth", "smooth"], "once"),
            ("densify", "are the text"),
            ([None], "None is not an optional step"),
        ],
    )
    def test_bad_steps(self, steps, words):
        with pytest.raises(InputError, match=words):
            CLASSIFICATION.only(steps)


@pytest.mark.parametrize(
    ("text", "steps"),
    [("all", STEPS), (" none ", ()), ("smooth", ("smooth",)), ("squeeze , densify", ("squeeze", "densify"))],
)
def test_steps_from(text, steps):
    assert steps_from(text) == steps


@pytest.mark.parametrize("text", ["", "densify,", "all,smooth", "none,smooth", "Densify", "smooth smooth"])
def test_bad_texts(text):
    with pytest.raises(InputError, match="is not an optional step of the projection"):
        steps_from(text)


class TestReference:
    """Against the full grid with torch's pooling and convolution."""

    @pytest.mark.parametrize("steps", SUBSETS)
    @pytest.mark.parametrize("task", TASKS)
    def test_matches_the_literal_method(self, task, steps):
        # a smaller grid is the same method; 2e-6 for the same sums in another order
        spec = replace(TASKS[task], resolution=40, depth_cells=min(12, TASKS[task].depth_cells)).only(steps)
        cells = cells_of(spec)
        grid = literal_grid(cells, spec)[:, None]
        if "densify" in steps:
            (window, padding) = TASKS[task].densify_window, TASKS[task].densify_padding
            grid = torch.nn.functional.max_pool3d(torch.nn.functional.pad(grid, pads(padding)), window, 1)
        if "smooth" in steps:
            grid = torch.nn.functional.conv3d(grid, kernel(TASKS[task])[None, None], padding=spec.smooth_padding)
        grid = grid[:, 0]
        image = grid.amax(1) if "squeeze" in steps else grid.sum(1) / (grid > 0).sum(1).clamp(min=1)
        expected = 1 - image / image.amax((1, 2))[:, None, None]
        maps, _ = reference.project(cells, spec)
        torch.testing.assert_close(maps.flatten(0, 1), expected, atol=2e-6, rtol=0)

    def test_a_pixel_without_squeeze_is_the_mean_of_its_filled_cells(self):
        spec = CLASSIFICATION.only([])
        # two points of different depth in one pixel, two in one cell of another, one alone
        places = torch.tensor([[5, 5, 9, 9, 20], [6, 6, 9, 9, 20], [1, 5, 3, 3, 6]])[:, None, None]
        cells = Cells(*places, torch.tensor([1.0, 4.0, 2.0, 3.0, 5.0])[None, None])
        (image,) = reference.project(cells, spec)[0][0]
        assert image[5, 6] == 1 - 2.5 / 5
        assert image[9, 9] == 1 - torch.tensor(3.0) / 5
        assert image[20, 20] == 0
        assert (image == 1).sum() == 112 * 112 - 3


def pads(padding):
    return [side for size in reversed(padding) for side in (size, size)]


def kernel(spec):
    sigmas = (spec.sigma_depth, spec.sigma_image, spec.sigma_image)
    axes = [torch.arange(size) - (size - 1) / 2 for size in spec.smooth_window]
    z, y, x = (torch.exp(-(axis**2) / (2 * sigma**2)) for axis, sigma in zip(axes, sigmas, strict=True))
    whole = z[:, None, None] * y[:, None] * x
    return whole / whole.sum()


@pytest.mark.skipif(not numba_engine.is_installed(), reason="numba is not installed")
@pytest.mark.parametrize("steps", [steps for steps in SUBSETS if "squeeze" in steps])
@pytest.mark.parametrize("task", TASKS)
def test_numba_agrees(task, steps):
    spec = TASKS[task].only(steps)
    cells = cells_of(spec)
    results, expected = numba_engine.project(cells, spec, cells), reference.project(cells, spec, cells)
    for result, expectation in zip(results, expected, strict=True):
        torch.testing.assert_close(result, expectation, atol=2e-6, rtol=0)


# Triton's windows of one cell are tested beside its others, under its interpreter, in test_triton_engine.py.


class TestWithoutSqueeze:
    spec = CLASSIFICATION.only(["densify", "smooth"])

    def test_auto_selects_the_reference(self, monkeypatch):
        assert pick_backend("auto", CPU, spec=self.spec) == "reference"
        assert pick_backend("auto", CPU, spec=CLASSIFICATION) != "reference"
        cells = cells_of(self.spec)
        assert torch.equal(project(cells, self.spec)[0], reference.project(cells, self.spec)[0])
        monkeypatch.setattr(triton_engine, "is_installed", lambda: True)
        monkeypatch.setattr(triton_engine, "_why_unsupported", lambda device: None)
        assert pick_backend("auto", torch.device("cuda"), spec=self.spec) == "reference"
        assert pick_backend("auto", torch.device("cuda"), spec=CLASSIFICATION) == "triton"

    @pytest.mark.parametrize("name", ["numba", "triton"])
    def test_other_engines_reject(self, name, monkeypatch):
        monkeypatch.setattr(triton_engine, "_why_unsupported", lambda device: None)
        monkeypatch.setattr(triton_engine, "is_installed", lambda: True)
        cells = cells_of(self.spec)
        with pytest.raises(InputError, match="cannot run here: it does not support leaving out the squeeze step"):
            project(cells, self.spec, backend=name)
        engine = {"numba": numba_engine, "triton": triton_engine}[name]
        with pytest.raises(InputError, match="leaving out the squeeze step; use the reference engine"):
            engine.project(cells, self.spec)
