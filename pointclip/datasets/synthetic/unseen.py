"""Synthetic shapes of four kinds that the bundled demo encoder was not trained on: bottles, ladders, sofas, umbrellas.

They are for few-shot classification, since zero-shot cannot know them. A shape is determined by its kind and seed.
Every shape is built at a size of about one, y is up, the front looks towards −z. `UnseenShapes` is the data set
"synthetic_unseen".
"""

from collections.abc import Callable

import numpy as np

from pointclip.datasets.base import Shape, register
from pointclip.datasets.synthetic.hard import hardened
from pointclip.datasets.synthetic.primitives import (
    Mesh,
    bend,
    box,
    circle,
    cylinder,
    ellipsoid,
    join,
    loft,
    revolve,
    rod,
    sample,
    tube,
    turn,
)
from pointclip.errors import InputError

KINDS = ("bottle", "ladder", "sofa", "umbrella")
SPLITS = ("train", "val", "test")
HARD = "test_hard"  # the shapes of "test", hardened
POINTS = 2048
_PER_CLASS = {"train": 100, "val": 20, "test": 40, HARD: 40}
_MOST = 1_000_000  # seeds of each kind in one split


def build_bottle(rng: np.random.Generator) -> list[Mesh]:
    """A wine, beer, water or oil bottle, round or square, perhaps with a cap; it stands."""
    wide, tall = rng.uniform(0.14, 0.24), rng.uniform(0.8, 1.1)
    neck, shoulder = wide * rng.uniform(0.28, 0.42), rng.uniform(0.5, 0.72)
    steep = rng.uniform(0.06, 0.22)
    waist = rng.choice([0.0, rng.uniform(0.05, 0.18)])
    body = np.linspace(0, shoulder, 12)
    side = wide * (1 - waist * np.sin(np.pi * body / shoulder) ** 2)
    slope = np.linspace(0, 1, 8)[1:]
    curve = neck + (wide - neck) * (1 + np.cos(np.pi * slope)) / 2
    profile = [(0, 0), (wide * 0.9, 0), *zip(side[1:], body[1:], strict=True)]
    profile += [*zip(curve, shoulder + steep * slope, strict=True), (neck, tall), (neck * 1.25, tall)]
    profile += [(neck * 1.25, tall + 0.04), (0, tall + 0.04)]
    square = rng.random() < 0.25
    meshes = [_prism(np.array(profile), 0.35 if square else 1.0)]
    if rng.random() < 0.4:
        meshes.append(cylinder(neck * 1.4, 0.08, (0, tall + 0.05, 0)))
    return meshes


def _prism(profile: np.ndarray, power: float) -> Mesh:
    """A profile [P, 2] of (radius, height) turned about y; its section is round, or with `power` near 0 square."""
    ring = circle(24)
    ring = np.sign(ring) * np.abs(ring) ** power
    rings = np.empty((len(profile), len(ring), 3))
    rings[:, :, 0], rings[:, :, 2] = (profile[:, :1] * ring[:, axis] for axis in (0, 1))
    rings[:, :, 1] = profile[:, 1:]
    return loft(rings, caps=False)


def build_ladder(rng: np.random.Generator) -> list[Mesh]:
    """A straight ladder, leaning a little, or a step ladder that stands on four legs."""
    tall, low = rng.uniform(1.0, 1.5), rng.uniform(0.2, 0.3)
    high = low * rng.uniform(0.7, 1.0)
    rungs, thick = rng.integers(4, 7), rng.uniform(0.018, 0.03)
    stands = rng.random() < 0.55
    lean = rng.uniform(0.15, 0.3) if stands else rng.uniform(-0.2, 0.2)
    square = rng.random() < 0.6
    meshes = [rod((s * low, 0, 0), (s * high, tall, 0), thick, square=square) for s in (-1, 1)]
    tread = rng.uniform(1.0, 3.0) if stands else 1.0
    for height in np.linspace(0.08, 0.95, rungs):
        half = low + (high - low) * height
        if stands:
            meshes.append(box((2 * half, thick, 2 * thick * tread), (0, tall * height, 0)))
        else:
            meshes.append(rod((-half, tall * height, 0), (half, tall * height, 0), thick * 0.8))
    meshes = [turn(mesh, 0, lean, (0, tall, 0)) for mesh in meshes]
    if stands:
        back = [rod((s * low, 0, 0), (s * high, tall, 0), thick * 0.8, square=square) for s in (-1, 1)]
        back += [rod((-low, tall * h, 0), (low, tall * h, 0), thick * 0.6) for h in (0.2, 0.6)]
        meshes += [turn(mesh, 0, -lean, (0, tall, 0)) for mesh in back]
        meshes.append(box((2.3 * high, 0.03, 0.2), (0, tall, 0)))
    return meshes


def build_sofa(rng: np.random.Generator) -> list[Mesh]:
    """A sofa for two to four, with cushions, arms and short legs, perhaps with a long end."""
    wide, deep = rng.uniform(0.75, 1.25), rng.uniform(0.42, 0.55)
    seat, tall = rng.uniform(0.2, 0.27), rng.uniform(0.4, 0.55)
    arm, arm_tall = rng.uniform(0.06, 0.12), rng.uniform(0.28, 0.4)
    leg = rng.uniform(0.03, 0.08)
    back = rng.uniform(0.1, 0.15)
    round_arms = rng.random() < 0.4
    meshes = [box((wide, seat - leg, deep), (0, (seat + leg) / 2, 0))]
    rest = box((wide, tall - seat * 0.5, back), (0, (tall + seat * 0.5) / 2, deep / 2 - back / 2))
    meshes.append(turn(rest, 0, rng.uniform(0, 0.15), (0, seat, deep / 2)))
    for s in (-1, 1):
        x = s * (wide + arm) / 2
        meshes.append(box((arm, arm_tall - leg, deep), (x, (arm_tall + leg) / 2, 0)))
        if round_arms:
            meshes.append(cylinder(arm * 0.7, deep, (x, arm_tall, 0), axis="z"))
    cushions = int(rng.integers(2, 4))
    each = wide / cushions
    for number in range(cushions):
        x = -wide / 2 + each * (number + 0.5)
        size = np.array((each * 0.48, 0.05, (deep - back) * 0.48))
        meshes.append(ellipsoid(size, (x, seat + 0.04, -back / 2), power=0.35))
        pad = ellipsoid((each * 0.46, (tall - seat) * 0.5, 0.05), (x, (tall + seat) / 2, deep / 2 - back), power=0.35)
        meshes.append(turn(pad, 0, 0.15, (x, seat, deep / 2 - back)))
    if rng.random() < 0.3:
        side = rng.choice([-1, 1])
        meshes.append(box((each, seat - leg, deep * 0.7), (side * (wide - each) / 2, (seat + leg) / 2, -deep * 0.8)))
    for x in (-1, 1):
        meshes += [cylinder(0.025, leg, (x * wide * 0.47, leg / 2, z * deep * 0.42)) for z in (-1, 1)]
    return meshes


def build_umbrella(rng: np.random.Generator) -> list[Mesh]:
    """An open umbrella with a crook or a knob, upright or tilted, or a parasol on a foot."""
    ribs = int(rng.integers(6, 10))
    wide, deep = rng.uniform(0.5, 0.75), rng.uniform(0.18, 0.35)
    scallop = rng.uniform(0.04, 0.12)
    angles = np.linspace(0, 2 * np.pi, 8 * ribs, endpoint=False)
    sag = scallop * np.abs(np.sin(angles * ribs / 2))  # between two ribs the cloth hangs inward
    rings = []
    for t in np.linspace(0.02, 1, 8):
        radius = wide * t * (1 - sag * t)
        rings.append(np.stack([radius * np.cos(angles), -deep * t**2 + 0 * angles, radius * np.sin(angles)], -1))
    meshes = [loft(np.stack(rings), caps=False)]
    spokes = 2 * np.pi * np.arange(ribs) / ribs
    for angle in spokes:
        tip = np.array((wide * np.cos(angle), -deep, wide * np.sin(angle)))
        meshes.append(tube([tip * (t, t * t, t) - (0, 0.01, 0) for t in np.linspace(0, 1, 6)], 0.007, sides=4))
    length, thick = rng.uniform(0.85, 1.15), rng.uniform(0.012, 0.02)
    meshes.append(rod((0, -length, 0), (0, 0.1, 0), thick))
    foot = rng.choice(["crook", "knob", "foot"])
    if foot == "crook":
        path = bend([(0, -length, 0), (0, -length - 0.16, 0), (0.16, -length - 0.16, 0), (0.16, -length, 0)], 12)
        meshes.append(tube(path, thick * 1.4))
    elif foot == "knob":
        meshes.append(ellipsoid((thick * 2, 0.08, thick * 2), (0, -length, 0)))
    else:
        meshes.append(revolve([(0, 0), (0.2, 0), (0.18, 0.05), (0, 0.07)], (0, -length - 0.05, 0)))
        return meshes
    tilt, axis = rng.uniform(-0.5, 0.5), int(rng.choice([0, 2]))
    return [turn(mesh, axis, tilt) for mesh in meshes]


_BUILDERS: dict[str, Callable[[np.random.Generator], list[Mesh]]] = {
    "bottle": build_bottle,
    "ladder": build_ladder,
    "sofa": build_sofa,
    "umbrella": build_umbrella,
}


def generate_unseen(kind: str, seed: int, num_points: int = POINTS) -> Shape:
    """Generate one shape, like `pointclip.datasets.synthetic.generate`, but without parts.

    Raises:
        InputError: for an unknown kind, a negative seed or no points.
    """
    if kind not in _BUILDERS:
        raise InputError(f"Unknown kind {kind!r}; unseen shapes are one of {', '.join(KINDS)}.")
    if seed < 0 or num_points < 1:
        raise InputError(f"The seed is {seed} and num_points {num_points}; expected at least 0 and 1.")
    label = KINDS.index(kind)
    structure, drawing = (np.random.default_rng([label, int(seed), stream, 1]) for stream in (0, 1))
    whole, _ = join(_BUILDERS[kind](structure))
    vertices = whole.vertices * structure.uniform(0.92, 1.08, 3)  # [V, 3]
    vertices = vertices - (vertices.max(0) + vertices.min(0)) / 2
    vertices /= np.sqrt((vertices**2).sum(1).max()) * (1 + 1e-5)
    points, _ = sample(Mesh(vertices, whole.faces), num_points, drawing)
    points = np.round(points, 5)  # hides the last bits, in which sine and cosine differ between platforms
    return Shape(points.astype(np.float32), label, f"{kind}-{seed}")


def generate_hard_unseen(kind: str, seed: int, num_points: int = POINTS) -> Shape:
    """The shape of `generate_unseen`, hardened; see `pointclip.datasets.synthetic.hard.hardened`."""
    whole = generate_unseen(kind, seed, 2 * num_points)
    rng = np.random.default_rng([whole.label, int(seed), 2, 1])
    other = KINDS[(whole.label + rng.integers(1, len(KINDS))) % len(KINDS)]
    return hardened(whole, generate_unseen(other, seed, num_points), num_points, rng)


@register("synthetic_unseen")
class UnseenShapes:
    """The unseen kinds as a data set; the kinds alternate, so that any prefix is balanced.

    Args:
        root: not used; there are no files.
        split: "train" (100 of each kind), "val" (20) or "test" (40), which are disjoint; or "test_hard", the shapes of
            "test" turned, with holes and noise, beside other things.
        num_points: points per shape, 2048 by default.

    Raises:
        InputError: for an unknown split or no points.
    """

    class_names = KINDS
    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - it has none, and the protocol asks for a dict

    def __init__(self, root: str | None = None, split: str = "test", num_points: int | None = None) -> None:
        if split not in _PER_CLASS:
            raise InputError(f"The split is {split!r}, but the unseen shapes have {', '.join(_PER_CLASS)}.")
        self.num_points = POINTS if num_points is None else num_points
        self.labels = np.arange(_PER_CLASS[split] * len(KINDS)) % len(KINDS)
        self._is_hard, split = split == HARD, "test" if split == HARD else split
        self._first_seed = SPLITS.index(split) * _MOST

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Shape:
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} of {len(self)} shapes")
        kind, seed = KINDS[index % len(KINDS)], self._first_seed + index // len(KINDS)
        return (generate_hard_unseen if self._is_hard else generate_unseen)(kind, seed, self.num_points)
