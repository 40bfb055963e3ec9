"""The CUDA engine against the reference engine: on a GPU if there is one, else under Triton's interpreter.

The interpreter must be on before Triton is imported, and off for all other tests, so it runs in a process of its own.
It is slow: clouds and voxel grids are small here, and the tiles small enough that there are several all the same.
"""

import math
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from pointclip.errors import InputError
from pointclip.projection import CLASSIFICATION, SEGMENTATION, Cells, reference, to_cells, triton_engine
from pointclip.views import view_rotations

pytestmark = pytest.mark.skipif(not triton_engine.installed(), reason="triton is not installed")

SPECS = {
    "classification": replace(CLASSIFICATION, resolution=24),
    "segmentation": replace(SEGMENTATION, resolution=24, depth_cells=10),
}
VIEWS = view_rotations([[(0.3, 0.1, math.pi / 2), (0, 0.35, 0)]])
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
NAMES = ("row", "column", "depth", "value")


def run_engine(cells, spec, lookup=None, settings=()):
    """Project, with some of the engine's module constants set otherwise; cells and results on the CPU."""
    before = {name: getattr(triton_engine, name) for name, _ in settings}
    try:
        for name, number in settings:
            setattr(triton_engine, name, number)
        placed, wanted = to_device(cells), None if lookup is None else to_device(lookup)
        maps, values = triton_engine.project(placed, spec, wanted)
    finally:
        for name, number in before.items():
            setattr(triton_engine, name, number)
    return maps.cpu(), None if values is None else values.cpu()


def to_device(cells):
    return Cells(*(getattr(cells, name).to(DEVICE) for name in NAMES))


@pytest.fixture(scope="module")
def project():
    """`run_engine`, here or in the process that interprets."""
    if DEVICE == "cuda":
        yield run_engine
        return
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        patch.setenv("TRITON_INTERPRET", "1")
        pool.submit(os.getpid).result()  # the process starts now and keeps the variable
        patch.undo()
        yield lambda *arguments: pool.submit(run_engine, *arguments).result()


def random_cloud(count, seed=0, batch=1):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(batch, count, 3))).float()


def clouds():
    return {
        "line": torch.linspace(-1, 1, 30)[:, None] * torch.tensor([1.0, 0.5, -0.2]),
        "plane": random_cloud(50)[0] * torch.tensor([1.0, 1.0, 0.0]),
        "two points": torch.tensor([[1.0, 1, 1], [-1, -1, -1]]),
        "almost one voxel": torch.cat([torch.full((30, 3), 0.4), torch.full((1, 3), 0.4 + 1e-6)]),
        "16 points": random_cloud(16)[0],
        "300 points": random_cloud(300)[0],  # more than one program's
    }


def cells_of(points, spec):
    cells = to_cells(points, VIEWS, spec)
    return cells, replace(cells, depth=cells.depth.clamp(1, spec.depth_cells - 3))


def assert_agree(result, cells, spec, lookup=None):
    expected = reference.project(cells, spec, lookup)
    for ours, theirs in zip(result, expected, strict=True):
        if theirs is None:
            assert ours is None
        else:
            assert ours.dtype == torch.float32
            torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=0)


@pytest.mark.parametrize("task", SPECS)
@pytest.mark.parametrize("name", clouds())
def test_agrees_with_the_reference(name, task, project):
    cells, wanted = cells_of(clouds()[name][None], SPECS[task])
    assert_agree(project(cells, SPECS[task], wanted), cells, SPECS[task], wanted)


@pytest.mark.parametrize(("task", "block"), [("classification", 8), ("segmentation", 16)])
def test_agrees_across_tiles_and_clouds(task, block, project):
    cells, wanted = cells_of(random_cloud(16, batch=2), SPECS[task])
    wanted = replace(wanted, row=cells.column, column=cells.row)  # cells without points too
    assert_agree(project(cells, SPECS[task], wanted, [("BLOCK", block)]), cells, SPECS[task], wanted)


@pytest.mark.parametrize(
    ("densify", "paddings", "smooth"),
    [
        ((1, 1), (0, 0, 0, 0), (1, 1)),
        ((4, 2), (0, 1, 3, 0), (2, 6)),
        ((2, 9), (1, 8, 0, 2), (7, 3)),
        ((6, 5), (5, 0, 2, 6), (3, 7)),
    ],
)
def test_agrees_for_other_windows(densify, paddings, smooth, project):
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
    assert_agree(project(cells, spec, wanted, [("BLOCK", 16)]), cells, spec, wanted)


def test_agrees_where_depth_has_gaps_and_wherever_is_wanted(project):
    spec = replace(SPECS["segmentation"], depth_cells=40)
    random = np.random.default_rng(2)
    place = torch.from_numpy(random.integers(4, 20, (2, 1, 1, 8)))
    depth = torch.tensor([0, 1, 14, 14, 15, 22, 39, 39])[None, None]
    cells = Cells(*place, depth, torch.from_numpy(random.uniform(1, 38, (1, 1, 8))).float())
    anywhere = torch.from_numpy(random.integers(0, [[[[24]]], [[[24]]], [[[40]]]], (3, 1, 1, 1500)))
    wanted = Cells(*anywhere, cells.value)
    assert_agree(project(cells, spec, wanted), cells, spec, wanted)


def test_agrees_at_full_size(project):
    cells, wanted = cells_of(random_cloud(150), CLASSIFICATION)
    assert_agree(project(cells, CLASSIFICATION, wanted), cells, CLASSIFICATION, wanted)


def test_lookup_outside_what_is_there_reads_background(project):
    spec = SPECS["classification"]
    cells, _ = cells_of(random_cloud(30), spec)
    corner = torch.tensor([0, 5, 21, 22, 300, -1])[None, None]
    lookup = Cells(corner, corner.flip(-1), torch.tensor([0, 3, 5, 7, 8, -1])[None, None], corner.float())
    assert_agree(project(cells, spec, lookup), cells, spec, lookup)


@pytest.mark.parametrize(("name", "place"), [("row", 24), ("column", -1), ("depth", 8)])
def test_cells_outside_the_grid_are_left_out(name, place, project):
    spec = SPECS["classification"]
    cells, _ = cells_of(random_cloud(20), spec)
    places = getattr(cells, name).clone()
    places[..., 7] = place
    others = torch.arange(20) != 7
    expected = project(replace(cells, **{n: getattr(cells, n)[..., others] for n in NAMES}), spec)
    assert torch.equal(project(replace(cells, **{name: places}), spec)[0], expected[0])


def test_order_batch_and_strides_change_no_bit(project):
    spec = SPECS["segmentation"]
    cells, wanted = cells_of(random_cloud(16, batch=2), spec)
    maps, values = project(cells, spec, wanted)
    one_view_at_a_time = project(cells, spec, wanted, [("MAX_KEPT", 1)])
    assert torch.equal(one_view_at_a_time[0], maps)
    assert torch.equal(one_view_at_a_time[1], values)
    order = torch.arange(15, -1, -1)
    apart = [  # in another order, and every other element in memory
        replace(c, **{n: getattr(c, n)[..., order].repeat_interleave(2, -1)[..., ::2] for n in NAMES})
        for c in (cells, wanted)
    ]
    reordered = project(apart[0], spec, apart[1])
    assert torch.equal(reordered[0], maps)
    assert torch.equal(reordered[1], values[..., order])


def test_an_empty_batch_gives_an_empty_batch(project):
    spec = SPECS["classification"]
    none = [replace(c, **{n: getattr(c, n)[:0] for n in NAMES}) for c in cells_of(random_cloud(9), spec)]
    maps, values = project(none[0], spec, none[1])
    assert maps.shape == (0, 1, 22, 22)
    assert values.shape == (0, 1, 9)


def test_windows_that_are_not_square_are_refused(project):
    spec = replace(SPECS["classification"], densify_window=(1, 7, 5))
    with pytest.raises(InputError, match="densify_window of 7 rows and 5 columns"):
        project(cells_of(random_cloud(9), SPECS["classification"])[0], spec)


def test_says_why_it_cannot_run(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "points are on cpu" in triton_engine.unable(cpu, False)
    assert "no CUDA GPU" in triton_engine.unable(gpu, False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert "older than compute capability 8.0" in triton_engine.unable(gpu, False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert triton_engine.unable(gpu, False) is None
    assert "gradients" in triton_engine.unable(gpu, True)
    monkeypatch.setattr(triton_engine, "OLDEST_TRITON", (99, 0))
    assert "too old" in triton_engine.unable(gpu, False)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert "C compiler" in triton_engine.unable(gpu, False)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert triton_engine.unable(cpu, False) is None
    assert "gradients" in triton_engine.unable(cpu, True)
    monkeypatch.setattr(triton_engine, "installed", lambda: False)
    assert "triton is not installed" in triton_engine.unable(gpu, False)


def test_refuses_points_that_require_gradients(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    cells, _ = cells_of(random_cloud(20), CLASSIFICATION)
    with pytest.raises(InputError, match="gradients"):
        triton_engine.project(replace(cells, value=cells.value.requires_grad_()), CLASSIFICATION)


def test_importing_the_package_imports_no_triton():
    code = "import sys, pointclip.projection; print('pointclip.projection.triton_kernels' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


COMPILE = """
import subprocess, sys, triton
from triton.backends.compiler import GPUTarget
from pointclip.projection import SEGMENTATION, triton_engine, triton_kernels
kernel = triton_kernels.project_tiles
types = dict.fromkeys(("images", "values"), "*fp32")
pointers = ["starts", "places", "point_values", "wanted_starts", "wanted_places", "wanted_indices", "largest"]
types |= dict.fromkeys(pointers, "*i32")
constants = triton_engine.make_tiling(SEGMENTATION).constants() | {"LOOKUP": True}
signature = {name: types.get(name, "constexpr") for name in kernel.arg_names}
source = triton.compiler.ASTSource(kernel, signature, constants)
cubin = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=triton_engine.OPTIONS).asm["cubin"]
open(sys.argv[1], "wb").write(cubin)
subprocess.run([triton.knobs.nvidia.cuobjdump.path, "-res-usage", sys.argv[1]], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the compiler that Triton's wheels for Linux bring")
def test_compiles_for_a_gpu_without_spilling_registers(tmp_path):
    """What the interpreter does not show: that the real compiler takes the largest kernel, segmentation's."""
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, "-c", COMPILE, str(tmp_path / "kernel.cubin")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert re.search(r"STACK:0 .*LOCAL:0 ", done.stdout), done.stdout
