"""Synthetic shapes of ShapeNetPart's sixteen categories, with a part label for every point; no files needed.

A shape is determined by its category and seed. y is up; objects with a front face −z, with their width along x; guitars
and rockets mostly stand, knives stand or lie. ShapeNet's front direction differs between its versions, so code should
not rely on it here either; only the up axis matters to the views.

`SyntheticShapes` is the data set "synthetic".
"""

from collections.abc import Callable

import numpy as np

from pointclip.datasets.base import Shape, register
from pointclip.datasets.shapenetpart_labels import CATEGORIES, PART_NAMES
from pointclip.datasets.synthetic import (
    accessories,
    aircraft,
    furniture,
    lamps,
    objects,
    vehicles,
)
from pointclip.datasets.synthetic.hard import hardened
from pointclip.datasets.synthetic.primitives import Mesh, join, sample
from pointclip.errors import InputError

__all__ = ["CATEGORIES", "PART_NAMES", "SyntheticShapes", "generate"]

SPLITS = ("train", "val", "test")
HARD = "test_hard"  # the first shapes of "test", hardened
POINTS = 2048
_MOST = 1_000_000  # seeds of each class in one split of one set
_PER_CLASS = {"train": 200, "val": 20, "test": 20, HARD: 8}
_BUILDERS: dict[str, Callable[[np.random.Generator], list[tuple[str, Mesh]]]] = {
    "airplane": aircraft.build_airplane,
    "bag": accessories.build_bag,
    "cap": accessories.build_cap,
    "car": vehicles.build_car,
    "chair": furniture.build_chair,
    "earphone": accessories.build_earphone,
    "guitar": objects.build_guitar,
    "knife": objects.build_knife,
    "lamp": lamps.build_lamp,
    "laptop": objects.build_laptop,
    "motorbike": vehicles.build_motorbike,
    "mug": objects.build_mug,
    "pistol": objects.build_pistol,
    "rocket": aircraft.build_rocket,
    "skateboard": vehicles.build_skateboard,
    "table": furniture.build_table,
}


def generate(category: str, seed: int, num_points: int = 2048) -> Shape:
    """Generate one shape.

    Args:
        category: one of `CATEGORIES`.
        seed: a non-negative integer; each seed gives a different shape.
        num_points: number of points to sample; a smaller sample is a prefix of a larger one.

    Returns:
        A shape whose label is the category's index, with points [num_points, 3] in random order, uniform on the
        surface, inside the unit sphere around the centre of the shape's bounding box, and part labels [num_points]
        within the category (see `PART_NAMES`).

    Raises:
        InputError: for an unknown category, a negative seed or no points.
    """
    if category not in _BUILDERS:
        raise InputError(f"Unknown category {category!r}; synthetic shapes are one of {', '.join(CATEGORIES)}.")
    if seed < 0 or num_points < 1:
        raise InputError(f"The seed is {seed} and num_points {num_points}; expected at least 0 and 1.")
    label = CATEGORIES.index(category)
    structure, drawing = (np.random.default_rng([label, int(seed), stream]) for stream in (0, 1))
    named = _BUILDERS[category](structure)
    mesh, owner = join([mesh for _, mesh in named])
    vertices = mesh.vertices * structure.uniform(0.92, 1.08, 3)  # [V, 3]
    vertices = vertices - (vertices.max(0) + vertices.min(0)) / 2
    vertices /= np.sqrt((vertices**2).sum(1).max()) * (1 + 1e-5)
    points, face = sample(Mesh(vertices, mesh.faces), num_points, drawing)
    number = np.array([PART_NAMES[category].index(part) for part, _ in named], np.int64)
    points = np.round(points, 5)  # hides the last bits, in which sine and cosine differ across platforms
    return Shape(points.astype(np.float32), label, f"{category}-{seed}", number[owner[face]])


def generate_hard(category: str, seed: int, num_points: int = POINTS) -> Shape:
    """The shape of `generate`, hardened; see `pointclip.datasets.synthetic.hard.hardened`."""
    whole = generate(category, seed, 2 * num_points)
    rng = np.random.default_rng([whole.label, int(seed), 2])
    neighbour = CATEGORIES[(whole.label + rng.integers(1, len(CATEGORIES))) % len(CATEGORIES)]
    return hardened(whole, generate(neighbour, seed, num_points), num_points, rng)


@register("synthetic")
class SyntheticShapes:
    """Synthetic shapes as a data set; the classes alternate, so that any prefix is balanced.

    Args:
        root: not used; there are no files.
        split: "train", "val" or "test", which are disjoint, whatever `seed` and `per_class` are; or "test_hard", the
            shapes of "test" turned, with holes and noise, beside other things.
        per_class: shapes per class, by default 200 for "train", 20 for "val" and "test", and 8 for "test_hard".
        num_points: points per shape, 2048 by default.
        seed: a different seed gives different shapes.

    Raises:
        InputError: for an unknown split or numbers out of range.
    """

    def __init__(
        self,
        root: str | None = None,
        split: str = "test",
        per_class: int | None = None,
        num_points: int | None = None,
        seed: int = 0,
    ) -> None:
        num_points = POINTS if num_points is None else num_points
        if split not in _PER_CLASS:
            raise InputError(f"Unknown split {split!r}; the synthetic shapes have {', '.join(_PER_CLASS)}.")
        per_class = _PER_CLASS[split] if per_class is None else per_class
        if not 1 <= per_class <= _MOST or seed < 0 or num_points < 1:
            raise InputError(
                f"per_class is {per_class}, seed {seed} and num_points {num_points}, but expected are 1 to {_MOST} "
                "shapes of each class, a seed from 0 on and at least one point."
            )
        self.class_names = CATEGORIES
        self.part_names = dict(PART_NAMES)
        self.per_class, self.num_points = per_class, num_points
        self.labels = np.arange(per_class * len(CATEGORIES)) % len(CATEGORIES)
        self._is_hard, split = split == HARD, "test" if split == HARD else split
        self._first_seed = (seed * len(SPLITS) + SPLITS.index(split)) * _MOST

    def __len__(self) -> int:
        return self.per_class * len(CATEGORIES)

    def shape_seed(self, index: int) -> tuple[str, int]:
        """The category and seed of a shape, the arguments of `generate`."""
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} of {len(self)} shapes")
        return CATEGORIES[index % len(CATEGORIES)], self._first_seed + index // len(CATEGORIES)

    def __getitem__(self, index: int) -> Shape:
        category, seed = self.shape_seed(index)
        return (generate_hard if self._is_hard else generate)(category, seed, self.num_points)
