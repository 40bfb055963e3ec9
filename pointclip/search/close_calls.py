"""Float32 proposes, float64 decides: comparisons of logits as fast as the one and as sure as the other.

A search asks billions of times whether one logit is larger than another. Matrix products in float32 answer nearly all
of it, since their error has a bound: n · 2^-24 · |a| · |b| for a dot product of n terms, in any order of summation.
The few comparisons that fall within the bound are made again in float64, in one fixed order. So the choice is that of
float64 arithmetic, depends on no thread count or block size, and equal sentences tie exactly.

The rule for ties, here and everywhere in the search: of equal logits the first class wins, as in `numpy.argmax`.
"""

from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from pointclip.errors import InputError

UNIT = 2.0**-24  # half the distance from 1 to the next float32
SPARE = 8  # roundings besides those of the sum: of its inputs, of the bound itself
ROWS, COLUMNS = 4096, 2048  # a block of logits is at most so large, 32 MB


def load_kernels() -> ModuleType:
    """The compiled loops; loading them takes a moment, and compiling them once some seconds."""
    try:
        from pointclip.search import kernels
    except ImportError as error:
        raise InputError(
            "The search needs numba for its counting loops, and it is not installed; pip install numba."
        ) from error
    return kernels


def product_bound(terms: int, left: np.ndarray | float, right: float) -> np.ndarray | float:
    """How far a float32 dot product of so many terms can be from the true one; `left`, `right` are lengths."""
    return (terms + SPARE) * UNIT * left * right


def lengths(rows: np.ndarray) -> np.ndarray:
    """The length of each row: [R, C] -> [R] float64."""
    return np.sqrt(np.einsum("rc,rc->r", rows, rows).astype(float))


def exact_products(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """rows [R, C] · columns [K, C] -> [R, K] float64, every product summed in the same order."""
    out = np.empty((len(rows), len(columns)))
    load_kernels().dots(rows, columns, out)
    return out


def rivals(logits: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The class that wins where class k takes no part: logits [R, K] -> its logits [R], its index [R]."""
    others = logits.copy()
    others[:, k] = -np.inf
    index = others.argmax(1)
    return others[np.arange(len(others)), index], index


def count_wins(
    features: np.ndarray, rival: np.ndarray, first: np.ndarray, group: np.ndarray, groups: int, candidates: Tensor
) -> np.ndarray:
    """In how many rows of each group every candidate's logit is larger than the row's rival.

    Args:
        features: [R, C] float32 or float64.
        rival: [R] float64, the largest of the other classes' logits.
        first: [R] bool, whether the candidate wins a tie.
        group: [R] int64 in 0 … groups − 1, or -1 for rows that do not count.
        candidates: [J, C] float32.

    Returns:
        [groups, J] int32.
    """
    counts = np.zeros((groups, len(candidates)), np.int32)
    longest = max(1.0, float(lengths(candidates.numpy()).max()))  # the rival's sentence has length 1
    bound = product_bound(features.shape[1], lengths(features), longest)
    for i in range(0, len(features), ROWS):
        some = slice(i, i + ROWS)
        narrow = torch.from_numpy(features[some]).float()
        for j in range(0, len(candidates), COLUMNS):
            own = candidates[j : j + COLUMNS]
            logits = (narrow @ own.T).numpy()
            part = np.zeros((groups, len(own)), np.int32)
            load_kernels().count_wins(
                logits, rival[some], bound[some], first[some], group[some], features[some], own.numpy(), part
            )
            counts[:, j : j + COLUMNS] += part
    return counts
