"""Layouts of furnished rooms: what stands along the walls, in the middle and in the walls, as labelled solids."""

import numpy as np

from zeroshot_det.scenes import furniture, wet_rooms
from zeroshot_det.scenes.furniture import Part, Piece, pick
from zeroshot_det.scenes.in_walls import THICK, Layout, Wall, board, bricks, door, picture, window

PROGRAMS = {  # kind of room -> its size, and how many of each piece stand along walls (low, high + 1)
    "office": (
        (3.2, 5.5),
        {
            "desks": (0, 2),
            "desk": (1, 3),
            "bookshelf": (0, 2),
            "cabinets": (0, 2),
            "cabinet": (0, 2),
            "garbage_bin": (1, 3),
            "sofa": (0, 2),
        },
    ),
    "meeting": ((4.5, 7.5), {"cabinet": (0, 2), "garbage_bin": (1, 4), "dining": (0, 2), "stand": (0, 2)}),
    "bedroom": ((3.0, 4.8), {"bed": (1, 3), "stand": (1, 4), "desk": (0, 2), "cabinet": (0, 2), "garbage_bin": (0, 2)}),
    "living": (
        (3.8, 6.0),
        {"sofa": (1, 3), "chair": (0, 3), "bookshelf": (0, 2), "cabinet": (0, 2), "stand": (0, 3)},
    ),
    "kitchen": ((2.8, 4.8), {"kitchen": (1, 3), "cabinets": (0, 2), "garbage_bin": (1, 3), "stand": (0, 2)}),
    "bathroom": ((2.0, 3.0), {"vanity": (1, 2), "toilet": (1, 2), "bathtub": (0, 2), "garbage_bin": (0, 3)}),
}
SHARES = {"office": 0.23, "meeting": 0.13, "bedroom": 0.17, "living": 0.13, "kitchen": 0.17, "bathroom": 0.17}
IN_WALLS = {  # kind of room -> doors, windows, pictures, boards (low, high + 1)
    "office": ((1, 3), (0, 3), (0, 3), (0, 3)),
    "meeting": ((1, 3), (0, 4), (0, 3), (1, 3)),
    "bedroom": ((1, 3), (1, 3), (0, 4), (0, 2)),
    "living": ((1, 3), (1, 4), (0, 4), (0, 1)),
    "kitchen": ((1, 3), (0, 2), (0, 2), (0, 1)),
    "bathroom": ((1, 2), (0, 2), (0, 2), (0, 2)),
}


def furnish(rng: np.random.Generator) -> Layout:
    """One room, sometimes two with an open doorway between them."""
    layout = Layout()
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    width, depth = rng.uniform(*PROGRAMS[kind][0], 2)
    _room(rng, layout, kind, np.array([0.0, 0.0]), width, depth, ())
    if rng.random() < 0.3:
        other = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        size = rng.uniform(*PROGRAMS[other][0], 2)
        doorway = rng.uniform(0.3, min(depth, size[1]) - 1.3)
        _room(rng, layout, other, np.array([width + THICK, 0.0]), size[0], size[1], (doorway, doorway + 0.95))
        layout.instances, layout.solids, layout.colours = _cut(layout, width, doorway)
    return layout


def _cut(layout: Layout, width: float, doorway: float) -> tuple[list, list, list]:
    """Open the first room's wall towards the second: what blocks the doorway goes."""
    kept = [
        i
        for i, solid in enumerate(layout.solids)
        if not (
            abs(solid[1] - width - THICK / 2) < 0.3
            and abs(solid[2] - doorway - 0.48) - max(solid[4], solid[5]) < 0.45
            and solid[3] > -0.05
            and layout.instances[i] >= 0
        )
    ]
    instances, solids, colours = layout.instances, layout.solids, layout.colours
    return [instances[i] for i in kept], [solids[i] for i in kept], [colours[i] for i in kept]


def _room(
    rng: np.random.Generator, layout: Layout, kind: str, low: np.ndarray, width: float, depth: float, doorway: tuple
) -> None:
    rectangle = np.array([*low, low[0] + width, low[1] + depth])
    layout.rooms.append(rectangle)
    floor = Part("structure", colour=pick(rng, ((150, 140, 130), (120, 90, 60), (170, 150, 120), (90, 95, 105))))
    layout.add(floor.block((0, width), (0, depth), (-0.1, 0)), np.array([*low, 0.0]), 0.0)
    corners = list(low + np.array([(0, 0), (width, 0), (width, depth), (0, depth)]))
    walls = [
        Wall(corner, np.array([np.cos(turn), np.sin(turn)]), (width, depth)[side % 2], turn)
        for side, (corner, turn) in enumerate(zip(corners, np.arange(4) * np.pi / 2, strict=True))
    ]
    if doorway:  # the wall that the two rooms share
        walls[3].busy.append((depth - doorway[1], depth - doorway[0], 0, 2.1))
        for low_end, high_end in ((0, depth - doorway[1]), (depth - doorway[0], depth)):
            layout.taken.append(_floor_of(walls[3], low_end, high_end, 0, 0.01))
        layout.taken.append(_floor_of(walls[3], depth - doorway[1], depth - doorway[0], -0.6, 1.2))
    for name, count in PROGRAMS[kind][1].items():
        for _ in range(rng.integers(*count)):
            builder = getattr(wet_rooms if hasattr(wet_rooms, name) else furniture, name)
            _along_a_wall(rng, layout, walls, builder(rng), name)
    _middle(rng, layout, kind, rectangle)
    for _ in range(rng.integers(3, 10)):
        _along_a_wall(rng, layout, walls, furniture.clutter(rng), "clutter")
    for thing, bounds in zip((door, window, picture, board), IN_WALLS[kind], strict=True):
        for _ in range(rng.integers(*bounds)):
            thing(rng, layout, walls)
    paint = pick(rng, ((225, 220, 205), (240, 240, 240), (200, 205, 215), (215, 205, 170)))
    for wall in walls:
        bricks(layout, wall, paint)


def _floor_of(wall: Wall, low: float, high: float, off: float, deep: float) -> np.ndarray:
    """The rectangle on the floor from `low` to `high` along a wall and `deep` away from it."""
    a, b = wall.place(low, off)[:2], wall.place(high, off + deep)[:2]
    return np.array([*np.minimum(a, b), *np.maximum(a, b)])


def _along_a_wall(rng: np.random.Generator, layout: Layout, walls: list[Wall], piece: Piece, name: str) -> None:
    """Put a piece against a wall, often touching what stands there already; leave it out where there is no room."""
    for attempt in range(30):
        wall = walls[rng.integers(len(walls))]
        if wall.length < piece.width + 0.1:
            continue
        gap = rng.choice((0.0, 0.01, 0.03, 0.08, rng.uniform(0.1, 0.5)))
        start = rng.uniform(0, wall.length - piece.width)
        if attempt < 15 and rng.random() < 0.5:
            start = rng.choice((0.0, wall.length - piece.width))  # the corners
        if layout.taken and rng.random() < (0.8 if name == "clutter" else 0.5):
            other = layout.taken[rng.integers(len(layout.taken))].reshape(2, 2)
            ends = (other - wall.corner) @ wall.along
            touching = rng.choice((0.0, 0.01, 0.03, 0.06))
            start = float(rng.choice((ends.max() + touching, ends.min() - touching - piece.width)))
        rectangle = _floor_of(wall, start, start + piece.width, gap, piece.depth)
        if not (
            0 <= start <= wall.length - piece.width
            and layout.free(rectangle + np.array([0.002, 0.002, -0.002, -0.002]))
        ):
            continue
        middle = start + piece.width / 2
        layout.taken.append(rectangle)
        for part in piece.parts:
            layout.add(part, wall.place(middle, gap), wall.angle)
        if piece.height > 1.0:
            wall.busy.append((start, start + piece.width, 0, piece.height))
        if name in ("desk", "desks", "dining"):
            seats = {"desk": 1, "desks": 2}.get(name) or rng.integers(1, 3)
            for number in range(seats):
                place = start + (number + 0.5) / seats * piece.width
                _seat(rng, layout, wall.place(place, gap + piece.depth), wall.angle + np.pi)
        return


def _seat(rng: np.random.Generator, layout: Layout, edge: np.ndarray, angle: float) -> None:
    """A chair facing a table's edge, pushed under it or not."""
    chair = furniture.chair(rng)
    facing, pushed = angle + rng.normal(0, 0.25), rng.uniform(0.0, 0.45)
    ahead = np.array([-np.sin(angle), np.cos(angle), 0])  # the way the chair faces
    origin = edge - ahead * (chair.depth - pushed)
    corners = origin[:2] + np.array([[-0.2, -0.05], [0.2, 0.15]])
    if layout.free(np.array([*corners.min(0), *corners.max(0)])):
        for part in chair.parts:
            layout.add(part, origin, facing)
        layout.taken.append(np.array([*(origin[:2] - 0.2), *(origin[:2] + 0.2)]))


def _middle(rng: np.random.Generator, layout: Layout, kind: str, rectangle: np.ndarray) -> None:
    """Tables with chairs around them, and chairs that stand alone."""
    builder = {"meeting": furniture.meeting, "living": furniture.coffee_table}.get(kind, furniture.dining)
    tables = {"meeting": int(rng.integers(1, 4)), "living": 1, "kitchen": 1, "office": int(rng.random() < 0.3)}.get(
        kind, 0
    )
    for _ in range(tables):
        piece, turn = builder(rng), rng.choice((0, np.pi / 2)) + rng.normal(0, 0.04)
        half = np.array([piece.width, piece.depth]) / 2
        half = half if abs(np.sin(turn)) < 0.7 else half[::-1]
        for _ in range(20):
            spare = np.maximum(rectangle[2:] - rectangle[:2] - 2 * half - 0.6, 0.01)
            middle = rectangle[:2] + half + 0.3 + rng.uniform(0, 1, 2) * spare
            if layout.free(np.array([*(middle - half), *(middle + half)])):
                break
        else:
            continue
        layout.taken.append(np.array([*(middle - half), *(middle + half)]))
        back = np.array([np.sin(turn), -np.cos(turn)]) * piece.depth / 2
        for part in piece.parts:
            layout.add(part, np.array([*(middle + back), 0.0]), turn)
        if kind == "living" or piece.height < 0.6:
            continue
        along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        for side in (-1, 1):
            for place in (np.arange(max(1, int(piece.width / 0.57))) + 0.5) / max(1, int(piece.width / 0.57)) - 0.5:
                if rng.random() < 0.85:
                    edge = middle + along * place * piece.width + side * across * piece.depth / 2
                    _seat(rng, layout, np.array([*edge, 0.0]), turn + (np.pi if side > 0 else 0))
    for _ in range(rng.integers(0, 3) if kind not in ("bathroom", "kitchen") else 0):
        middle = rng.uniform(rectangle[:2] + 0.5, rectangle[2:] - 0.5)
        corners = np.array([*(middle - 0.3), *(middle + 0.3)])
        if layout.free(corners):
            layout.taken.append(corners)
            layout.add(furniture.chair(rng).parts[0], np.array([*middle, 0.0]), rng.uniform(-np.pi, np.pi))
