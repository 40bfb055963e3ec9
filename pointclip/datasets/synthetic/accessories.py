"""Random bags, caps and earphones: builders of named parts for `dataset`.

Every shape is built at a size of about one, y is up, the front looks towards −z.
"""

# ruff: noqa: RUF005 - a tuple added to an array is a shift here, not a longer list

import numpy as np

from pointclip.datasets.synthetic.primitives import (
    Mesh,
    bend,
    box,
    circle,
    cylinder,
    ellipsoid,
    loft,
    mirror,
    move,
    revolve,
    rod,
    sheet,
    torus,
    tube,
    turn,
)

Parts = list[tuple[str, Mesh]]


def build_bag(rng: np.random.Generator) -> Parts:
    """A handbag, tote, shoulder bag, briefcase or backpack."""
    kind = rng.choice(["handbag", "tote", "shoulder", "briefcase", "backpack"])
    width, height, depth = {
        "handbag": (rng.uniform(0.8, 1.1), rng.uniform(0.5, 0.75), rng.uniform(0.25, 0.45)),
        "tote": (rng.uniform(0.75, 1.0), rng.uniform(0.75, 1.0), rng.uniform(0.15, 0.4)),
        "shoulder": (rng.uniform(0.7, 1.0), rng.uniform(0.45, 0.7), rng.uniform(0.18, 0.35)),
        "briefcase": (rng.uniform(0.95, 1.15), rng.uniform(0.6, 0.8), rng.uniform(0.15, 0.28)),
        "backpack": (rng.uniform(0.6, 0.75), rng.uniform(0.85, 1.05), rng.uniform(0.3, 0.45)),
    }[kind]
    t = np.linspace(0, 1, 9)
    belly = 1 + rng.uniform(0, 0.12) * np.sin(np.pi * t)
    narrow = {"handbag": (0.65, 0.9), "tote": (0.95, 1.2), "backpack": (0.7, 0.95)}.get(kind, (0.95, 1.0))
    across = belly * (1 + (rng.uniform(*narrow) - 1) * t)
    flat = {"briefcase": (0.95, 1.0), "backpack": (0.5, 0.8)}.get(kind, (0.12, 0.6))
    thick = belly * (1 + (rng.uniform(*flat) - 1) * t)
    ring = np.sign(circle(20)) * np.abs(circle(20)) ** rng.uniform(0.25, 0.6)  # a rounded rectangle
    rings = np.empty((9, 20, 3))
    rings[:, :, 0] = width / 2 * across[:, None] * ring[:, 0]
    rings[:, :, 1] = height * t[:, None] * np.ones(20)
    rings[:, :, 2] = depth / 2 * thick[:, None] * ring[:, 1]
    parts = [("body", loft(rings, caps=True))]
    if kind == "backpack":
        pocket = (width * 0.36, height * 0.2, depth * 0.25)
        parts.append(("body", ellipsoid(pocket, (0, height * 0.3, -depth / 2), power=0.4)))
    elif rng.random() < 0.3:  # a flap over the front
        z = -depth / 2 * 1.08
        parts.append(("body", box((width * 0.9, height * 0.45, 0.02), (0, height * 0.75, z * thick[7]))))
    return parts + [("handle", mesh) for mesh in _bag_handles(rng, kind, width, height, depth, thick[-1])]


def _bag_handles(rng, kind: str, width: float, height: float, depth: float, mouth: float) -> list[Mesh]:
    thin, flat = rng.uniform(0.012, 0.03), rng.uniform(0.5, 2.5)
    if kind == "backpack":
        x, back = width * 0.25, depth / 2
        strap = bend(
            [(x, height * 0.95, back * 0.7), (x * 1.1, height * 0.9, back * 2.6), (x * 1.2, height * 0.05, back)], 14
        )
        side = tube(strap, 0.015, flat=3.0)
        loop = bend([(-0.08, height, 0), (-0.08, height + 0.13, 0), (0.08, height + 0.13, 0), (0.08, height, 0)], 10)
        return [side, mirror(side), tube(loop, 0.014, flat=1.5)]
    if kind == "shoulder":
        reach, rise = width * rng.uniform(0.42, 0.48), rng.uniform(0.5, 1.1)
        path = bend(
            [
                (-reach, height * 0.85, 0),
                (-reach, height + rise * 1.3, 0),
                (reach, height + rise * 1.3, 0),
                (reach, height * 0.85, 0),
            ],
            20,
        )
        return [tube(path, thin * 0.7, flat=flat)]
    reach, rise = width * rng.uniform(0.14, 0.3), rng.uniform(0.25, 0.5)
    if kind == "briefcase":
        reach, rise, flat = width * rng.uniform(0.1, 0.18), rng.uniform(0.1, 0.2), 1.0
    path = bend([(-reach, 0, 0), (-reach, rise * 1.33, 0), (reach, rise * 1.33, 0), (reach, 0, 0)], 16)
    offset = depth / 2 * mouth * 0.9
    if kind == "briefcase" or rng.random() < 0.3:
        return [tube(path + (0, height, 0), thin, flat=flat)]
    low = height * rng.uniform(0.85, 1.0)
    return [tube(path + (0, low, z), thin, flat=flat) for z in (-offset, offset)]


def build_cap(rng: np.random.Generator) -> Parts:
    """A baseball cap, a flat-brimmed or military cap, or a cap with a flat crown."""
    radius, height = 0.5, rng.uniform(0.38, 0.58)
    long = rng.uniform(0.95, 1.2)
    kind = rng.choice(["baseball", "baseball", "baseball", "army", "officer"])
    if kind == "baseball":
        crown = [ellipsoid((radius, height, radius * long), power=rng.uniform(0.8, 1.0), top_only=True)]
        if rng.random() < 0.7:
            crown.append(ellipsoid((0.03, 0.02, 0.03), (0, height, 0)))
    elif kind == "army":
        low, top = revolve([(radius, 0), (radius * 0.95, height * 0.8), (0, height * 0.85)]), rng.uniform(0.9, 1.0)
        crown = [Mesh(low.vertices * (top, 1, long), low.faces)]
    else:
        wide = rng.uniform(1.15, 1.35) * radius
        low = revolve(
            [(radius, 0), (radius, height * 0.35), (wide, height * 0.75), (wide * 0.95, height * 0.85), (0, height)]
        )
        crown = [Mesh(low.vertices * (1, 1, long), low.faces)]
    angles = np.linspace(-1, 1, 13) * rng.uniform(0.9, 1.25)
    reach, droop, slope = rng.uniform(0.3, 0.6), rng.uniform(0.0, 0.25), rng.uniform(-0.05, 0.35)
    inner = np.stack([radius * np.sin(angles), 0 * angles, -radius * long * np.cos(angles)], -1)
    fade = np.cos(angles / np.abs(angles).max() * np.pi / 2) ** 0.5
    rows = []
    for t in np.linspace(0, 1, 5):
        row = inner + (0, 0, -1) * (t * reach * fade)[:, None]
        row[:, 1] = -droop * (row[:, 0] / radius) ** 2 * t**0.5 - slope * reach * t * fade
        rows.append(row)
    rows = np.array(rows)
    rows[:, :, 1] -= rows[0, :, 1]  # it starts at the crown's rim
    return [*(("crown", mesh) for mesh in crown), ("peak", sheet(rows))]


def build_earphone(rng: np.random.Generator) -> Parts:
    """Headphones with a band over the head, or a pair of earbuds on a cord."""
    if rng.random() < 0.2:
        return _earbuds(rng)
    half, rise = rng.uniform(0.36, 0.46), rng.uniform(0.5, 0.75)
    wide, thin = rng.uniform(1.5, 5.0), rng.uniform(0.016, 0.035)
    angles = np.linspace(0, np.pi, 21)
    arch = np.stack(
        [half * np.cos(angles) ** 1, rise * np.abs(np.sin(angles)) ** rng.uniform(0.75, 1.0), 0 * angles], -1
    )
    parts = [("headband", tube(arch, thin, flat=wide, power=0.6))]
    if rng.random() < 0.5:  # padding at the top
        parts.append(("headband", tube(arch[6:15] - (0, thin, 0), thin * 1.6, flat=wide * 0.8)))
    cup, deep = rng.uniform(0.15, 0.25), rng.uniform(0.07, 0.14)
    tall, drop = rng.uniform(1.0, 1.35), rng.uniform(0.0, 0.12)
    side = [cylinder(cup, deep, (half, -drop, 0), axis="x", top=cup * rng.uniform(0.6, 1.0))]
    side.append(torus(cup * 0.75, cup * 0.27, (half - deep * 0.6, -drop, 0), axis="x", width=1.0))
    tilt = rng.uniform(-0.15, 0.15)
    about = np.array((half, -drop, 0))
    for mesh in side:
        mesh = turn(Mesh((mesh.vertices - about) * (1, tall, 1) + about, mesh.faces), 2, tilt, about=about)
        parts += [("earcup", mesh), ("earcup", mirror(mesh))]
    if rng.random() < 0.55:
        length = rng.uniform(0.4, 1.0)
        bottom = -drop - cup * tall
        knots = [
            (half, bottom, 0),
            (half, bottom - length * 0.5, 0),
            (rng.uniform(-0.5, 0.4), bottom - length * 0.6, 0.1),
        ]
        path = bend([*knots, (rng.uniform(-0.3, 0.3), bottom - length, rng.uniform(-0.2, 0.2))], 16)
        parts.append(("cord", tube(path, rng.uniform(0.01, 0.018), sides=6)))
    return parts


def _earbuds(rng) -> Parts:
    gap, length, size = rng.uniform(0.18, 0.4), rng.uniform(0.6, 1.0), rng.uniform(0.07, 0.11)
    bud = [
        ellipsoid((size, size, size * 0.75)),
        cylinder(size * 0.6, size, (-size * 0.7, 0, 0), axis="x", top=size * 0.4),
    ]
    bud.append(rod((size * 0.2, 0, 0), (size * 0.2, -size * 2.2, 0), size * 0.3))
    join = np.array((0, -length * 0.55, 0))
    start = np.array((gap + size * 0.2, -size * 2, 0))
    wire = tube(bend([start, start - (0, length * 0.3, 0), join], 10), 0.012, sides=6)
    parts = []
    for mesh in bud:
        side = move(mesh, (gap, 0, 0))
        parts += [("earcup", side), ("earcup", mirror(side))]
    end = (rng.uniform(-0.2, 0.2), -length * 1.2, rng.uniform(-0.1, 0.1))
    tail = tube(bend([join, join - (0, 0.2, 0), end], 10), 0.014, sides=6)
    return [*parts, ("cord", wire), ("cord", mirror(wire)), ("cord", tail), ("cord", cylinder(0.02, 0.1, end))]
