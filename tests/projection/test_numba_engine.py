"""The CPU engine against the reference engine, and its behaviour with threads and processes."""

import importlib.util
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from pointclip.errors import InputError
from pointclip.projection import Cells, numba_engine
from tests.projection.clouds import SPECS, assert_agree, cells_of, random_cloud, run_numba
from zeroshot_cls.realistic_projection import SPEC as CLASSIFICATION
from zeroshot_seg.realistic_projection import SPEC as SEGMENTATION

numba = pytest.importorskip("numba")


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
    cells, wanted = cells_of(random_cloud(60, seed), spec)
    assert_agree(run_numba(cells, spec, wanted), cells, spec, wanted)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("task", SPECS)
def test_agrees_with_gaps_in_depth_and_arbitrary_values(task, seed):
    spec, random = SPECS[task], np.random.default_rng(seed)
    layers = np.sort(random.choice(spec.depth_cells, 4, replace=False))

    def places(low, high, count):
        return torch.from_numpy(random.integers(low, high, (1, 3, count)))

    row, column = places(40, 60, 12), places(40, 60, 12)
    value = torch.from_numpy(random.uniform(1, 6, (1, 3, 12))).float()
    cells = Cells(row, column, torch.from_numpy(layers)[places(0, 4, 12)], value)
    everywhere = Cells(places(30, 70, 4000), places(30, 70, 4000), places(0, spec.depth_cells, 4000), value)
    assert_agree(run_numba(cells, spec, everywhere), cells, spec, everywhere)


def test_lookup_outside_occupied_cells_reads_background():
    cells, _ = cells_of(random_cloud(30), CLASSIFICATION)
    corner = torch.tensor([0, 5, 109, 111, 300, -1])[None, None].expand(1, 2, -1)
    lookup = replace(cells, row=corner, column=corner.flip(-1), depth=corner % 9, value=corner.float())
    assert_agree(run_numba(cells, CLASSIFICATION, lookup), cells, CLASSIFICATION, lookup)
    outside = replace(lookup, depth=torch.full_like(corner, 500))
    assert numba_engine.project(cells, CLASSIFICATION, outside)[1].eq(1).all()


@pytest.mark.parametrize("task", SPECS)
def test_result_does_not_depend_on_the_number_of_threads(task, threads):
    cells, wanted = cells_of(random_cloud(500, batch=4), SPECS[task])
    results = []
    for count in (1, 2, 7):
        threads(count)
        results.append(numba_engine.project(cells, SPECS[task], wanted))
    for maps, values in results[1:]:
        assert torch.equal(maps, results[0][0])
        assert torch.equal(values, results[0][1])


@pytest.mark.parametrize("task", SPECS)
def test_result_does_not_depend_on_the_batch(task):
    points = random_cloud(300, batch=3)
    together, _ = numba_engine.project(cells_of(points, SPECS[task])[0], SPECS[task])
    for cloud, maps in zip(points, together, strict=True):
        assert torch.equal(numba_engine.project(cells_of(cloud[None], SPECS[task])[0], SPECS[task])[0][0], maps)


def test_an_empty_batch_gives_an_empty_batch():
    cells, wanted = cells_of(random_cloud(9), CLASSIFICATION)
    none = [replace(c, **{name: getattr(c, name)[:0] for name in vars(c)}) for c in (cells, wanted)]
    maps, values = numba_engine.project(none[0], CLASSIFICATION, none[1])
    assert maps.shape == (0, 2, 110, 110)
    assert values.shape == (0, 2, 9)


def test_inputs_are_unchanged_and_may_be_non_contiguous():
    cells, wanted = cells_of(random_cloud(100), SEGMENTATION)
    expected = numba_engine.project(cells, SEGMENTATION, wanted)
    wide = replace(cells, **{n: getattr(cells, n).repeat_interleave(2, -1)[..., ::2] for n in vars(cells)})
    before = {name: getattr(wide, name).clone() for name in vars(wide)}
    assert torch.equal(numba_engine.project(wide, SEGMENTATION, wanted)[0], expected[0])
    assert all(torch.equal(getattr(wide, name), before[name]) for name in before)


class Maps(Dataset):
    """Depth maps computed in the calling process, and the number of helper threads there."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        cells, _ = cells_of(random_cloud(200, seed=index), CLASSIFICATION)
        maps, _ = numba_engine.project(cells, CLASSIFICATION)
        return maps, sum(thread.name.startswith(f"projection-{os.getpid()}") for thread in threading.enumerate())


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_dataloader_workers_start_no_threads(start, threads):
    if start not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"no {start} on this system")
    threads(2)
    here = [Maps()[index] for index in range(3)]  # this process has started helpers before the workers
    assert here[-1][1] >= 1
    loaded = DataLoader(Maps(), batch_size=None, num_workers=2, multiprocessing_context=start, timeout=120)
    for (expected, _), (maps, helpers) in zip(here, loaded, strict=True):
        assert torch.equal(expected, maps)
        assert helpers == 0


def test_numba_starts_no_threads():
    Maps()[0]
    with pytest.raises(ValueError, match="Threading layer is not initialized"):
        numba.threading_layer()


def test_forked_child_gets_new_helpers(threads):
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
    numba_engine.torch.get_num_threads = lambda: 2  # torch must not start threads in a forked process
    numba_engine._run_on_threads(work.append, 5)
    assert sorted(work) == [0, 1, 2, 3, 4]


def test_concurrent_calls(threads):
    threads(3)
    inputs = [cells_of(random_cloud(200, seed), SEGMENTATION) for seed in range(6)]
    expected = [numba_engine.project(cells, SEGMENTATION, wanted) for cells, wanted in inputs]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda pair: numba_engine.project(pair[0], SEGMENTATION, pair[1]), inputs))
    for (maps, values), (expected_maps, expected_values) in zip(results, expected, strict=True):
        assert torch.equal(maps, expected_maps)
        assert torch.equal(values, expected_values)


@pytest.mark.parametrize(("allowed", "views", "helpers"), [(1, 20, 0), (3, 20, 2), (8, 2, 1)])
def test_at_most_torchs_number_of_threads(allowed, views, helpers, threads, monkeypatch):
    threads(allowed)
    submitted = []
    with ThreadPoolExecutor(8) as pool:
        submit = pool.submit
        monkeypatch.setattr(pool, "submit", lambda take: submitted.append(take) or submit(take))
        monkeypatch.setattr(numba_engine, "_pool", lambda process: pool)
        done = []
        numba_engine._run_on_threads(done.append, views)
    assert len(submitted) == helpers
    assert sorted(done) == list(range(views))


def test_error_in_a_helper_is_raised(threads):
    threads(4)
    with pytest.raises(ZeroDivisionError):
        numba_engine._run_on_threads(lambda ticket: 1 // (ticket - 37), 100)


@pytest.mark.parametrize(("name", "place"), [("row", 112), ("column", -1), ("depth", 8)])
def test_cells_outside_the_grid_are_rejected(name, place):
    cells, _ = cells_of(random_cloud(20), CLASSIFICATION)
    places = getattr(cells, name).clone()
    places[0, 1, 7] = place
    with pytest.raises(InputError, match="outside the voxel grid of 112 rows"):
        numba_engine.project(replace(cells, **{name: places}), CLASSIFICATION)


def test_says_why_it_cannot_run(monkeypatch):
    cpu = torch.device("cpu")
    assert numba_engine.why_unavailable(cpu, False) is None
    assert "gradients" in numba_engine.why_unavailable(cpu, True)
    assert "cuda" in numba_engine.why_unavailable(torch.device("cuda"), False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "numba is not installed" in numba_engine.why_unavailable(cpu, False)


def test_rejects_points_that_require_gradients():
    cells, _ = cells_of(random_cloud(20), CLASSIFICATION)
    with pytest.raises(InputError, match="gradients"):
        numba_engine.project(replace(cells, value=cells.value.requires_grad_()), CLASSIFICATION)
