"""Furniture of solids, in sizes and kinds as rooms have them, for rooms that look like scans.

A piece stands at the origin of its own frame: x along the wall behind it, y away from that wall, z up, the middle of
its back edge at (0, 0, 0). Lengths are in metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zeroshot_det.scenes.depth_camera import CUBOID, CYLINDER, ELLIPSOID

WOOD = ((150, 105, 60), (190, 150, 100), (100, 65, 40), (215, 190, 150), (235, 235, 230), (60, 55, 50))
CLOTH = ((60, 70, 100), (120, 40, 40), (90, 90, 90), (40, 40, 45), (150, 140, 120), (70, 100, 80), (200, 190, 170))
WHITE = ((235, 235, 230), (245, 245, 245), (225, 220, 210))
VIVID = ((200, 60, 40), (40, 90, 170), (230, 180, 60), (50, 130, 70), (30, 30, 30), (160, 80, 140), (240, 240, 240))


@dataclass
class Part:
    """The solids of one instance: rows (kind, x, y, z, half sizes, heading, transparency), and a colour."""

    label: str  # a class, or "" for what has no true box
    solids: list[list[float]] = field(default_factory=list)
    colour: tuple[int, int, int] = (128, 128, 128)

    def block(self, x: Sequence[float], y: Sequence[float], z: Sequence[float], kind: float = CUBOID) -> "Part":
        """Add a solid between bounds (low, high) along each axis."""
        low, high = np.array([x[0], y[0], z[0]]), np.array([x[1], y[1], z[1]])
        self.solids.append([kind, *(low + high) / 2, *np.maximum((high - low) / 2, 0.004), 0.0, 0.0])
        return self


@dataclass
class Piece:
    """Parts that are placed together, and the floor that they take."""

    parts: list[Part]
    width: float
    depth: float
    height: float


def folds(rng: np.random.Generator, part: Part, low: float, high: float, y: float, z: tuple[float, float]) -> Part:
    """Hanging cloth in folds."""
    x = low
    while x < high - 0.02:
        wide, out = rng.uniform(0.05, 0.1), rng.uniform(0.02, 0.06)
        part.block((x, min(x + wide, high)), (y - out, y + out), z, CYLINDER)
        x += 0.8 * wide
    return part


def pick(rng: np.random.Generator, colours: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    """One of some colours, varied a little."""
    red, green, blue = np.clip(np.array(colours[int(rng.integers(len(colours)))]) + rng.integers(-18, 19, 3), 0, 255)
    return int(red), int(green), int(blue)


def _legs(part: Part, w: float, y: tuple[float, float], top: float, thick: float, inset: float = 0.03) -> None:
    for x in (-w / 2 + inset, w / 2 - inset - thick):
        for depth in (y[0] + inset, y[1] - inset - thick):
            part.block((x, x + thick), (depth, depth + thick), (0, top))


def chair(rng: np.random.Generator) -> Piece:
    """A chair with legs, on castors, or an armchair; its back is at y = 0."""
    kind = rng.choice(3, p=(0.4, 0.38, 0.22))
    w, d = (rng.uniform(0.42, 0.55), rng.uniform(0.45, 0.58)) if kind < 2 else rng.uniform((0.7, 0.7), (0.9, 0.85))
    seat, top = rng.uniform(0.42, 0.5), rng.uniform(0.78, 1.0)
    part = Part("chair", colour=pick(rng, (*CLOTH, *WOOD)))
    if kind == 2:
        part.block((-w / 2, w / 2), (0, d), (0.08, seat)).block((-w / 2, w / 2), (0, 0.2), (seat, top - 0.1))
        for side in (-1, 1):
            part.block(sorted((side * w / 2, side * (w / 2 - 0.15))), (0, d), (seat, seat + 0.18))
        return Piece([part], w, d, top)
    part.block((-w / 2, w / 2), (0.06, d), (seat - 0.06, seat))
    part.block((-w / 2 + 0.02, w / 2 - 0.02), (0, 0.05), (seat + rng.uniform(0, 0.15), top))
    part.block((-w / 4, w / 4), (0.01, 0.07), (seat - 0.06, seat + 0.2))
    if kind == 0:
        _legs(part, w, (0.02, d), seat - 0.05, 0.035)
    else:
        part.block((-0.04, 0.04), (d / 2 - 0.04, d / 2 + 0.04), (0.1, seat - 0.05), CYLINDER)
        for turn in np.arange(5) * 2 * np.pi / 5:
            part.solids.append(
                [CUBOID, 0.15 * np.cos(turn), d / 2 + 0.15 * np.sin(turn), 0.06, 0.15, 0.025, 0.03, turn, 0.0]
            )
    if rng.random() < 0.5:
        for side in (-1, 1):
            part.block(sorted((side * w / 2, side * (w / 2 + 0.05))), (0.12, d - 0.1), (seat + 0.18, seat + 0.22))
            part.block(sorted((side * w / 2, side * (w / 2 + 0.04))), (d - 0.2, d - 0.16), (seat - 0.05, seat + 0.18))
    parts = [part]
    if rng.random() < 0.35:  # a bag or a jacket on it
        bag, wide, z = Part("", colour=pick(rng, (*VIVID, *CLOTH))), rng.uniform(0.3, w), rng.uniform(0.1, 0.35)
        if rng.random() < 0.5:
            bag.block((-wide / 2, wide / 2), (0.1, d - 0.08), (seat, seat + z), ELLIPSOID)
        else:
            bag.block((-w / 2, w / 2), (-0.08, 0.07), (top - 0.45, top + 0.03), ELLIPSOID)
        parts.append(bag)
    return Piece(parts, w, d, top)


def table(rng: np.random.Generator, label: str = "table", long: float = 0.0, low: bool = False) -> Piece:
    """A table or desk: a slab on legs, on panels, on one foot, or round."""
    w = long or (rng.uniform(0.7, 1.2) if low else rng.uniform(0.8, 1.8))
    d, top = min(w, rng.uniform(0.55, 0.95)), rng.uniform(0.35, 0.5) if low else rng.uniform(0.7, 0.77)
    part = Part(label, colour=pick(rng, WOOD))
    if label == "table" and not long and rng.random() < 0.3:
        w = d = rng.uniform(0.5, 1.2)
        part.block((-w / 2, w / 2), (0, w), (top - 0.035, top), CYLINDER)
        part.block((-0.05, 0.05), (d / 2 - 0.05, d / 2 + 0.05), (0, top), CYLINDER)
        part.block((-w / 4, w / 4), (d / 4, 3 * d / 4), (0, 0.04), CYLINDER)
        return Piece([part], w, d, top)
    part.block((-w / 2, w / 2), (0, d), (top - rng.uniform(0.025, 0.05), top))
    if rng.random() < 0.6:
        _legs(part, w, (0, d), top - 0.03, rng.uniform(0.035, 0.07))
    else:
        for side in (-1, 1):
            part.block(sorted((side * w / 2, side * (w / 2 - 0.03))), (0.03, d - 0.03), (0, top - 0.03))
        part.block((-w / 2, w / 2), (0.03, 0.05), (top - 0.4, top - 0.03))
    return Piece([part], w, d, top)


def put_on(rng: np.random.Generator, piece: Piece, count: int, screens: int = 0) -> Piece:
    """Put screens and clutter on a piece."""
    w, d, top = piece.width, piece.depth, piece.height
    for number in range(screens):
        x = (number + 0.5) / screens * w - w / 2 + rng.uniform(-0.1, 0.1)
        screen = Part("", colour=(30, 30, 35))
        half, tall, y = rng.uniform(0.22, 0.3), rng.uniform(0.28, 0.36), rng.uniform(0.1, 0.25)
        screen.block((x - half, x + half), (y, y + 0.04), (top + 0.1, top + 0.1 + tall))
        screen.block((x - 0.1, x + 0.1), (y, y + 0.15), (top, top + 0.02))
        screen.block((x - 0.03, x + 0.03), (y + 0.03, y + 0.06), (top, top + 0.15))
        keys = Part("", colour=(50, 50, 50)).block((x - 0.2, x + 0.2), (d - 0.25, d - 0.12), (top, top + 0.025))
        piece.parts += [screen, keys]
    for _ in range(count):
        size, kind = rng.uniform(0.06, 0.32, 3), rng.choice((CUBOID, CUBOID, CYLINDER, ELLIPSOID))
        x, y = rng.uniform(-w / 2 + 0.1, w / 2 - 0.1), rng.uniform(0.1, max(d - 0.1, 0.11))
        bounds = (x - size[0] / 2, x + size[0] / 2), (y - size[1] / 2, y + size[1] / 2), (top, top + size[2])
        piece.parts.append(Part("", colour=pick(rng, VIVID)).block(*bounds, kind))
    return piece


def desk(rng: np.random.Generator) -> Piece:
    """A desk with screens and clutter, drawers under it, sometimes a shelf above."""
    piece = table(rng, "desk", rng.uniform(1.2, 1.8))
    w, d, top = piece.width, piece.depth, piece.height
    if rng.random() < 0.5:
        side = rng.choice((-1, 1))
        drawers = Part("cabinet", colour=pick(rng, WOOD))
        x = sorted((side * (w / 2 - 0.05), side * (w / 2 - 0.47)))
        piece.parts.append(drawers.block(x, (0.05, d - 0.08), (0.03, rng.uniform(0.55, top - 0.06))))
    if rng.random() < 0.4:
        x = rng.uniform(-w / 2 + 0.2, w / 2 - 0.2)
        below = Part("", colour=pick(rng, VIVID))
        piece.parts.append(below.block((x - 0.12, x + 0.1), (0.1, rng.uniform(0.4, 0.6)), (0, rng.uniform(0.3, 0.5))))
    return put_on(rng, piece, int(rng.integers(1, 6)), int(rng.integers(0, 3)))


def dining(rng: np.random.Generator) -> Piece:
    """A table with some clutter."""
    return put_on(rng, table(rng), int(rng.integers(0, 4)))


def cabinets(rng: np.random.Generator) -> Piece:
    """Cabinets and shelves in a row, touching."""
    pieces = [(bookshelf if rng.random() < 0.3 else cabinet)(rng) for _ in range(rng.integers(2, 4))]
    width = sum(piece.width for piece in pieces)
    parts, start = [], -width / 2
    for piece in pieces:
        for part in piece.parts:
            for solid in part.solids:
                solid[1] += start + piece.width / 2
            parts.append(part)
        start += piece.width
    return Piece(parts, width, max(piece.depth for piece in pieces), max(piece.height for piece in pieces))


def desks(rng: np.random.Generator) -> Piece:
    """Two desks side by side, touching."""
    one, other = desk(rng), desk(rng)
    for piece, shift in ((one, -one.width / 2), (other, other.width / 2)):
        for part in piece.parts:
            for solid in part.solids:
                solid[1] += shift
    return Piece([*one.parts, *other.parts], one.width + other.width, max(one.depth, other.depth), 0.76)


def meeting(rng: np.random.Generator) -> Piece:
    """A long table."""
    return put_on(rng, table(rng, "table", rng.uniform(1.6, 2.8)), int(rng.integers(0, 4)))


def coffee_table(rng: np.random.Generator) -> Piece:
    """A low table with some clutter."""
    return put_on(rng, table(rng, low=True), int(rng.integers(0, 4)))


def cabinet(rng: np.random.Generator) -> Piece:
    """A closed cabinet, low or high, with clutter on it."""
    low = rng.random() < 0.6
    w, d = rng.uniform(0.4, 1.4), rng.uniform(0.35, 0.6)
    h = rng.uniform(0.55, 1.2) if low else rng.uniform(1.5, 2.1)
    part = Part("cabinet", colour=pick(rng, (*WOOD, *WHITE))).block((-w / 2, w / 2), (0, d), (0, h))
    for x in np.arange(-w / 2 + 0.2, w / 2 - 0.1, 0.45):
        part.block((x, x + 0.02), (d, d + 0.03), (h / 2, h / 2 + 0.12))
    return put_on(rng, Piece([part], w, d, h), int(rng.integers(0, 4)) if low else int(rng.integers(0, 2)))


def bookshelf(rng: np.random.Generator) -> Piece:
    """An open shelf, partly filled."""
    w, d, h = rng.uniform(0.6, 1.6), rng.uniform(0.25, 0.4), rng.uniform(0.9, 2.1)
    part, books = Part("bookshelf", colour=pick(rng, WOOD)), list[Part]()
    part.block((-w / 2, w / 2), (0, 0.02), (0, h))
    for side in (-1, 1):
        part.block(sorted((side * w / 2, side * (w / 2 - 0.03))), (0, d), (0, h))
    heights = np.linspace(0.05, h - 0.02, max(2, round(h / 0.36) + 1))
    for z in heights:
        part.block((-w / 2, w / 2), (0, d), (z - 0.015, z + 0.015))
    for z in heights[:-1]:
        x = -w / 2 + 0.05
        while x < w / 2 - 0.15:
            wide = rng.uniform(0.08, 0.4)
            if rng.random() < 0.75:
                tall, deep = rng.uniform(0.15, 0.28), rng.uniform(0.15, d - 0.02)
                part.block((x, min(x + wide, w / 2 - 0.03)), (0.02, deep), (z, z + tall))
            x += wide
    return Piece([part, *books], w, d, h)


def bed(rng: np.random.Generator) -> Piece:
    """A bed with its head at the wall, a blanket and pillows."""
    w, d, h = rng.uniform(0.9, 1.8), rng.uniform(1.95, 2.15), rng.uniform(0.4, 0.6)
    part = Part("bed", colour=pick(rng, (*CLOTH, *WHITE)))
    part.block((-w / 2, w / 2), (0.05, d), (rng.choice((0.0, 0.2)), h - 0.2))
    part.block((-w / 2 + 0.02, w / 2 - 0.02), (0.08, d - 0.02), (h - 0.2, h))
    if rng.random() < 0.6:
        part.block((-w / 2, w / 2), (0, 0.05), (0, rng.uniform(0.8, 1.15)))
    _blobs(rng, part, ((-w / 2, w / 2), (0.5, d)), h, 6, (0.35, 0.06))
    pillows = [Part("", colour=pick(rng, (*WHITE, *CLOTH))) for _ in range(1 if w < 1.2 else 2)]
    for number, pillow in enumerate(pillows):
        x = (number + 0.5) / len(pillows) * w - w / 2
        pillow.block((x - 0.3, x + 0.3), (0.08, 0.5), (h - 0.03, h + 0.14), ELLIPSOID)
    return Piece([part, *pillows], w, d, h)


def _blobs(
    rng: np.random.Generator, part: Part, where: Sequence[tuple[float, float]], z: float, count: int, size: tuple
) -> None:
    """Soft bumps on a surface, such as a blanket's."""
    for _ in range(count):
        x, y, half = rng.uniform(*where[0]), rng.uniform(*where[1]), size[0] * rng.uniform(0.5, 1)
        x = np.clip(x, where[0][0] + half / 2, where[0][1] - half / 2)
        part.block(
            (x - half, x + half), (y - half, y + half), (z - size[1], z + size[1] * rng.uniform(0.3, 1)), ELLIPSOID
        )


def sofa(rng: np.random.Generator) -> Piece:
    """A sofa with cushions."""
    w, d, seat, top = rng.uniform(1.3, 2.3), rng.uniform(0.8, 0.95), rng.uniform(0.38, 0.46), rng.uniform(0.72, 0.95)
    part, arm = Part("sofa", colour=pick(rng, CLOTH)), rng.uniform(0.12, 0.25)
    part.block((-w / 2, w / 2), (0, d), (0.05, seat)).block((-w / 2, w / 2), (0, 0.25), (seat, top))
    for side in (-1, 1):
        part.block(sorted((side * w / 2, side * (w / 2 - arm))), (0, d), (0.05, seat + rng.uniform(0.12, 0.22)))
    cushions = [Part("", colour=pick(rng, VIVID)) for _ in range(rng.integers(0, 4))]
    for cushion in cushions:
        x = rng.uniform(-w / 2 + 0.35, w / 2 - 0.35)
        cushion.block((x - 0.2, x + 0.2), (0.22, 0.38), (seat, seat + 0.38), ELLIPSOID)
    return Piece([part, *cushions], w, d, top)


def garbage_bin(rng: np.random.Generator) -> Piece:
    """A bin, open at the top or not."""
    w, h = rng.uniform(0.22, 0.42), rng.uniform(0.28, 0.7)
    d = w * rng.uniform(0.7, 1)
    part = Part("garbage bin", colour=pick(rng, (*VIVID, *CLOTH)))
    return Piece([part.block((-w / 2, w / 2), (0, d), (0, h), rng.choice((CUBOID, CYLINDER)))], w, d, h)


def clutter(rng: np.random.Generator) -> Piece:
    """Bags, cartons and heaps without a true box."""
    size = rng.uniform((0.15, 0.15, 0.1), (0.6, 0.5, 0.7))
    part = Part("", colour=pick(rng, (*VIVID, *CLOTH)))
    for _ in range(rng.integers(1, 4)):
        low = rng.uniform(0, 0.4, 2) * size[:2]
        high = low + rng.uniform(0.5, 0.6, 2) * size[:2]
        kind = rng.choice((CUBOID, CYLINDER, ELLIPSOID))
        part.block(
            (low[0] - size[0] / 2, high[0] - size[0] / 2), (low[1], high[1]), (0, size[2] * rng.uniform(0.4, 1)), kind
        )
    return Piece([part], size[0], size[1], size[2])


def stand(rng: np.random.Generator) -> Piece:
    """Furniture without a true box: a night stand, a dresser, a lamp on a stand, a radiator."""
    w, d, h = rng.uniform((0.35, 0.3, 0.4), (1.2, 0.5, 1.1))
    part = Part("", colour=pick(rng, WOOD))
    if rng.random() < 0.25:
        part.block((-0.02, 0.02), (0.15, 0.19), (0, 1.4), CYLINDER).block(
            (-0.15, 0.15), (0.02, 0.32), (1.3, 1.6), CYLINDER
        )
        return Piece([part.block((-0.13, 0.13), (0.04, 0.3), (0, 0.03), CYLINDER)], 0.3, 0.35, 1.6)
    return put_on(rng, Piece([part.block((-w / 2, w / 2), (0, d), (0, h))], w, d, h), int(rng.integers(0, 3)))
