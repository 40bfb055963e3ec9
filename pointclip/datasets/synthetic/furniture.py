"""Random chairs and tables: builders of named parts for `dataset`.

Lengths are roughly metres, y is up, the front looks towards −z.
"""

from itertools import pairwise

import numpy as np

from pointclip.datasets.synthetic.primitives import (
    Mesh,
    bend,
    box,
    circle,
    cylinder,
    divide,
    ellipsoid,
    mirror,
    move,
    plate,
    revolve,
    rod,
    tube,
    turn,
)

Parts = list[tuple[str, Mesh]]


def build_chair(rng: np.random.Generator) -> Parts:
    """A chair, armchair, office chair or low-backed stool."""
    width, depth = rng.uniform(0.38, 0.6), rng.uniform(0.38, 0.56)
    height, thick = rng.uniform(0.38, 0.5), rng.uniform(0.025, 0.12)
    kind = rng.choice(["four", "four", "four", "pedestal", "sled", "block", "bar", "shell"])
    if kind == "shell":
        return _shell_chair(rng, width, height, depth)
    if kind == "block":
        width, thick = rng.uniform(0.55, 0.85), rng.uniform(0.1, 0.2)
    if kind == "bar":
        width, depth, height = width * 0.75, depth * 0.75, rng.uniform(0.65, 0.8)
    parts = [("seat", _chair_seat(rng, width, height, depth, thick))]
    back_height = rng.uniform(0.15, 0.3) if kind == "bar" else rng.uniform(0.35, 0.68)
    if kind != "bar" or rng.random() < 0.6:
        parts += _chair_back(rng, width, height, depth, back_height)
    legs = {"four": _four_legs, "bar": _four_legs, "pedestal": _swivel_leg, "sled": _sled_legs, "block": _block_legs}
    parts += [("leg", mesh) for mesh in legs[kind](rng, width, height - thick, depth)]
    if rng.random() < {"block": 0.9, "bar": 0.0, "pedestal": 0.6}.get(kind, 0.45):
        parts += [("arm", mesh) for mesh in _chair_arms(rng, width, height, depth, solid=kind == "block")]
    return parts


def _shell_chair(rng, width: float, height: float, depth: float) -> Parts:
    """A chair of one bent shell, a bowl or a bucket, whose lower part is the seat and whose upper part the back."""
    radius, deep = width * rng.uniform(0.55, 0.8), rng.uniform(0.35, 0.8)
    r = np.linspace(0, 1, 9)
    bowl = revolve(np.stack([radius * r, radius * deep * (r ** rng.uniform(1.5, 3.0) - 1)], -1), segments=24)
    lean = rng.uniform(0.35, 1.0)
    bowl = turn(bowl, 0, -lean)  # its opening looks to the front
    bowl = move(bowl, (0, height - bowl.vertices[:, 1].min() - 0.06, 0.05))
    split = bowl.vertices[:, 1].min() + radius * rng.uniform(0.4, 0.6)
    back, seat = divide(bowl, lambda c, n: c[:, 1] > split)
    stand = [_four_legs, _swivel_leg, _sled_legs][int(rng.integers(3))]
    legs = stand(rng, width * 0.8, height, depth * 0.8)
    return [("seat", seat), ("back", back), *(("leg", mesh) for mesh in legs)]


def _chair_seat(rng, width: float, height: float, depth: float, thick: float) -> Mesh:
    centre = (0, height - thick / 2, 0)
    if rng.random() < 0.25:
        radii = (width / 2, thick / 2, depth / 2)
        return ellipsoid(radii, centre, power=rng.uniform(0.3, 0.8))
    if rng.random() < 0.2:
        return cylinder(width / 2, thick, centre)
    narrow = rng.uniform(0.8, 1.0)  # the rear edge over the front edge
    front = [(-width / 2, height - thick / 2, -depth / 2), (width / 2, height - thick / 2, -depth / 2)]
    rear = [(-narrow * width / 2, height - thick / 2, depth / 2), (narrow * width / 2, height - thick / 2, depth / 2)]
    return plate(front, rear, (0, thick, 0))


def _chair_back(rng, width: float, height: float, depth: float, back: float) -> Parts:
    lean, bow, arch = (
        rng.uniform(0, 0.28),
        rng.choice([0, rng.uniform(0.02, 0.12)]),
        rng.choice([0, rng.uniform(0, 0.2)]),
    )
    thick = rng.uniform(0.02, 0.08)

    def at(x, t):
        """Points of the back's middle surface: x in −1..1 across, t in 0..1 upward."""
        x, t = np.broadcast_arrays(np.asarray(x, float), np.asarray(t, float))
        up = back * t * (1 - arch * x**2)
        return np.stack([x * width / 2, height + up, depth / 2 - thick / 2 + lean * up + bow * (1 - x**2)], -1)

    across = np.linspace(-1, 1, 9)
    style = rng.choice(["panel", "panel", "slats", "bars", "framed", "high panel"])
    if style in ("panel", "high panel"):
        low = 0 if style == "panel" else rng.uniform(0.2, 0.5)
        meshes = [plate(at(across, low), at(across, 1), (0, 0, thick))]
        if low:
            places = [(-0.7, 0.7), (-0.5, 0.0, 0.5)][int(rng.integers(2))]
            meshes += [rod(at(x, -0.05), at(x, low), 0.014) for x in places]
        return [("back", mesh) for mesh in meshes]
    post = rng.uniform(0.012, 0.024)
    meshes = [rod(at(x, -0.05), at(x, 1), post, square=True) for x in (-0.94, 0.94)]
    meshes.append(plate(at(across, 1 - rng.uniform(0.08, 0.25)), at(across, 1), (0, 0, 2 * post)))
    if style == "slats":
        meshes += [rod(at(x, 0), at(x, 0.9), post * 0.7) for x in np.linspace(-0.94, 0.94, rng.integers(5, 10))[1:-1]]
    elif style == "bars":
        for t in np.linspace(0.15, 0.8, rng.integers(2, 5)):
            meshes.append(plate(at(across, t - 0.045), at(across, t + 0.045), (0, 0, post)))
    else:
        inner = np.linspace(-0.9, 0.9, 5)
        meshes.append(plate(at(inner, 0.12), at(inner, 0.9), (0, 0, post)))
    return [("back", mesh) for mesh in meshes]


def _four_legs(rng, width: float, height: float, depth: float) -> list[Mesh]:
    radius, splay, square = rng.uniform(0.012, 0.03), rng.uniform(0, 0.07) * (rng.random() < 0.6), rng.random() < 0.5
    taper, inset = rng.uniform(0.5, 1.0), rng.uniform(0.02, 0.07)
    x, z = width / 2 - inset, depth / 2 - inset
    meshes = [
        rod((a * x, height, b * z), (a * (x + splay), 0, b * (z + splay)), radius, radius * taper, square)
        for a in (-1, 1)
        for b in (-1, 1)
    ]
    if rng.random() < 0.45:
        y, thin = height * rng.uniform(0.2, 0.6), radius * 0.7
        out = splay * (1 - y / height)
        x, z = x + out, z + out
        meshes += [rod((a * x, y, -z), (a * x, y, z), thin) for a in (-1, 1)]
        ends = [0.0] if rng.random() < 0.5 else [-z, z]
        meshes += [rod((-x, y, b), (x, y, b), thin) for b in ends]
    return meshes


def _swivel_leg(rng, width: float, height: float, depth: float) -> list[Mesh]:
    reach, radius = rng.uniform(0.24, 0.34), rng.uniform(0.02, 0.04)
    if rng.random() < 0.3:  # a disc on the floor
        profile = [(0, 0), (reach, 0), (reach, 0.015), (radius, 0.05), (radius, height)]
        return [revolve(profile)]
    meshes = [rod((0, 0.09, 0), (0, height, 0), radius)]
    wheel = rng.uniform(0.02, 0.035) if rng.random() < 0.75 else 0.0
    for x, z in circle(int(rng.choice([4, 5, 5]))) * reach:
        meshes.append(rod((0, 0.12, 0), (x, 2 * wheel + 0.01, z), radius * 0.8, radius * 0.5))
        if wheel:
            meshes.append(ellipsoid((wheel, wheel, wheel), (x, wheel, z)))
    return meshes


def _sled_legs(rng, width: float, height: float, depth: float) -> list[Mesh]:
    x, z, radius = width / 2 - 0.02, depth / 2 - 0.02, rng.uniform(0.01, 0.018)
    if rng.random() < 0.5:  # a cantilever: no rear leg, the runners joined behind
        runner = [(x, height, -z), (x, 0.06, -z), (x, 0, -z + 0.06), (x, 0, z), (-x, 0, z)]
        runner += [(-x, 0, -z + 0.06), (-x, 0.06, -z), (-x, height, -z)]
        return [tube([start, end], radius) for start, end in pairwise(runner)]
    runner = [(x, height, -z), (x, 0, -z), (x, 0, z), (x, height, z)]
    side = [rod(start, end, radius, square=True) for start, end in pairwise(runner)]
    return side + [mirror(mesh) for mesh in side] + [rod((-x, height, 0), (x, height, 0), radius)]


def _block_legs(rng, width: float, height: float, depth: float) -> list[Mesh]:
    foot = rng.uniform(0.03, 0.12)
    x, z = width / 2 - 0.05, depth / 2 - 0.05
    feet = [box((0.05, foot, 0.05), (a * x, foot / 2, b * z)) for a in (-1, 1) for b in (-1, 1)]
    return [*feet, box((width, height - foot, depth), (0, (height + foot) / 2, 0))]


def _chair_arms(rng, width: float, height: float, depth: float, solid: bool) -> list[Mesh]:
    rise, thick = rng.uniform(0.16, 0.26), rng.uniform(0.025, 0.06)
    x = width / 2 + thick / 2
    if solid:
        thick = rng.uniform(0.08, 0.18)
        x, low = width / 2 + thick / 2, rng.uniform(0.03, 0.12)
        side = box((thick, height + rise - low, depth), (x, (height + rise + low) / 2, 0))
        return [side, mirror(side)]
    top = height + rise
    style = rng.choice(["posts", "loop", "one post"])
    if style == "loop":
        path = bend([(x, height - 0.03, -depth * 0.35), (x, top + 0.1, -depth * 0.6), (x, top, depth / 2)], 10)
        side = [tube(path, thick * 0.45)]
    else:
        side = [box((thick * 1.4, thick, depth * 0.95), (x, top, 0.02))]
        places = (-depth * 0.4, depth * 0.3) if style == "posts" else (0.0,)
        side += [rod((x, height - 0.05, z), (x, top, z), thick * 0.4, square=True) for z in places]
    return side + [mirror(mesh) for mesh in side]


def build_table(rng: np.random.Generator) -> Parts:
    """A dining table, desk, coffee table or round table, perhaps with drawers."""
    width, height = rng.uniform(0.8, 1.8), rng.uniform(0.55, 0.8)
    if rng.random() < 0.25:
        height = rng.uniform(0.3, 0.45)
    depth, thick = width * rng.uniform(0.4, 0.75), rng.uniform(0.02, 0.07)
    if rng.random() < 0.2:
        depth = width
    under = height - thick
    centre = (0, height - thick / 2, 0)
    if rng.random() < 0.3:
        rounded = True
        depth = width if rng.random() < 0.6 else depth
        disc = cylinder(width / 2, thick, centre)
        top = Mesh(disc.vertices * (1, 1, depth / width), disc.faces)
    else:
        rounded = False
        top = box((width, thick, depth), centre)
    kinds = ["four", "four", "pedestal"] if rounded else ["four", "four", "four", "trestle", "panels", "pedestal"]
    kind = rng.choice(kinds)
    build = {"four": _table_legs, "pedestal": _table_pedestal, "trestle": _table_trestle, "panels": _table_panels}[kind]
    shrink = 0.68 if rounded else 1.0
    parts = [("top", top)]
    parts += [("leg", mesh) for mesh in build(rng, width * shrink, under, depth * shrink)]
    if not rounded and kind in ("four", "panels") and rng.random() < 0.5:
        parts += [("drawer", mesh) for mesh in _drawers(rng, width, under, depth)]
    return parts


def _table_legs(rng, width: float, height: float, depth: float) -> list[Mesh]:
    radius, splay, square = rng.uniform(0.018, 0.05), rng.uniform(0, 0.12) * (rng.random() < 0.4), rng.random() < 0.6
    taper, x, z = rng.uniform(0.45, 1.0), width / 2 - radius * 1.5, depth / 2 - radius * 1.5
    meshes = [
        rod((a * (x - splay), height, b * (z - splay)), (a * x, 0, b * z), radius, radius * taper, square)
        for a in (-1, 1)
        for b in (-1, 1)
    ]
    extra = rng.choice(["none", "none", "apron", "shelf", "stretcher"])
    if extra == "apron":
        drop = rng.uniform(0.05, 0.1)
        meshes += [box((2 * x, drop, 0.02), (0, height - drop / 2, b * z)) for b in (-1, 1)]
        meshes += [box((0.02, drop, 2 * z), (a * x, height - drop / 2, 0)) for a in (-1, 1)]
    elif extra == "shelf":
        meshes.append(box((2 * x, 0.02, 2 * z), (0, height * rng.uniform(0.15, 0.4), 0)))
    elif extra == "stretcher":
        y = height * rng.uniform(0.1, 0.3)
        meshes += [rod((a * x, y, -z), (a * x, y, z), radius * 0.6) for a in (-1, 1)]
        meshes.append(rod((-x, y, 0), (x, y, 0), radius * 0.6))
    return meshes


def _table_pedestal(rng, width: float, height: float, depth: float) -> list[Mesh]:
    radius, reach = width * rng.uniform(0.03, 0.09), min(width, depth) * rng.uniform(0.3, 0.48)
    if rng.random() < 0.5:
        profile = [(0, 0), (reach, 0), (reach, 0.02), (radius, 0.08), (radius, height * 0.8), (radius * 1.6, height)]
        return [revolve(profile)]
    meshes = [rod((0, 0.06, 0), (0, height, 0), radius)]
    for x, z in circle(int(rng.integers(3, 6))) * reach:
        meshes.append(rod((0, height * 0.2, 0), (x, 0.02, z), radius * 0.7, radius * 0.45))
    return meshes


def _table_trestle(rng, width: float, height: float, depth: float) -> list[Mesh]:
    x, z, radius = width * rng.uniform(0.32, 0.44), depth * 0.42, rng.uniform(0.02, 0.04)
    if rng.random() < 0.5:
        side = [
            rod((x, 0, -z), (x, height, z), radius, square=True),
            rod((x, 0, z), (x, height, -z), radius, square=True),
        ]
    else:
        side = [rod((x, 0.02, 0), (x, height, 0), radius * 1.6, square=True)]
        side += [box((radius * 3, radius * 1.5, 2 * z), (x, y, 0)) for y in (radius, height - radius)]
    y = height * rng.uniform(0.3, 0.6)
    return side + [mirror(mesh) for mesh in side] + [rod((-x, y, 0), (x, y, 0), radius * 0.8, square=True)]


def _table_panels(rng, width: float, height: float, depth: float) -> list[Mesh]:
    thick = rng.uniform(0.02, 0.06)
    side = box((thick, height, depth * 0.96), (width / 2 - thick / 2, height / 2, 0))
    meshes = [side, mirror(side)]
    if rng.random() < 0.6:
        drop = height * rng.uniform(0.3, 0.95)
        meshes.append(box((width - 2 * thick, drop, 0.02), (0, height - drop / 2, depth * 0.4)))
    return meshes


def _drawers(rng, width: float, height: float, depth: float) -> list[Mesh]:
    """Drawer boxes with knobs on their fronts: a row below the top, or stacks at one or both sides."""
    meshes, gap = [], 0.012
    if rng.random() < 0.5:
        count, drop = int(rng.integers(1, 4)), rng.uniform(0.08, 0.14)
        wide = (width - 0.12) / count
        places = [((i - (count - 1) / 2) * wide, height - drop / 2, wide - gap, drop) for i in range(count)]
    else:
        count, wide, drop = int(rng.integers(2, 5)), width * rng.uniform(0.2, 0.28), height * rng.uniform(0.5, 0.9)
        x = width / 2 - wide / 2 - 0.05
        sides = [(-x, x), (x,)][int(rng.integers(2))]
        places = [
            (side, height - (i + 0.5) * drop / count, wide, drop / count - gap) for side in sides for i in range(count)
        ]
    for x, y, wide, tall in places:
        meshes.append(box((wide, tall, depth * 0.85), (x, y, 0)))
        meshes.append(ellipsoid((0.05, 0.012, 0.02), (x, y, -depth * 0.425 - 0.015)))
    return meshes
