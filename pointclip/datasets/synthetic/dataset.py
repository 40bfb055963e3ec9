"""Made-up shapes of ShapeNetPart's sixteen categories, with a part label for every point, needing no files.

A shape follows from its category and its seed alone. y is up; things with a front look towards −z and their width lies
along x; guitars and rockets mostly stand, knives stand or lie. ShapeNet's own facing is not the same in all of its
versions, so what reads these shapes should not lean on it; the up axis is what matters to the views.

`SyntheticShapes` is the data set "synthetic".
"""

from collections.abc import Callable

import numpy as np

from pointclip.datasets.base import Shape, register
from pointclip.datasets.shapenetpart_labels import CATEGORIES, PART_NAMES
from pointclip.datasets.synthetic import (
    aircraft,
    furniture,
    lamps,
    objects,
    vehicles,
    worn,
)
from pointclip.datasets.synthetic.primitives import Mesh, join, sample
from pointclip.errors import InputError

__all__ = ["CATEGORIES", "PART_NAMES", "SyntheticShapes", "generate"]

SPLITS = ("train", "val", "test")
POINTS = 2048
_MOST = 1_000_000  # seeds of each class in one split of one set
_PER_CLASS = {"train": 200, "val": 20, "test": 20}
_BUILDERS: dict[str, Callable[[np.random.Generator], list[tuple[str, Mesh]]]] = {
    "airplane": aircraft.build_airplane,
    "bag": worn.build_bag,
    "cap": worn.build_cap,
    "car": vehicles.build_car,
    "chair": furniture.build_chair,
    "earphone": worn.build_earphone,
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
    """Make one shape.

    Args:
        category: one of `CATEGORIES`.
        seed: any whole number from 0 on; another seed is another shape.
        num_points: how many points to draw; fewer are the first ones of more.

    Returns:
        A shape whose label is the category's index, with points [num_points, 3] in random order, uniform on the
        surface, inside the unit sphere around the middle of the shape's bounds, and parts [num_points] counted
        within the category (see `PART_NAMES`).

    Raises:
        InputError: for an unknown category, a negative seed or no points.
    """
    if category not in _BUILDERS:
        raise InputError(f"The category is {category!r}, but synthetic shapes are one of {', '.join(CATEGORIES)}.")
    if seed < 0 or num_points < 1:
        raise InputError(f"The seed is {seed} and num_points {num_points}, but they start at 0 and at 1.")
    label = CATEGORIES.index(category)
    structure, drawing = (np.random.default_rng([label, int(seed), stream]) for stream in (0, 1))
    named = _BUILDERS[category](structure)
    whole, owner = join([mesh for _, mesh in named])
    vertices = whole.vertices * structure.uniform(0.92, 1.08, 3)  # [V, 3]
    vertices = vertices - (vertices.max(0) + vertices.min(0)) / 2
    vertices /= np.sqrt((vertices**2).sum(1).max()) * (1 + 1e-5)
    points, face = sample(Mesh(vertices, whole.faces), num_points, drawing)
    number = np.array([PART_NAMES[category].index(part) for part, _ in named], np.int64)
    points = np.round(points, 5)  # hides the last bits, in which sine and cosine differ between platforms
    return Shape(points.astype(np.float32), label, f"{category}-{seed}", number[owner[face]])


@register("synthetic")
class SyntheticShapes:
    """Synthetic shapes as a data set, class after class in turn, so that every beginning of it is balanced.

    Args:
        root: not used; there are no files.
        split: "train", "val" or "test"; their shapes never meet, whatever `seed` and `per_class` are.
        per_class: shapes of each class; 200 for "train" and 20 for the others unless told.
        num_points: points of each shape, 2048 unless told.
        seed: another number gives other shapes.

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
        if split not in SPLITS:
            raise InputError(f"The split is {split!r}, but the synthetic shapes have {', '.join(SPLITS)}.")
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
        self._first_seed = (seed * len(SPLITS) + SPLITS.index(split)) * _MOST

    def __len__(self) -> int:
        return self.per_class * len(CATEGORIES)

    def shape_seed(self, index: int) -> tuple[str, int]:
        """The category and the seed of a shape, as `generate` takes them."""
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} of {len(self)} shapes")
        return CATEGORIES[index % len(CATEGORIES)], self._first_seed + index // len(CATEGORIES)

    def __getitem__(self, index: int) -> Shape:
        return generate(*self.shape_seed(index), self.num_points)
