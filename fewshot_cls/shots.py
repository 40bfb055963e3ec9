"""Which training shapes a head learns from, and which it is chosen on."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pointclip.errors import InputError

MOST_VALIDATION = 4  # validation shots a class are min(K, 4)


@dataclass(frozen=True)
class Shots:
    """Indices of a data set's training shapes, class after class."""

    dataset: str
    shots: int  # K, shapes a class; 0 for all
    seed: int
    train: list[int]
    validation: list[int]  # empty where nothing is chosen by validation

    @property
    def words(self) -> str:
        """The draw in words: "16 shots, seed 0"."""
        count = "all shapes" if not self.shots else f"{self.shots} shot{'s' * (self.shots != 1)}"
        return f"{count}, seed {self.seed}"


def draw_shots(
    labels: np.ndarray,
    class_names: Sequence[str],
    shots: int,
    seed: int,
    dataset: str,
    validate: bool = True,
    copies: int = 1,
) -> Shots:
    """Draw K training shapes of each class, and min(K, 4) others to validate on.

    The draw follows from the data set's name, K and the seed alone, class by class, so that other settings, methods and
    encoders see the same shapes. Both sides are nested in K: the shapes of 4 shots are among those of 8.

    Args:
        labels: [n] of the training split; shapes of unknown class (-1) are never drawn.
        class_names: K of them, in label order.
        shots: shapes a class; 0 takes all there are and validates on none.
        seed: 0 or more.
        dataset: the data set's name.
        validate: whether to draw validation shots.
        copies: how many neighbouring rows may show the same object. No two shapes of a draw are closer, so a copy
            never lies on the other side. ScanObjectNN's PB_T50_RS has five augmented copies of an object and nothing in
            its files that says which; that they lie next to each other is assumed.

    Raises:
        InputError: for a class with too few shapes.
    """
    if shots < 0 or seed < 0:
        raise InputError(f"{shots} shots and seed {seed} came; 0 or more was expected.")
    validation = min(shots, MOST_VALIDATION) if validate else 0
    train, rest = [], []
    for number, name in enumerate(class_names):
        rows = np.flatnonzero(labels == number)
        order = rows[_rng(dataset, seed, name).permutation(len(rows))]
        ours = _spaced(order, shots or len(order), copies, [])
        others = _spaced(order[::-1], validation, copies, ours)
        if len(ours) < max(shots, 1) or len(others) < validation:
            raise InputError(_too_few(name, len(rows), shots, validation))
        train += ours
        rest += others
    return Shots(dataset, shots, seed, train, rest)


def _rng(dataset: str, seed: int, class_name: str) -> np.random.Generator:
    """A generator that a data set, a seed and a class determine, on every machine."""
    digest = hashlib.blake2b(f"{dataset}\0{seed}\0{class_name}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def _spaced(order: Sequence[int], count: int, distance: int, taken: Sequence[int]) -> list[int]:
    """The first `count` rows, each at least `distance` away from those `taken` and from each other."""
    rows: list[int] = []
    for row in map(int, order):
        if len(rows) == count:
            break
        if all(abs(row - other) >= distance for other in (*taken, *rows)):
            rows.append(row)
    return rows


def _too_few(name: str, found: int, shots: int, validation: int) -> str:
    count = f"{found} training shape{'s' * (found != 1)}"
    if not found:
        return f"The class {name!r} has no training shape; give it some, or leave the class out."
    needed = f"{shots} shots" + (f" and {validation} to validate on" if validation else "")
    advice = ", or choose nothing by validation (PROTOCOL fixed)" if validation else ""
    return f"The class {name!r} has {count}, too few for {needed}; take fewer shots{advice}."


def listing(
    shots: Shots, labels: np.ndarray, class_names: Sequence[str], names: dict[int, str], split: str = "train"
) -> dict:
    """The draw as it is written out: for every class its shapes' indices and names.

    Args:
        names: index -> name, of all shapes drawn.
        split: that they were drawn from.
    """

    def of_class(number: int, indices: Sequence[int]) -> Iterator[dict]:
        return ({"index": index, "name": names[index]} for index in indices if labels[index] == number)

    classes = {
        name: {side: list(of_class(number, getattr(shots, side))) for side in ("train", "validation")}
        for number, name in enumerate(class_names)
    }
    return {"dataset": shots.dataset, "split": split, "shots": shots.shots, "seed": shots.seed, "classes": classes}
