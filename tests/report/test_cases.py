"""The shapes that a page shows."""

import pytest

from pointclip.report.cases import varied


@pytest.mark.parametrize(
    ("order", "groups", "expected"),
    [
        ([3, 1, 0, 2], "aabb", [3, 1, 0]),
        ([0, 1, 2, 3], "aaab", [0, 3, 1]),
        ([2, 0], "aab", [2, 0]),
        ([], "aab", []),
    ],
)
def test_shapes_are_of_different_groups_first(order, groups, expected):
    assert varied(order, groups, 3) == expected
