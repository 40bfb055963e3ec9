"""The CPU engine against the reference engine, and its behaviour among threads and processes."""

import importlib.util
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from pointclip.errors import InputError
from pointclip.projection import CLASSIFICATION, SEGMENTATION, Cells, numba_engine, reference, to_cells
from pointclip.views import view_rotations

pytest.importorskip("numba")

SPECS = {"classification": CLASSIFICATION, "segmentation": SEGMENTATION}
VIEWS = view_rotations([[(0.3, 0.1, math.pi / 2), (0, 0.35, 0)], [(0, -math.pi / 2, 0.2), (0.2, 0, 0)]])


def random_cloud(count, seed=0, batch=1):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(batch, count, 3))).float()


def clouds():
    line = torch.linspace(-1, 1, 300)[:, None] * torch.tensor([1.0, 0.5, -0.2])
    plane = random_cloud(1500)[0] * torch.tensor([1.0, 1.0, 0.0])
    corners = torch.tensor([[1.0, 1, 1], [-1, -1, -1]])
    return {
        "line": line,
        "plane": plane,
        "two points": corners,
        "almost one voxel": torch.cat([torch.full((50, 3), 0.4), torch.full((1, 3), 0.4 + 1e-6)]),
        "16 points": random_cloud(16)[0],
        "2048 points": random_cloud(2048)[0],
        "20,000 points": random_cloud(20_000)[0],
        "far from the origin": random_cloud(100)[0] * 1e-3 + 1e4,
    }


def cells_of(points, spec, lookup=False):
    cells = to_cells(points, VIEWS, spec)
    return cells, replace(cells, depth=cells.depth.clamp(1, spec.depth_cells - 3)) if lookup else None


def assert_agree(cells, spec, lookup=None):
    maps, values = numba_engine.project(cells, spec, lookup)
    expected_maps, expected_values = reference.project(cells, spec, lookup)
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps, expected_maps, atol=2e-6, rtol=0, equal_nan=True)
    if lookup is None:
        assert values is None
    else:
        torch.testing.assert_close(values, expected_values, atol=2e-6, rtol=0, equal_nan=True)


@pytest.fixture
def threads():
    """Set torch's number of threads; put it back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("lookup", [False, True])
@pytest.mark.parametrize("task", SPECS)
@pytest.mark.parametrize("name", clouds())
def test_agrees_with_the_reference(name, task, lookup):
    cells, wanted = cells_of(clouds()[name][None], SPECS[task], lookup)
    assert_agree(cells, SPECS[task], wanted)


@given(
    count=st.integers(2, 200), batch=st.integers(1, 2), seed=st.integers(0, 10_000), task=st.sampled_from(list(SPECS))
)
@settings(max_examples=6, deadline=None)
def test_agrees_for_any_size(count, batch, seed, task):
    cells, wanted = cells_of(random_cloud(count, seed, batch), SPECS[task], lookup=True)
    assert_agree(cells, SPECS[task], wanted)


@given(
    densify=st.tuples(st.integers(1, 6), st.integers(1, 13)),
    smooth=st.tuples(st.integers(1, 7), st.integers(1, 12)),
    paddings=st.tuples(*[st.integers(0, 6)] * 4),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_agrees_for_other_windows(densify, smooth, paddings, seed):
    a, b, c, d = paddings
    spec = replace(
        CLASSIFICATION,
        resolution=32,
        depth_cells=15,
        densify_window=(densify[0], densify[1], densify[1]),
        densify_padding=(min(a, densify[0] - 1), min(b, densify[1] - 1), min(b, densify[1] - 1)),
        smooth_window=(smooth[0], smooth[1], smooth[1]),
        smooth_padding=(min(c, smooth[0] - 1), min(d, smooth[1] - 1), min(d, smooth[1] - 1)),
    )
    cells, wanted = cells_of(random_cloud(60, seed), spec, lookup=True)
    assert_agree(cells, spec, wanted)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("task", SPECS)
def test_agrees_where_depth_has_gaps_and_values_are_arbitrary(task, seed):
    spec, random = SPECS[task], np.random.default_rng(seed)
    layers = np.sort(random.choice(spec.depth_cells, 4, replace=False))

    def places(low, high, count):
        return torch.from_numpy(random.integers(low, high, (1, 3, count)))

    row, column = places(40, 60, 12), places(40, 60, 12)
    value = torch.from_numpy(random.uniform(1, 6, (1, 3, 12))).float()
    cells = Cells(row, column, torch.from_numpy(layers)[places(0, 4, 12)], value)
    everywhere = Cells(places(30, 70, 4000), places(30, 70, 4000), places(0, spec.depth_cells, 4000), value)
    assert_agree(cells, spec, everywhere)


def test_lookup_outside_what_is_there_reads_background():
    cells, _ = cells_of(random_cloud(30), CLASSIFICATION)
    corner = torch.tensor([0, 5, 109, 111, 300, -1])[None, None].expand(1, 2, -1)
    lookup = replace(cells, row=corner, column=corner.flip(-1), depth=corner % 9, value=corner.float())
    assert_agree(cells, CLASSIFICATION, lookup)
    outside = replace(lookup, depth=torch.full_like(corner, 500))
    assert numba_engine.project(cells, CLASSIFICATION, outside)[1].eq(1).all()


@pytest.mark.parametrize("task", SPECS)
def test_the_number_of_threads_changes_no_bit(task, threads):
    cells, wanted = cells_of(random_cloud(500, batch=4), SPECS[task], lookup=True)
    results = []
    for count in (1, 2, 7):
        threads(count)
        results.append(numba_engine.project(cells, SPECS[task], wanted))
    for maps, values in results[1:]:
        assert torch.equal(maps, results[0][0])
        assert torch.equal(values, results[0][1])


@pytest.mark.parametrize("task", SPECS)
def test_a_cloud_alone_and_in_a_batch_gives_the_same_bits(task):
    points = random_cloud(300, batch=3)
    together, _ = numba_engine.project(cells_of(points, SPECS[task])[0], SPECS[task])
    for cloud, maps in zip(points, together, strict=True):
        assert torch.equal(numba_engine.project(cells_of(cloud[None], SPECS[task])[0], SPECS[task])[0][0], maps)


def test_an_empty_batch_gives_an_empty_batch():
    cells, wanted = cells_of(random_cloud(9), CLASSIFICATION, lookup=True)
    none = [replace(c, **{name: getattr(c, name)[:0] for name in vars(c)}) for c in (cells, wanted)]
    maps, values = numba_engine.project(none[0], CLASSIFICATION, none[1])
    assert maps.shape == (0, 2, 110, 110)
    assert values.shape == (0, 2, 9)


def test_inputs_stay_as_they_are_and_need_not_be_contiguous():
    cells, wanted = cells_of(random_cloud(100), SEGMENTATION, lookup=True)
    expected = numba_engine.project(cells, SEGMENTATION, wanted)
    wide = replace(cells, **{n: getattr(cells, n).repeat_interleave(2, -1)[..., ::2] for n in vars(cells)})
    before = {name: getattr(wide, name).clone() for name in vars(wide)}
    assert torch.equal(numba_engine.project(wide, SEGMENTATION, wanted)[0], expected[0])
    assert all(torch.equal(getattr(wide, name), before[name]) for name in before)


class Maps(Dataset):
    """Projects in whatever process asks."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return numba_engine.project(cells_of(random_cloud(200, seed=index), CLASSIFICATION)[0], CLASSIFICATION)[0]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_works_in_dataloader_workers(start, threads):
    if start not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"no {start} on this system")
    threads(2)
    here = [Maps()[index] for index in range(3)]  # this process has started helpers before the workers come
    loaded = DataLoader(Maps(), batch_size=None, num_workers=1, multiprocessing_context=start, timeout=120)
    for expected, maps in zip(here, loaded, strict=True):
        assert torch.equal(expected, maps)


def test_a_forked_child_gets_helpers_of_its_own(threads):
    if "fork" not in torch.multiprocessing.get_all_start_methods():
        pytest.skip("no fork on this system")
    threads(2)
    Maps()[0]
    context = torch.multiprocessing.get_context("fork")
    child = context.Process(target=_project_on_two_threads)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def _project_on_two_threads():
    work = []
    numba_engine.torch.get_num_threads = lambda: 2  # torch itself must not start threads in a forked process
    numba_engine._share_out(work.append, 5)
    assert sorted(work) == [0, 1, 2, 3, 4]


def test_many_threads_may_call_at_once(threads):
    threads(3)
    inputs = [cells_of(random_cloud(200, seed), SEGMENTATION, lookup=True) for seed in range(6)]
    expected = [numba_engine.project(cells, SEGMENTATION, wanted) for cells, wanted in inputs]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda pair: numba_engine.project(pair[0], SEGMENTATION, pair[1]), inputs))
    for (maps, values), (expected_maps, expected_values) in zip(results, expected, strict=True):
        assert torch.equal(maps, expected_maps)
        assert torch.equal(values, expected_values)


@pytest.mark.parametrize(("allowed", "views", "helpers"), [(1, 20, 0), (3, 20, 2), (8, 2, 1)])
def test_no_more_threads_than_torch_is_allowed(allowed, views, helpers, threads, monkeypatch):
    threads(allowed)
    submitted = []
    with ThreadPoolExecutor(8) as pool:
        submit = pool.submit
        monkeypatch.setattr(pool, "submit", lambda take: submitted.append(take) or submit(take))
        monkeypatch.setattr(numba_engine, "_pool", lambda process: pool)
        done = []
        numba_engine._share_out(done.append, views)
    assert len(submitted) == helpers
    assert sorted(done) == list(range(views))


def test_an_error_in_a_helper_reaches_the_caller(threads):
    threads(4)
    with pytest.raises(ZeroDivisionError):
        numba_engine._share_out(lambda ticket: 1 // (ticket - 37), 100)


@pytest.mark.parametrize(("name", "place"), [("row", 112), ("column", -1), ("depth", 8)])
def test_cells_outside_the_grid_are_refused(name, place):
    cells, _ = cells_of(random_cloud(20), CLASSIFICATION)
    places = getattr(cells, name).clone()
    places[0, 1, 7] = place
    with pytest.raises(InputError, match="outside the voxel grid of 112 rows"):
        numba_engine.project(replace(cells, **{name: places}), CLASSIFICATION)


def test_says_why_it_cannot_run(monkeypatch):
    cpu = torch.device("cpu")
    assert numba_engine.unable(cpu, False) is None
    assert "gradients" in numba_engine.unable(cpu, True)
    assert "cuda" in numba_engine.unable(torch.device("cuda"), False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "numba is not installed" in numba_engine.unable(cpu, False)


def test_refuses_points_that_require_gradients():
    cells, _ = cells_of(random_cloud(20), CLASSIFICATION)
    with pytest.raises(InputError, match="gradients"):
        numba_engine.project(replace(cells, value=cells.value.requires_grad_()), CLASSIFICATION)


def test_goes_without_a_cache_where_none_can_be_written(monkeypatch):
    numba_engine.warm_up()
    kernels = numba_engine._kernels()
    compile_really = kernels.njit

    def no_place(signature, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available for file 'x.py'")
        return compile_really(signature, **options)

    monkeypatch.setattr(kernels, "njit", no_place)
    with pytest.warns(UserWarning, match="NUMBA_CACHE_DIR"):
        double = kernels.kept_on_disk("int64(int64)")(lambda number: 2 * number)
    assert double(21) == 42
