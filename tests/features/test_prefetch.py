"""Prefetching in a thread."""

import threading
import time

import pytest

from pointclip.features.prefetch import prefetch


def test_order_and_results():
    assert list(prefetch(lambda x: x * x, range(50))) == [(x, x * x) for x in range(50)]


def test_error_is_raised_at_its_item():
    results = prefetch(lambda x: 6 // x, [3, 2, 0, 1])
    assert next(results) == (3, 2)
    assert next(results) == (2, 3)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_error_of_the_source_is_raised():
    def source():
        yield 1
        raise KeyError("gone")

    results = prefetch(str, source())
    assert next(results) == (1, "1")
    with pytest.raises(KeyError, match="gone"):
        next(results)


def test_leaving_early_stops_the_thread():
    before = threading.active_count()
    for item, _ in prefetch(str, range(10**6)):
        if item == 3:
            break
    assert threading.active_count() == before


def test_at_most_depth_items_ahead():
    started = []
    results = prefetch(started.append, range(100), depth=2)
    next(results)
    time.sleep(0.3)
    assert len(started) == 4  # one yielded, two queued, one finished and waiting for the queue


def test_stop_iteration_in_the_work_is_an_error():
    with pytest.raises(RuntimeError):
        list(prefetch(lambda x: next(iter([])), range(5)))
