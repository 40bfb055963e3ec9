"""Which shapes a page shows."""

from collections.abc import Sequence

import numpy as np


def varied(order: Sequence[int] | np.ndarray, groups: Sequence | np.ndarray, count: int) -> list[int]:
    """The first `count` places of an order, each of another group while there are any; then the first of the rest.

    Args:
        order: places, best first.
        groups: the group of each place, such as its class.
    """
    seen, first, rest = set(), list[int](), list[int]()
    for place in map(int, order):
        (rest if groups[place] in seen else first).append(place)
        seen.add(groups[place])
    return [*first, *rest][:count]
