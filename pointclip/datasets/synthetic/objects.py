"""Random guitars, knives, laptops, mugs and pistols: builders of named parts for `dataset`.

Every shape is built at a size of about one, y is up, the front looks towards −z.
"""

# ruff: noqa: RUF005 - a tuple added to an array is a shift here, not a longer list

import numpy as np

from pointclip.datasets.synthetic.primitives import (
    TAU,
    Mesh,
    bend,
    box,
    circle,
    cylinder,
    ellipsoid,
    plate,
    revolve,
    rod,
    tube,
    turn,
)

Parts = list[tuple[str, Mesh]]


def _pose(parts: Parts, axis: int, angle: float) -> Parts:
    return [(name, turn(mesh, axis, angle)) for name, mesh in parts]


def build_guitar(rng: np.random.Generator) -> Parts:
    """An acoustic or electric guitar, mostly standing with its neck up, now and then lying on its back."""
    acoustic = rng.random() < 0.45
    tall, wide = rng.uniform(0.4, 0.5), rng.uniform(0.15, 0.2)
    thick = rng.uniform(0.07, 0.12) if acoustic else rng.uniform(0.035, 0.05)
    style = "round" if acoustic else rng.choice(["horns", "horns", "round", "vee"])
    bodies = _guitar_body(rng, style, tall, wide, thick)
    z = -thick / 2
    bridge = (wide * 0.6, tall * 0.25) if style != "vee" else (wide * 0.4, tall * 0.8)
    bodies.append(box((bridge[0], 0.02, 0.015), (0, bridge[1], z - 0.007)))
    if acoustic:
        bodies.append(revolve([(wide * 0.3, 0), (wide * 0.38, 0.004)], (0, tall * 0.62, z - 0.004), axis="z"))
    start, end = tall * (0.7 if acoustic else 0.75), tall + rng.uniform(0.36, 0.48)
    low, high = rng.uniform(0.028, 0.034), rng.uniform(0.021, 0.026)
    neck = plate([(-low, start, z), (-high, end, z)], [(low, start, z), (high, end, z)], (0, 0, 0.03))
    parts = [*(("body", mesh) for mesh in bodies), ("neck", neck), *_guitar_head(rng, end, high, z)]
    pose = rng.random()
    return parts if pose < 0.85 else _pose(parts, 0, np.pi / 2)


def _guitar_body(rng, style: str, tall: float, wide: float, thick: float) -> list[Mesh]:
    """A waisted body, perhaps with two horns beside the neck, or a body of two wings."""
    if style == "vee":
        wings = [rod((s * wide * 1.2, 0, 0), (s * 0.02, tall, 0), 0.07, 0.045) for s in (-1, 1)]
        return [Mesh(mesh.vertices * (1, 1, thick / 0.1), mesh.faces) for mesh in wings]
    t = np.linspace(0, 1, 31)
    shoulder = rng.uniform(0.7, 0.85)
    knots = [0.0, 0.45, 0.85, 1.0, 0.95, rng.uniform(0.6, 0.78), shoulder, shoulder, 0.65 * shoulder, 0.1]
    outline = np.interp(t, [0, 0.01, 0.1, 0.23, 0.36, 0.58, 0.76, 0.85, 0.96, 1.0], knots)
    outline[2:-2] = np.convolve(outline, np.array([1, 2, 3, 2, 1]) / 9, "valid")
    edge = np.stack([wide * outline, tall * t, np.zeros(31)], -1)
    meshes = [plate(edge, edge * (-1, 1, 1), (0, 0, thick))]
    if style == "horns":
        for side, length in ((1, rng.uniform(0.02, 0.1)), (-1, rng.uniform(0.05, 0.13))):
            x, y = side * wide * shoulder, tall * 0.72
            middle = bend([(x * 0.72, y, 0), (x * 0.85, tall * 0.95, 0), (x * 0.62, tall + length, 0)], 8)
            half = np.linspace(wide * 0.25, 0.012, 8)[:, None] * (1, 0, 0)
            meshes.append(plate(middle - half, middle + half, (0, 0, thick * 0.98)))
    return meshes


def _guitar_head(rng, y: float, half: float, z: float) -> Parts:
    length, wide, tip = rng.uniform(0.12, 0.17), rng.uniform(0.036, 0.05), rng.uniform(0.03, 0.05)
    shift = rng.choice([0.0, rng.uniform(0.0, 0.02)])
    t = [y, y + length * 0.15, y + length * 0.9, y + length]
    left = [(-half, t[0], z), (-wide, t[1], z), (-wide * 0.9 + shift, t[2], z), (-tip * 0.6 + shift, t[3], z)]
    right = [(half, t[0], z), (wide, t[1], z), (wide * 0.9 + shift, t[2], z), (tip * 0.6 + shift, t[3], z)]
    parts = [("head", plate(left, right, (0, 0, 0.02)))]
    for u in (0.25, 0.5, 0.75):
        for side in (-1, 1):
            peg = (side * (wide + 0.014) + shift * u, y + length * u, z)
            parts.append(("head", ellipsoid((0.016, 0.009, 0.008), peg)))
    return parts


def build_knife(rng: np.random.Generator) -> Parts:
    """A kitchen knife, cleaver, dagger, hunting knife, table knife or sword; upright or lying."""
    kind = rng.choice(["chef", "cleaver", "dagger", "hunting", "table", "sword"])
    blade = {"cleaver": rng.uniform(0.5, 0.65), "sword": rng.uniform(0.9, 1.2)}.get(kind, rng.uniform(0.45, 0.75))
    wide = {"cleaver": rng.uniform(0.18, 0.28), "table": 0.06, "sword": 0.06}.get(kind, rng.uniform(0.07, 0.15))
    t = np.linspace(0, 1, 15)
    if kind == "dagger" or kind == "sword":
        half = wide / 2 * np.clip((1 - t) / rng.uniform(0.15, 0.9), 0, 1)
        edge, spine = -half, half
    elif kind == "cleaver":
        edge, spine = np.full(15, -wide + 0.04), np.full(15, 0.04)
    else:
        point = rng.uniform(1.5, 5.0)
        drop = rng.uniform(0.0, 0.7) if kind == "hunting" else rng.uniform(0.0, 0.3)  # how far the spine comes down
        spine = np.full(15, wide * 0.3) - wide * drop * t**3
        edge = spine - wide * np.clip(1 - t**point, 0.02, 1) + wide * drop * t**3 * 0.3
    thick = rng.uniform(0.012, 0.02) * np.linspace(1, 0.5, 15)
    y = blade * t
    zero = np.zeros(15)
    flat = np.stack([thick, zero, zero], -1)
    parts = [("blade", plate(np.stack([zero, y, edge], -1), np.stack([zero, y, spine], -1), flat))]
    parts += [("handle", mesh) for mesh in _hilt(rng, kind, wide)]
    pose = rng.random()
    if pose < 0.4:
        return parts
    parts = _pose(parts, 0, -np.pi / 2)  # the point to the front, the edge down
    return parts if pose < 0.7 else _pose(parts, 2, np.pi / 2)  # or lying flat


def _hilt(rng, kind: str, wide: float) -> list[Mesh]:
    length, half = rng.uniform(0.28, 0.42), np.clip(wide * rng.uniform(0.25, 0.4), 0.02, 0.035)
    sway = rng.uniform(-0.03, 0.04) * (kind in ("chef", "hunting", "cleaver"))
    path = bend([(0, 0.0, 0), (0, -length / 2, sway), (0, -length, -sway)], 9)
    swell = 1 + rng.uniform(0, 0.25) * np.cos(np.linspace(0, rng.uniform(2, 3) * np.pi, 9))
    meshes = [tube(path, half * swell, flat=rng.uniform(0.45, 0.9), power=rng.uniform(0.5, 1.0), sides=10)]
    if kind in ("dagger", "sword") or (kind == "hunting" and rng.random() < 0.6):
        reach = rng.uniform(0.07, 0.14)
        meshes.append(box((0.035, 0.03, 2 * reach), (0, 0, 0)))
        meshes.append(ellipsoid((half, half, half), (0, -length, -sway)))
    return meshes


def build_laptop(rng: np.random.Generator) -> Parts:
    """A laptop opened by 80 to 140 degrees."""
    width, depth = 1.0, rng.uniform(0.62, 0.78)
    base, lid = rng.uniform(0.025, 0.07), rng.uniform(0.012, 0.035)
    angle = rng.uniform(np.radians(80), np.radians(140))
    keyboard = [box((width, base, depth), (0, base / 2, 0))]
    if rng.random() < 0.6:
        keyboard.append(box((width * 0.85, 0.006, depth * 0.4), (0, base + 0.003, depth * 0.15)))
        keyboard.append(box((width * 0.25, 0.004, depth * 0.2), (0, base + 0.002, -depth * 0.28)))
    if rng.random() < 0.5:
        keyboard.append(cylinder(base * 0.4, width * 0.7, (0, base, depth / 2), axis="x"))
    tall = depth * rng.uniform(0.92, 1.02)
    hinge = np.array((0, base, depth / 2))
    screen = [box((width, tall, lid), hinge + (0, tall / 2, lid / 2))]
    if rng.random() < 0.4:
        screen.append(box((width * 0.92, tall * 0.88, 0.004), hinge + (0, tall * 0.52, -0.002)))
    lean = angle - np.pi / 2
    return [
        *(("keyboard", mesh) for mesh in keyboard),
        *(("screen", turn(mesh, 0, lean, about=hinge)) for mesh in screen),
    ]


def build_mug(rng: np.random.Generator) -> Parts:
    """A mug or cup: straight, conical, bellied or squat, with a round, square or ear-like handle on +x."""
    radius, height, wall = rng.uniform(0.32, 0.5), rng.uniform(0.65, 1.15), rng.uniform(0.02, 0.05)
    low, belly, floor = (
        rng.uniform(0.65, 1.05),
        rng.choice([0.0, 0.0, rng.uniform(-0.12, 0.2)]),
        rng.uniform(0.03, 0.08),
    )
    t = np.linspace(0, 1, 9)
    outer = radius * (low + (1 - low) * t ** rng.uniform(0.5, 1.5) + belly * np.sin(np.pi * t))
    y = height * t
    outside = np.stack([outer, y], -1)
    inside = np.stack([outer - wall, np.maximum(y, floor)], -1)[::-1]
    cup = revolve(np.concatenate([[(0, 0)], outside, inside, [(0, floor)]]), segments=28)
    if rng.random() < 0.08:  # a square mug
        cup = Mesh(_squared(cup.vertices), cup.faces)
    top, bottom = height * rng.uniform(0.75, 0.9), height * rng.uniform(0.12, 0.35)
    reach, thin = rng.uniform(0.24, 0.4), rng.uniform(0.03, 0.055)
    begin, end = np.interp([top, bottom], y, outer) - wall / 2
    out = max(begin, end) + reach
    style = rng.choice(["ear", "ear", "ring", "square"])
    if style == "ear":
        path = bend([(begin, top, 0), (out * 1.25, top * 1.08, 0), (out, bottom * 0.9, 0), (end, bottom, 0)], 16)
    elif style == "ring":
        ring = circle(16, TAU * 0.5) * (reach, (top - bottom) / 2)
        side = np.stack([ring[:, 1], ring[:, 0]], -1) * (reach / ((top - bottom) / 2), (top - bottom) / 2 / reach)
        path = np.stack([side[:, 0] + np.linspace(begin, end, 16), side[:, 1] + (top + bottom) / 2, np.zeros(16)], -1)
    else:
        path = np.array(
            [
                (begin, top, 0),
                (out - 0.05, top, 0),
                (out, top - 0.05, 0),
                (out, bottom + 0.05, 0),
                (out - 0.05, bottom, 0),
                (end, bottom, 0),
            ]
        )
    handle = tube(path, thin, flat=rng.uniform(0.8, 2.2), power=rng.uniform(0.6, 1.0))
    return [("cup", cup), ("handle", handle)]


def _squared(vertices: np.ndarray) -> np.ndarray:
    """Round sections about the y axis turned into rounded squares of the same width."""
    angle = np.arctan2(vertices[:, 2], vertices[:, 0])
    grow = (np.abs(np.cos(angle)) ** 6 + np.abs(np.sin(angle)) ** 6) ** (-1 / 6)
    return vertices * np.stack([grow, np.ones_like(grow), grow], -1)


def build_pistol(rng: np.random.Generator) -> Parts:
    """A pistol with a slide, or a revolver; the muzzle to the front."""
    revolver = rng.random() < 0.3
    length, tall, thick = rng.uniform(0.8, 1.1), rng.uniform(0.13, 0.19), rng.uniform(0.09, 0.13)
    parts = _revolver(rng, length, tall, thick) if revolver else _slide(rng, length, tall, thick)
    rear = length / 2
    slant, grip = rng.uniform(0.06, 0.26), rng.uniform(0.42, 0.6)
    wide = rng.uniform(0.19, 0.25)
    t = np.linspace(0, 1, 7)
    y = -grip * t
    swell = 1 + rng.uniform(0.0, 0.15) * np.sin(np.pi * t)
    back = rear - 0.06 + slant * t ** (1.6 if revolver else 1.0)
    front = back - wide * swell
    zero = np.zeros(7)
    flat = np.stack([thick * 0.9 * swell, zero, zero], -1)
    parts.append(("handle", plate(np.stack([zero, y, front], -1), np.stack([zero, y, back], -1), flat)))
    begin, reach, drop = front[0] + 0.03, rng.uniform(0.2, 0.28), rng.uniform(0.13, 0.18)
    knots = [
        (0, -drop * 0.9, begin),
        (0, -drop * 1.25, begin - reach * 0.5),
        (0, -drop, begin - reach),
        (0, 0.0, begin - reach),
    ]
    parts.append(("trigger", tube(bend(knots, 12), 0.014, flat=1.8)))
    z = begin - reach * 0.4
    parts.append(("trigger", tube(bend([(0, 0, z), (0, -drop * 0.5, z + 0.02), (0, -drop * 0.8, z - 0.04)], 7), 0.016)))
    return parts


def _slide(rng, length: float, tall: float, thick: float) -> Parts:
    """Slide and frame, with sights and perhaps a silencer."""
    frame = length * rng.uniform(0.75, 0.98)
    parts = [
        box((thick, tall * 0.6, length), (0, tall * 0.75, 0)),
        box((thick * 0.9, tall * 0.45, frame), (0, tall * 0.22, (length - frame) / 2)),
    ]
    parts.append(cylinder(thick * 0.28, 0.08, (0, tall * 0.75, -length / 2 - 0.03), axis="z"))
    parts += [box((0.02, 0.035, 0.03), (0, tall * 1.08, z)) for z in (-length / 2 + 0.05, length / 2 - 0.05)]
    if rng.random() < 0.15:
        parts.append(cylinder(thick * 0.5, length * 0.55, (0, tall * 0.75, -length * 0.77), axis="z"))
    if rng.random() < 0.4:  # the hammer
        parts.append(rod((0, tall * 0.5, length / 2 - 0.02), (0, tall * 1.0, length / 2 + 0.05), 0.022))
    return [("barrel", mesh) for mesh in parts]


def _revolver(rng, length: float, tall: float, thick: float) -> Parts:
    """Barrel, drum, frame and hammer."""
    bore, drum = thick * rng.uniform(0.28, 0.4), thick * rng.uniform(0.75, 0.95)
    offset = length / 2 - 0.33
    parts = [cylinder(bore, length * 0.6, (0, tall * 0.8, -length / 2 + length * 0.3), axis="z")]
    parts.append(cylinder(drum, 0.22, (0, tall * 0.55, offset), axis="z"))
    parts += [box((thick * 0.7, tall * 0.35, 0.5), (0, tall * y, offset + 0.05)) for y in (0.05, 1.1)]
    parts.append(box((thick * 0.75, tall * 1.2, 0.16), (0, tall * 0.5, length / 2 - 0.12)))
    parts.append(rod((0, tall * 0.8, length / 2 - 0.06), (0, tall * 1.35, length / 2 + 0.06), 0.024))
    parts.append(box((0.015, 0.06, 0.05), (0, tall * 0.8 + bore, -length / 2 + 0.04)))
    if rng.random() < 0.5:
        parts.append(box((bore * 1.2, bore * 1.4, length * 0.55), (0, tall * 0.8 - bore, -length / 2 + length * 0.3)))
    return [("barrel", mesh) for mesh in parts]
