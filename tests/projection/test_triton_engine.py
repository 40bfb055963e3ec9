"""The CUDA engine against the reference engine: on a GPU if there is one, else under Triton's interpreter.

The interpreter is slow: most clouds and voxel grids are small here, with tiles small enough that there are several.
Tests that need a GPU run at full size if there is one.
"""

import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pointclip.errors import InputError
from pointclip.projection import Cells, triton_engine
from pointclip.projection.cells import cells_of_unit, nearest_per_cell, to_unit_box
from tests.projection import clouds
from tests.projection.clouds import SMALL_SPECS, VIEWS, assert_agree, random_cloud
from zeroshot_cls.realistic_projection import SPEC as CLASSIFICATION

pytestmark = pytest.mark.skipif(clouds.WITHOUT_TRITON is not None, reason=f"{clouds.WITHOUT_TRITON}")

NAMES = ("row", "column", "depth", "value")
ON_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def cells_of(points, spec):
    return clouds.cells_of(points, spec, VIEWS[:1])


@pytest.mark.parametrize(("task", "block"), [("classification", 8), ("segmentation", 16)])
def test_agrees_across_tiles_and_clouds(task, block, triton_project):
    cells, wanted = cells_of(random_cloud(16, batch=2), SMALL_SPECS[task])
    wanted = replace(wanted, row=cells.column, column=cells.row)  # includes cells without points
    assert_agree(triton_project(cells, SMALL_SPECS[task], wanted, [("BLOCK", block)]), cells, SMALL_SPECS[task], wanted)


@pytest.mark.parametrize(
    ("densify", "paddings", "smooth"),
    [
        ((1, 1), (0, 0, 0, 0), (1, 1)),
        ((1, 1), (0, 0, 2, 2), (5, 5)),  # smooth without densify, as segmentation has it
        ((5, 7), (2, 2, 0, 0), (1, 1)),  # densify without smooth
        ((4, 2), (0, 1, 3, 0), (2, 6)),
        ((2, 9), (1, 8, 0, 2), (7, 3)),
        ((6, 5), (5, 0, 2, 6), (3, 7)),
    ],
)
def test_agrees_for_other_windows(densify, paddings, smooth, triton_project):
    spec = replace(
        CLASSIFICATION,
        resolution=20,
        depth_cells=11,
        densify_window=(densify[0], densify[1], densify[1]),
        densify_padding=(paddings[0], paddings[1], paddings[1]),
        smooth_window=(smooth[0], smooth[1], smooth[1]),
        smooth_padding=(paddings[2], paddings[3], paddings[3]),
    )
    cells, wanted = cells_of(random_cloud(25), spec)
    assert_agree(triton_project(cells, spec, wanted, [("BLOCK", 16)]), cells, spec, wanted)


def test_agrees_with_gaps_in_depth_and_arbitrary_lookup(triton_project):
    spec = replace(SMALL_SPECS["segmentation"], depth_cells=40)
    random = np.random.default_rng(2)
    place = torch.from_numpy(random.integers(4, 20, (2, 1, 1, 8)))
    depth = torch.tensor([0, 1, 14, 14, 15, 22, 39, 39])[None, None]
    cells = Cells(*place, depth, torch.from_numpy(random.uniform(1, 38, (1, 1, 8))).float())
    anywhere = torch.from_numpy(random.integers(0, [[[[24]]], [[[24]]], [[[40]]]], (3, 1, 1, 1500)))
    wanted = Cells(*anywhere, cells.value)
    assert_agree(triton_project(cells, spec, wanted), cells, spec, wanted)


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(("task", "count"), [("classification", 2), ("segmentation", 1500)])
def test_finds_the_same_cells_as_torch_on_the_cpu(task, count, kind, triton_cells):
    points, spec = (5 * random_cloud(count, batch=3) + 30).to(kind), clouds.SPECS[task]
    unit, cells = triton_cells(points, VIEWS, spec)
    assert torch.equal(unit, to_unit_box(points))
    expected = cells_of_unit(unit, VIEWS, spec)
    assert all(torch.equal(getattr(cells, name), getattr(expected, name)) for name in NAMES)


@pytest.mark.parametrize(
    ("index", "value", "problem"),
    [
        ((1, 3, 2), float("nan"), "cloud 1 of the batch: NaN or infinite"),
        ((0, 3, 0), float("-inf"), "cloud 0 of the batch: NaN or infinite"),
        ((1,), 1e9, "cloud 1 of the batch: all points coincide"),
        ((1, 4), 1.7e308, "cloud 1 of the batch: the extent exceeds"),
    ],
)
def test_clouds_that_cannot_be_projected_raise_the_same_error(index, value, problem, triton_cells):
    points = random_cloud(9, batch=2).double()
    points[index] = value
    points[1, 5] = -points[1, 4] if value == 1.7e308 else points[1, 5]
    with pytest.raises(InputError, match=problem):
        triton_cells(points, VIEWS, CLASSIFICATION)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "count"), [("classification", 1024), ("segmentation", 256)])
def test_agrees_at_full_size(task, count, triton_project):
    spec = clouds.SPECS[task]
    cells, wanted = cells_of(clouds.toy_mug(count)[None], spec)
    assert_agree(triton_project(cells, spec, wanted), cells, spec, wanted)


def test_lookup_outside_occupied_cells_reads_background(triton_project):
    spec = SMALL_SPECS["classification"]
    cells, _ = cells_of(random_cloud(30), spec)
    corner = torch.tensor([0, 5, 21, 22, 300, -1])[None, None]
    lookup = Cells(corner, corner.flip(-1), torch.tensor([0, 3, 5, 7, 8, -1])[None, None], corner.float())
    assert_agree(triton_project(cells, spec, lookup), cells, spec, lookup)


@pytest.mark.parametrize(("name", "place"), [("row", 24), ("column", -1), ("depth", 8)])
def test_cells_outside_the_grid_are_ignored(name, place, triton_project):
    spec = SMALL_SPECS["classification"]
    cells, _ = cells_of(random_cloud(20), spec)
    places = getattr(cells, name).clone()
    places[..., 7] = place
    others = torch.arange(20) != 7
    expected = triton_project(replace(cells, **{n: getattr(cells, n)[..., others] for n in NAMES}), spec)
    assert torch.equal(triton_project(replace(cells, **{name: places}), spec)[0], expected[0])


def test_result_does_not_depend_on_order_batch_and_strides(triton_project):
    spec = SMALL_SPECS["segmentation"]
    cells, wanted = cells_of(random_cloud(16, batch=2), spec)
    maps, values = triton_project(cells, spec, wanted)
    one_view_at_a_time = triton_project(cells, spec, wanted, [("MAX_ENTRIES", 1)])
    assert torch.equal(one_view_at_a_time[0], maps)
    assert torch.equal(one_view_at_a_time[1], values)
    order = torch.arange(15, -1, -1)
    apart = [  # in another order, and every other element in memory
        replace(c, **{n: getattr(c, n)[..., order].repeat_interleave(2, -1)[..., ::2] for n in NAMES})
        for c in (cells, wanted)
    ]
    reordered = triton_project(apart[0], spec, apart[1])
    assert torch.equal(reordered[0], maps)
    assert torch.equal(reordered[1], values[..., order])


def test_an_empty_batch_gives_an_empty_batch(triton_project):
    spec = SMALL_SPECS["classification"]
    none = [replace(c, **{n: getattr(c, n)[:0] for n in NAMES}) for c in cells_of(random_cloud(9), spec)]
    maps, values = triton_project(none[0], spec, none[1])
    assert maps.shape == (0, 1, 22, 22)
    assert values.shape == (0, 1, 9)


def test_windows_that_are_not_square_are_rejected(triton_project):
    spec = replace(SMALL_SPECS["classification"], densify_window=(1, 7, 5))
    with pytest.raises(InputError, match="densify_window of 7 rows and 5 columns"):
        triton_project(cells_of(random_cloud(9), SMALL_SPECS["classification"])[0], spec)


def test_duplicate_points_in_a_cell_have_no_effect(triton_project):
    """Dense clouds are reduced to one point per cell first; here all clouds are."""
    spec = SMALL_SPECS["segmentation"]
    cells, wanted = cells_of(random_cloud(60, batch=2).round(decimals=1), spec)
    sorted_out = triton_project(cells, spec, wanted, [("DENSE_CLOUD", 0)])
    assert_agree(sorted_out, cells, spec, wanted)


def test_one_point_per_cell_is_kept():
    """The one with the largest value; points outside the grid belong to no cell."""
    row, column = torch.tensor([[4, 4, 5, 4, -1, 4]]), torch.tensor([[3, 3, 3, 3, 19, 27]])
    cells = Cells(row, column, torch.full_like(row, 2), torch.tensor([[1.5, 3, 2, 2.5, 9, 9]]))
    kept = nearest_per_cell(cells, SMALL_SPECS["classification"])
    shown = [(r, c, v) for r, c, v in zip(*(x[0].tolist() for x in (kept.row, kept.column, kept.value)), strict=True)]
    assert sorted(point for point in shown if point[0] >= 0) == [(4, 3, 3.0), (5, 3, 2.0)]
    assert len(shown) == 6


class Computed(TorchDispatchMode):
    """Records torch's operations except allocations and views, which launch nothing on a GPU."""

    FREE = ("empty", "new_empty", "view", "slice", "detach", "alias")

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function).split(".")[1]
        self.names += [] if name in self.FREE else [name]
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("lookup", [False, True])
@pytest.mark.parametrize("task", clouds.SPECS)
def test_a_batch_of_views_takes_two_kernels(task, lookup, monkeypatch):
    started = []

    def stand_in(name):
        return defaultdict(lambda: lambda *_arguments, **_constants: started.append(name))

    kernels = SimpleNamespace(**{name: stand_in(name) for name in ("put_into_buckets", "project_tiles")})
    monkeypatch.setattr(triton_engine, "_kernels", lambda: kernels)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    cells, wanted = clouds.cells_of(random_cloud(500, batch=3), clouds.SPECS[task])
    with Computed() as computed:
        triton_engine.project(cells, clouds.SPECS[task], wanted if lookup else None)
    assert started == ["put_into_buckets", "project_tiles"]
    assert computed.names == []


@ON_A_GPU
@pytest.mark.parametrize("count", [2048, 100_000])
@pytest.mark.parametrize("task", clouds.SPECS)
def test_gpu_results_are_deterministic(task, count, triton_project):
    spec = clouds.SPECS[task]
    cells, wanted = clouds.cells_of(random_cloud(count, batch=3), spec)
    maps, values = triton_project(cells, spec, wanted)
    for _ in range(10):
        again = triton_project(cells, spec, wanted)
        assert torch.equal(again[0], maps)
        assert torch.equal(again[1], values)


@ON_A_GPU
@pytest.mark.parametrize("count", [2048, 100_000])
@pytest.mark.parametrize("task", clouds.SPECS)
def test_can_be_captured_in_a_cuda_graph(task, count):
    spec = clouds.SPECS[task]
    first, second = (clouds.cells_of(random_cloud(count, seed), spec) for seed in (0, 1))
    inputs = [cells.map(torch.Tensor.cuda) for cells in first]
    triton_engine.project(inputs[0], spec, inputs[1])  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = triton_engine.project(inputs[0], spec, inputs[1])
    for cells, held in zip(second, inputs, strict=True):
        for name in NAMES:
            getattr(held, name).copy_(getattr(cells, name))
    graph.replay()
    assert_agree([result.cpu() for result in results], second[0], spec, second[1])


def test_says_why_it_cannot_run(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "points are on cpu" in triton_engine.why_unavailable(cpu, False)
    assert "no CUDA GPU" in triton_engine.why_unavailable(gpu, False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert "older than compute capability 8.0" in triton_engine.why_unavailable(gpu, False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert triton_engine.why_unavailable(gpu, False) is None
    assert "gradients" in triton_engine.why_unavailable(gpu, True)
    monkeypatch.setattr(triton_engine, "MIN_TRITON", (99, 0))
    assert "too old" in triton_engine.why_unavailable(gpu, False)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert "C compiler" in triton_engine.why_unavailable(gpu, False)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert triton_engine.why_unavailable(cpu, False) is None
    assert "gradients" in triton_engine.why_unavailable(cpu, True)
    monkeypatch.setattr(triton_engine, "is_installed", lambda: False)
    assert "triton is not installed" in triton_engine.why_unavailable(gpu, False)


def test_rejects_points_that_require_gradients(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    cells, _ = cells_of(random_cloud(20), CLASSIFICATION)
    with pytest.raises(InputError, match="gradients"):
        triton_engine.project(replace(cells, value=cells.value.requires_grad_()), CLASSIFICATION)


def test_importing_the_package_does_not_import_triton():
    code = "import sys, pointclip.projection; print('pointclip.projection.triton_kernels' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


COMPILE = """
import subprocess, sys, triton
from triton.backends.compiler import GPUTarget
from pointclip.projection import triton_engine, triton_kernels, triton_quantize
from pointclip.projection.points import SMALLEST_EXTENT
from zeroshot_seg.realistic_projection import SPEC as SEGMENTATION
types = dict.fromkeys(("value", "values", "images"), "*fp32") | dict.fromkeys(("count", "lookup_count"), "i32")
types |= dict.fromkeys(("points", "unit", "rotations"), "*fp32") | {"faulty": "*i1"}
types |= dict.fromkeys(("ends", "lookup_ends", "starts", "lookup_starts", "progress"), "*i32")
tiling = triton_engine.make_tiling(SEGMENTATION)
sorting = {"POINT_GRID": tiling.point_grid(), "LOOKUP_GRID": tiling.lookup_grid()}
sorting |= {"TILES": tiling.tiles, "PITCH": tiling.pitch}
sorting["CHUNK"] = triton_engine.SORT_CHUNK
projecting = tiling.constants() | {"READ_CHUNK": triton_engine.READ_CHUNK, "CHUNK": triton_engine.SCALE_CHUNK}
spec = tiling.spec
placing = {"ROTATIONS": 3, "RESOLUTION": spec.resolution, "DEPTH_CELLS": spec.depth_cells}
placing |= {"OBJECT_RATIO": spec.object_ratio, "DEPTH_BIAS": spec.depth_bias}
chunk = {"CHUNK": triton_engine.POINT_CHUNK}
for module, name, constants, options in (
    (triton_quantize, "fit_unit_box", {"EPSILON": SMALLEST_EXTENT} | chunk, triton_engine.POINT_OPTIONS),
    (triton_quantize, "quantize", placing | chunk, triton_engine.POINT_OPTIONS),
    (triton_kernels, "put_into_buckets", sorting, triton_engine.SORT_OPTIONS),
    (triton_kernels, "project_tiles", projecting | {"LOOKUP": False}, tiling.options()),
    (triton_kernels, "project_tiles", projecting | {"LOOKUP": True}, tiling.options()),
):
    kernel = getattr(module, name)
    others = [argument for argument in kernel.arg_names if argument not in constants]
    signature = {argument: types.get(argument, "*i64") for argument in others} | dict.fromkeys(constants, "constexpr")
    signature = {argument: signature[argument] for argument in kernel.arg_names}
    source = triton.compiler.ASTSource(kernel, signature, constants)
    cubin = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm["cubin"]
    open(sys.argv[1], "wb").write(cubin)
    subprocess.run([triton.knobs.nvidia.cuobjdump.path, "-res-usage", sys.argv[1]], check=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs the compiler that Triton's wheels for Linux bring")
def test_compiles_for_a_gpu_without_spilling_registers(tmp_path):
    """The interpreter does not show whether the compiler accepts the kernels, here segmentation's."""
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, "-c", COMPILE, str(tmp_path / "kernel.cubin")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"STACK:0 .*LOCAL:0 ", done.stdout)) == 5, done.stdout
