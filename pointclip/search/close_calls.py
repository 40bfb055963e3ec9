"""Float32 proposes, float64 decides: comparisons of logits at the speed of one and the precision of the other.

A search compares billions of pairs of logits. Matrix products in float32 settle nearly all comparisons, because their
error is bounded: by n · 2^-24 · |a| · |b| for a dot product of n terms, in any order of summation. The few comparisons
within that bound are repeated in float64 in a fixed order. The result is therefore that of float64 arithmetic, it does
not depend on the number of threads or the block size, and identical sentences tie exactly.

Ties, here and everywhere in the search: the first class wins, as in `numpy.argmax`.
"""

from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from pointclip.errors import InputError

UNIT_ROUNDOFF = 2.0**-24  # half the distance from 1 to the next float32
EXTRA_ROUNDINGS = 8  # in addition to those of the sum: of its inputs and of the bound itself
MAX_ROWS, MAX_COLUMNS = 4096, 2048  # of a block of logits: 32 MB


def load_kernels() -> ModuleType:
    """The module of compiled loops; the first import compiles it, which takes some seconds."""
    try:
        from pointclip.search import kernels
    except ImportError as error:
        raise InputError("The search needs numba, which is not installed; pip install numba.") from error
    return kernels


def product_bound(terms: int, left: np.ndarray | float, right: float) -> np.ndarray | float:
    """Error bound of a float32 dot product of `terms` terms; `left` and `right` are the norms of the two vectors."""
    return (terms + EXTRA_ROUNDINGS) * UNIT_ROUNDOFF * left * right


def norms(rows: np.ndarray) -> np.ndarray:
    """The Euclidean norm of each row: [R, C] -> [R] float64."""
    return np.sqrt(np.einsum("rc,rc->r", rows, rows).astype(float))


def exact_products(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """rows [R, C] · columns [K, C] -> [R, K] float64, each dot product summed in the same order."""
    out = np.empty((len(rows), len(columns)))
    load_kernels().dots(rows, columns, out)
    return out


def strongest_rivals(logits: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best class other than k in each row: logits [R, K] -> its logits [R] and index [R]."""
    others = logits.copy()
    others[:, k] = -np.inf
    index = others.argmax(1)
    return others[np.arange(len(others)), index], index


def count_wins(
    features: np.ndarray, rival: np.ndarray, wins_ties: np.ndarray, group: np.ndarray, groups: int, candidates: Tensor
) -> np.ndarray:
    """Count for every candidate, per group, the rows in which its logit exceeds the rival's.

    Args:
        features: [R, C] float32 or float64.
        rival: [R] float64, the largest of the other classes' logits.
        wins_ties: [R] bool, whether the candidate wins a tie.
        group: [R] int64 in 0 … groups − 1, or -1 for rows to ignore.
        candidates: [J, C] float32.

    Returns:
        [groups, J] int32.
    """
    counts = np.zeros((groups, len(candidates)), np.int32)
    largest = max(1.0, float(norms(candidates.numpy()).max()))  # the rival's sentence has norm 1
    bound = np.asarray(product_bound(features.shape[1], norms(features), largest))
    for i in range(0, len(features), MAX_ROWS):
        rows = slice(i, i + MAX_ROWS)
        single = torch.from_numpy(features[rows]).float()
        for j in range(0, len(candidates), MAX_COLUMNS):
            block = candidates[j : j + MAX_COLUMNS]
            logits = (single @ block.T).numpy()
            block_counts = np.zeros((groups, len(block)), np.int32)
            references = (rival[rows], bound[rows], wins_ties[rows], group[rows])
            load_kernels().count_wins(logits, *references, features[rows], block.numpy(), block_counts)
            counts[:, j : j + MAX_COLUMNS] += block_counts
    return counts
