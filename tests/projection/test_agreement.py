"""Every engine against the reference engine, to 2e-6: random, real and degenerate clouds, both tasks.

Without a GPU the triton engine runs under Triton's interpreter, which takes a millisecond a point: then its clouds are
smaller, its voxel grids have 24 rows and columns instead of 112 or 224, and it sees them in one view.
"""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointclip.datasets.shape_files import read_shape
from tests.projection.clouds import (
    DEVICE,
    SMALL_SPECS,
    SPECS,
    VIEWS,
    assert_agree,
    cells_of,
    clouds,
    one_voxel,
    random_cloud,
    real_shapes,
    run_numba,
)

INTERPRETED = DEVICE == "cpu"
POINTS = {"numba": 2048, "triton": 128 if INTERPRETED else 2048}


@pytest.fixture(scope="module", params=["numba", "triton"])
def engine(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


@pytest.fixture(scope="module")
def project(engine, request):
    """Cells, spec and lookup to the engine's maps and values, all on the CPU."""
    return run_numba if engine == "numba" else request.getfixturevalue("triton_project")


@pytest.fixture(scope="module")
def specs(engine):
    return SMALL_SPECS if engine == "triton" and INTERPRETED else SPECS


@pytest.fixture(scope="module")
def views(engine):
    return VIEWS[:1] if engine == "triton" and INTERPRETED else VIEWS


@pytest.mark.parametrize("task", SPECS)
@pytest.mark.parametrize("name", clouds(16))
def test_on_every_cloud(name, task, engine, project, specs, views):
    cells, wanted = cells_of(clouds(POINTS[engine])[name][None], specs[task], views)
    assert_agree(project(cells, specs[task], wanted), cells, specs[task], wanted)


@pytest.mark.parametrize("task", SPECS)
def test_without_lookup(task, engine, project, specs, views):
    cells, _ = cells_of(random_cloud(16), specs[task], views)
    assert_agree(project(cells, specs[task]), cells, specs[task])


@pytest.mark.slow
@pytest.mark.parametrize("task", SPECS)
def test_on_100_000_points(task, engine, project, specs, views):
    """The interpreter takes many at once."""
    cells, wanted = cells_of(random_cloud(100_000), specs[task], views)
    arguments = ([("SORT_CHUNK", 1 << 17), ("READ_CHUNK", 1 << 12)],) if engine == "triton" and INTERPRETED else ()
    assert_agree(project(cells, specs[task], wanted, *arguments), cells, specs[task], wanted)


@pytest.mark.parametrize("task", SPECS)
def test_on_one_voxel(task, project, specs):
    cells = one_voxel(specs[task])
    around = torch.arange(-8, 9)
    size = specs[task].resolution
    row, column = ((size // 2 + steps).reshape(1, 1, -1) for steps in torch.meshgrid(around, around, indexing="ij"))
    wanted = replace(cells, row=row, column=column, depth=torch.full_like(row, specs[task].depth_cells // 2))
    assert_agree(project(cells, specs[task], wanted), cells, specs[task], wanted)


@pytest.mark.parametrize("task", SPECS)
def test_on_any_number_of_points_and_clouds(task, engine, project, specs, views):
    spec, most = specs[task], 20 if INTERPRETED and engine == "triton" else 400

    @given(count=st.integers(2, most), batch=st.integers(1, 3), seed=st.integers(0, 10_000))
    @settings(max_examples=6, deadline=None)
    def check(count, batch, seed):
        cells, wanted = cells_of(random_cloud(count, seed, batch), spec, views[:1])
        assert_agree(project(cells, spec, wanted), cells, spec, wanted)

    check()


@pytest.mark.skipif(not real_shapes(), reason="POINTCLIP_SHAPES names no folder of shape files")
@pytest.mark.parametrize("task", SPECS)
@pytest.mark.parametrize("path", real_shapes(), ids=lambda path: path.name)
def test_on_a_users_shape_files(path, task, engine, project, specs, views):
    points = torch.from_numpy(read_shape(path, POINTS[engine]).points)
    cells, wanted = cells_of(points[None], specs[task], views)
    assert_agree(project(cells, specs[task], wanted), cells, specs[task], wanted)
