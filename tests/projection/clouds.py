"""Clouds on which every engine has to agree with the reference, and helpers to run the engines."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.cbook import get_sample_data

from pointclip.projection import Cells, numba_engine, reference, to_cells, triton_engine
from pointclip.projection.views import view_rotations
from zeroshot_cls.realistic_projection import SPEC as CLASSIFICATION
from zeroshot_seg.realistic_projection import SPEC as SEGMENTATION

SPECS = {"classification": CLASSIFICATION, "segmentation": SEGMENTATION}
SMALL_SPECS = {
    "classification": replace(CLASSIFICATION, resolution=24),
    "segmentation": replace(SEGMENTATION, resolution=24, depth_cells=10),
}
VIEWS = view_rotations([[(0.3, 0.1, math.pi / 2), (0, 0.35, 0)], [(0, -math.pi / 2, 0.2), (0.2, 0, 0)]])
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # device of the triton engine
WITHOUT_TRITON = triton_engine.why_too_old() if triton_engine.is_installed() else "triton is not installed"
REAL_SHAPES = "POINTCLIP_SHAPES"  # environment variable: a folder of shape files on which to test the engines as well


def random_cloud(count, seed=0, batch=1):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(batch, count, 3))).float()


def terrain(count):
    """A real scan from matplotlib's sample data: elevations in Tennessee."""
    with get_sample_data("jacksboro_fault_dem.npz") as data:
        heights = data["elevation"].astype(float)
    at = np.random.default_rng(0).choice(heights.size, count, replace=False)
    row, column = np.divmod(at, heights.shape[1])
    return torch.from_numpy(np.stack([column, heights.flat[at] / 5, row], axis=-1)).float()  # y up


def toy_mug(count):
    """The mug in the published projection's fixture."""
    path = Path(__file__).parents[1] / "fixtures" / "published_seg_projection.npz"
    return torch.from_numpy(np.load(path)["points"][1, :count])


def clouds(count):
    """Named clouds [n, 3], most of them of `count` points."""
    return {
        "random": random_cloud(count)[0],
        "real, a scan of terrain": terrain(count),
        "toy mug": toy_mug(count),
        "line": torch.linspace(-1, 1, 300)[:, None] * torch.tensor([1.0, 0.5, -0.2]),
        "line along an axis": torch.linspace(-1, 1, 40)[:, None] * torch.tensor([0.0, 1.0, 0.0]),
        "plane": random_cloud(count)[0] * torch.tensor([1.0, 1.0, 0.0]),
        "two points": torch.tensor([[1.0, 1, 1], [-1, -1, -1]]),
        "all but one point in one voxel": torch.cat([torch.full((50, 3), 0.4), torch.full((1, 3), 0.4 + 1e-6)]),
        "16 points": random_cloud(16)[0],
        "far from the origin": random_cloud(100)[0] * 1e-3 + 1e4,
    }


def cells_of(points, spec, views=VIEWS):
    """Cells of clouds [B, N, 3], and their lookup cells."""
    cells = to_cells(points, views, spec)
    return cells, replace(cells, depth=cells.depth.clamp(1, spec.depth_cells - 3))


def one_voxel(spec, count=20):
    """Identical cells in one view; no cloud gives them, since to_cells spreads clouds over the grid."""
    place = torch.full((1, 1, count), spec.resolution // 2)
    values = torch.from_numpy(np.random.default_rng(1).uniform(1, spec.depth_cells - 2, (1, 1, count))).float()
    return Cells(place, place + 1, torch.full_like(place, spec.depth_cells // 2), values)


def assert_agree(result, cells, spec, lookup=None):
    """Check that maps and values equal the reference engine's to 2e-6."""
    expected = reference.project(cells, spec, lookup)
    for actual, wanted in zip(result, expected, strict=True):
        if wanted is None:
            assert actual is None
        else:
            assert actual.dtype == torch.float32
            torch.testing.assert_close(actual, wanted, atol=2e-6, rtol=0)


def run_numba(cells, spec, lookup=None):
    return numba_engine.project(cells, spec, lookup)


def run_triton(cells, spec, lookup=None, settings=()):
    """Project with some of the engine's module constants changed; cells and results are on the CPU."""
    before = {name: getattr(triton_engine, name) for name, _ in settings}
    try:
        for name, number in settings:
            setattr(triton_engine, name, number)
        placed, wanted = (None if c is None else c.map(lambda tensor: tensor.to(DEVICE)) for c in (cells, lookup))
        maps, values = triton_engine.project(placed, spec, wanted)
    finally:
        for name, number in before.items():
            setattr(triton_engine, name, number)
    return maps.cpu(), None if values is None else values.cpu()


def quantize_by_triton(points, rotations, spec):
    """Unit boxes and cells of clouds, on the CPU."""
    unit = triton_engine.to_unit_box(points.to(DEVICE))
    cells = triton_engine.cells_of_unit(unit, rotations.to(DEVICE), spec)
    return unit.cpu(), cells.map(torch.Tensor.cpu)


def real_shapes():
    """The files in the folder given by the environment variable, if any."""
    folder = os.environ.get(REAL_SHAPES)
    endings = (".ply", ".obj", ".off", ".stl", ".glb", ".xyz", ".pcd")
    return [] if folder is None else sorted(path for path in Path(folder).iterdir() if path.suffix in endings)
