"""Working one step ahead in a thread."""

import threading
import time

import pytest

from pointclip.features.ahead import ahead


def test_order_and_results():
    assert list(ahead(lambda x: x * x, range(50))) == [(x, x * x) for x in range(50)]


def test_errors_arrive_where_they_happened():
    results = ahead(lambda x: 6 // x, [3, 2, 0, 1])
    assert next(results) == (3, 2)
    assert next(results) == (2, 3)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_errors_of_the_source_arrive():
    def source():
        yield 1
        raise KeyError("gone")

    results = ahead(str, source())
    assert next(results) == (1, "1")
    with pytest.raises(KeyError, match="gone"):
        next(results)


def test_leaving_early_ends_the_thread():
    before = threading.active_count()
    for item, _ in ahead(str, range(10**6)):
        if item == 3:
            break
    assert threading.active_count() == before


def test_no_more_than_depth_ahead():
    started = []
    results = ahead(started.append, range(100), depth=2)
    next(results)
    time.sleep(0.3)
    assert len(started) == 4  # one given, two waiting, one done and waiting to wait


def test_a_stop_iteration_in_the_work_is_an_error_not_the_end():
    with pytest.raises(RuntimeError):
        list(ahead(lambda x: next(iter([])), range(5)))
