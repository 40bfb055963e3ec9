"""Walls with what is in and on them: doors, windows with curtains, pictures and boards, as labelled solids."""

import itertools
from dataclasses import dataclass, field

import numpy as np

from zeroshot_det.scenes.depth_camera import CUBOID
from zeroshot_det.scenes.furniture import CLOTH, VIVID, WHITE, WOOD, Part, folds, pick

THICK = 0.12  # metres, of a wall
HEIGHT = 2.5  # metres, of walls


@dataclass
class Layout:
    """Solids with their instances, and where a person can walk."""

    solids: list[list[float]] = field(default_factory=list)  # see `depth_camera`
    instances: list[int] = field(default_factory=list)  # of each solid, -1 for floor and walls
    colours: list[tuple[int, int, int]] = field(default_factory=list)  # of each solid
    labels: list[str] = field(default_factory=list)  # of each instance; "" has no true box
    rooms: list[np.ndarray] = field(default_factory=list)  # (x low, y low, x high, y high)
    taken: list[np.ndarray] = field(default_factory=list)  # the same, of what stands on the floor

    def add(self, part: Part, origin: np.ndarray, angle: float) -> None:
        """Add a part whose frame lies at `origin`, turned by `angle`."""
        instance = -1
        if part.label != "structure":
            instance = len(self.labels)
            self.labels.append(part.label)
        cos, sin = np.cos(angle), np.sin(angle)
        for kind, x, y, z, a, b, c, heading, clear in part.solids:
            where = origin + np.array([cos * x - sin * y, sin * x + cos * y, z])
            self.solids.append([kind, *where, a, b, c, np.cos(heading + angle), np.sin(heading + angle), clear])
            self.instances.append(instance)
            self.colours.append(part.colour)

    def free(self, rectangle: np.ndarray) -> bool:
        """Whether nothing stands in a rectangle."""
        return all((rectangle[2:] <= other[:2]).any() or (other[2:] <= rectangle[:2]).any() for other in self.taken)


@dataclass
class Wall:
    """One inner side of a room's wall."""

    corner: np.ndarray  # [2], the start
    along: np.ndarray  # [2], unit, with the room to its left
    length: float
    angle: float  # of `along`
    busy: list[tuple[float, float, float, float]] = field(default_factory=list)  # what hangs on it: low, high, z, z
    openings: list[tuple[float, float, float, float]] = field(default_factory=list)  # the same, of holes in it

    def place(self, s: float, off: float = 0.0, z: float = 0.0) -> np.ndarray:
        """The point `s` along the wall, `off` away from it."""
        x, y = self.corner + s * self.along + off * np.array([-self.along[1], self.along[0]])
        return np.array([x, y, z])


def _spot(
    rng: np.random.Generator, walls: list[Wall], wide: float, z: tuple[float, float]
) -> tuple[Wall, float] | None:
    """A free place of a wall from z[0] to z[1], taken."""
    for _ in range(20):
        wall = walls[rng.integers(len(walls))]
        if wall.length < wide + 0.2:
            continue
        s = rng.uniform(0.1, wall.length - wide - 0.1)
        if all(s + wide < a or b < s or z[1] < c or e < z[0] for a, b, c, e in wall.busy):
            wall.busy.append((s - 0.02, s + wide + 0.02, *z))
            return wall, s
    return None


def door(rng: np.random.Generator, layout: Layout, walls: list[Wall]) -> None:
    """A door in its frame: closed, flush or recessed, or opened into the room."""
    wide, high, recess = rng.uniform(0.75, 1.0), rng.uniform(1.98, 2.15), rng.choice((-0.01, 0.0, 0.03, 0.08))
    found = _spot(rng, walls, wide, (0.0, high))
    if not found:
        return
    wall, s = found
    part = Part("door", colour=pick(rng, (*WOOD, *WHITE)))
    if rng.random() < 0.6:  # the frame
        for low, top in ((-wide / 2, -wide / 2 + 0.06), (wide / 2 - 0.06, wide / 2)):
            part.block((low, top), (-0.1, rng.choice((0.01, 0.02))), (0, high))
        part.block((-wide / 2, wide / 2), (-0.1, 0.015), (high - 0.06, high))
    if rng.random() < 0.25:  # open
        angle = rng.uniform(0.9, 1.7)
        part.solids.append([CUBOID, -wide / 2 + np.cos(angle) * wide / 2, np.sin(angle) * wide / 2, high / 2,
                            wide / 2 - 0.03, 0.02, high / 2 - 0.03, angle, 0.0])  # fmt: skip
    else:
        part.block((-wide / 2 + 0.03, wide / 2 - 0.03), (-recess - 0.04, -recess), (0.01, high - 0.03))
        part.block((wide / 2 - 0.15, wide / 2 - 0.05), (-recess, -recess + 0.06), (0.98, 1.02))
    wall.busy[-1] = (*wall.busy[-1][:2], -0.01, high)
    layout.add(part, wall.place(s + wide / 2), wall.angle)
    wall.openings.append((s, s + wide, 0.0, high))


def window(rng: np.random.Generator, layout: Layout, walls: list[Wall]) -> None:
    """A window of glass in bars, let into the wall; sometimes with curtains or a blind."""
    wide, low = rng.uniform(0.7, 2.0), rng.uniform(0.7, 1.1)
    high = low + rng.uniform(0.8, 1.35)
    found = _spot(rng, walls, wide, (low, high))
    if not found:
        return
    wall, s = found
    part, back = Part("window", colour=pick(rng, WHITE)), rng.choice((-0.03, -0.08, -0.14))
    bars = np.linspace(-wide / 2, wide / 2, 2 + int(wide / 0.7))
    for bar in bars:
        part.block((bar - 0.03, bar + 0.03), (back - 0.03, back + 0.02), (low, high))
    for z in (low, high - 0.05):
        part.block((-wide / 2, wide / 2), (back - 0.03, back + 0.02), (z, z + 0.05))
    part.block((-wide / 2, wide / 2), (back - 0.02, back - 0.01), (low, high))
    part.solids[-1][-1] = rng.choice((0.1, 0.6, 0.9))  # glass, or a blind
    if rng.random() < 0.4:
        part.block((-wide / 2, wide / 2), (back, 0.05), (low - 0.03, low))
    layout.add(part, wall.place(s + wide / 2), wall.angle)
    wall.openings.append((s, s + wide, low, high))
    if rng.random() < 0.25:
        colour, bottom = pick(rng, (*CLOTH, *VIVID)), rng.choice((0.05, low - 0.1))
        for side in rng.choice((-1, 1), rng.integers(1, 3), replace=False):
            end = side * (wide / 2 + 0.1)
            left, right = sorted((end, end - side * rng.uniform(0.25, 0.5) * wide))
            off = rng.uniform(0.03, 0.08)
            cloth = folds(rng, Part("curtain", colour=colour), left, right, off, (bottom, high + 0.12))
            layout.add(cloth, wall.place(s + wide / 2), wall.angle)


def picture(rng: np.random.Generator, layout: Layout, walls: list[Wall]) -> None:
    """A picture, poster or small board flat on the wall."""
    wide, tall = rng.uniform(0.25, 1.0), rng.uniform(0.25, 0.8)
    low = rng.uniform(1.1, 1.6)
    found = _spot(rng, walls, wide, (low, low + tall))
    if found:
        wall, s = found
        part = Part("picture", colour=pick(rng, VIVID))
        part.block((-wide / 2, wide / 2), (0, rng.choice((0.012, 0.02, 0.035))), (low, low + tall))
        layout.add(part, wall.place(s + wide / 2), wall.angle)


def board(rng: np.random.Generator, layout: Layout, walls: list[Wall]) -> None:
    """A board, mirror or screen on the wall, or a radiator: no true box."""
    wide, tall, low = rng.uniform(0.6, 2.4), rng.uniform(0.5, 1.2), rng.uniform(0.1, 1.0)
    found = _spot(rng, walls, wide, (low, low + tall))
    if found:
        wall, s = found
        part = Part("", colour=pick(rng, WHITE))
        part.block((-wide / 2, wide / 2), (0, rng.choice((0.015, 0.03, 0.1))), (low, low + tall))
        layout.add(part, wall.place(s + wide / 2), wall.angle)


def bricks(layout: Layout, wall: Wall, paint: tuple[int, int, int]) -> None:
    """The wall around its openings."""
    openings = [*wall.openings, *[b for b in wall.busy if b[2:] == (0, 2.1)]]
    cuts = sorted({-THICK, wall.length + THICK, *(edge for opening in openings for edge in opening[:2])})
    part = Part("structure", colour=paint)
    for low, high in itertools.pairwise(cuts):
        z = 0.0
        for opening in sorted((o for o in openings if o[0] < (low + high) / 2 < o[1]), key=lambda o: o[2]):
            if opening[2] > z:
                part.block((low, high), (-THICK, 0), (z, opening[2]))
            z = max(z, opening[3])
        part.block((low, high), (-THICK, 0), (z, HEIGHT))
    layout.add(part, wall.place(0), wall.angle)
