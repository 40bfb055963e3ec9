"""The draw of shots: which training shapes a head learns from, and which it is validated on."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pointclip.errors import InputError

MAX_VALIDATION = 4  # validation shots per class are min(K, 4)


@dataclass(frozen=True)
class Shots:
    """Indices of training shapes, class by class."""

    dataset: str
    shots: int  # K, shapes per class; 0 for all
    seed: int
    train: list[int]
    validation: list[int]  # empty where nothing is selected on validation shots

    @property
    def words(self) -> str:
        """The draw as text: "16 shots, seed 0"."""
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

    The draw depends only on the data set's name, K and the seed, class by class, so that all settings, methods and
    encoders see the same shapes. Draws are nested in K: the shapes of 4 shots are among those of 8.

    Args:
        labels: [n] of the training split; shapes of unknown class (-1) are never drawn.
        class_names: in label order.
        shots: K, shapes per class; 0 takes all and validates on none.
        seed: 0 or more.
        dataset: the data set's name.
        validate: whether to draw validation shots.
        copies: how many consecutive rows may show the same object. Shapes of a draw are at least this far apart, so
            copies never end up in both train and validation. ScanObjectNN's PB_T50_RS has five augmented copies of
            each object, and its files do not say which; they are assumed to be consecutive.

    Raises:
        InputError: for a class with too few shapes.
    """
    if shots < 0 or seed < 0:
        raise InputError(f"Shots {shots} and seed {seed} were given; both must be 0 or more.")
    validation_shots = min(shots, MAX_VALIDATION) if validate else 0
    train, validation = [], []
    for number, name in enumerate(class_names):
        rows = np.flatnonzero(labels == number)
        order = rows[_rng(dataset, seed, name).permutation(len(rows))]
        to_train = _spaced(order, shots or len(order), copies, [])
        to_validate = _spaced(order[::-1], validation_shots, copies, to_train)
        if len(to_train) < max(shots, 1) or len(to_validate) < validation_shots:
            raise InputError(_too_few(name, len(rows), shots, validation_shots))
        train += to_train
        validation += to_validate
    return Shots(dataset, shots, seed, train, validation)


def _rng(dataset: str, seed: int, class_name: str) -> np.random.Generator:
    """A generator seeded by data set, seed and class, the same on every machine."""
    digest = hashlib.blake2b(f"{dataset}\0{seed}\0{class_name}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def _spaced(order: Iterable[int], count: int, distance: int, taken: Sequence[int]) -> list[int]:
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
        return f"The class {name!r} has no training shape; add some, or leave the class out."
    needed = f"{shots} shots" + (f" and {validation} to validate on" if validation else "")
    advice = ", or do without validation (PROTOCOL cross_validation)" if validation else ""
    return f"The class {name!r} has {count}, too few for {needed}; take fewer shots{advice}."


def listing(
    shots: Shots, labels: np.ndarray, class_names: Sequence[str], names: dict[int, str], split: str = "train"
) -> dict:
    """The draw as JSON: for every class the indices and names of its shapes.

    Args:
        names: index -> name, of all shapes drawn.
        split: the split they were drawn from.
    """

    def of_class(number: int, indices: Sequence[int]) -> Iterator[dict]:
        return ({"index": index, "name": names[index]} for index in indices if labels[index] == number)

    classes = {
        name: {side: list(of_class(number, getattr(shots, side))) for side in ("train", "validation")}
        for number, name in enumerate(class_names)
    }
    return {"dataset": shots.dataset, "split": split, "shots": shots.shots, "seed": shots.seed, "classes": classes}
