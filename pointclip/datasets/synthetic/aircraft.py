"""Random airplanes and rockets: builders of named parts for `dataset`.

Lengths are relative to the body's length (about 1), y is up; an airplane's nose points towards −z, a rocket's up.
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
    loft,
    mirror,
    move,
    plate,
    revolve,
    rod,
    turn,
)

Parts = list[tuple[str, Mesh]]


def _both(part: str, mesh: Mesh) -> Parts:
    return [(part, mesh), (part, mirror(mesh))]


def _wing(root, tip, root_chord: float, tip_chord: float, thick: float, up=(0, 1, 0)) -> Mesh:
    """A wing between two points of its leading edge, the chord along +z, thinner at the tip and the edges."""
    t = np.linspace(0, 1, 5)[:, None]
    lead = np.asarray(root, float) * (1 - t) + np.asarray(tip, float) * t
    chord = (root_chord * (1 - t) + tip_chord * t) * (0, 0, 1)
    half = thick / 2 * (1 - 0.6 * t) * up
    middle = lead + 0.35 * chord
    return loft(np.stack([lead, middle + half, lead + chord, middle - half], 1))


def build_airplane(rng: np.random.Generator) -> Parts:
    """An airliner, business jet, propeller aircraft or fighter."""
    kind = rng.choice(["liner", "liner", "rear jet", "propeller", "fighter"])
    radius = {"liner": 0.055, "rear jet": 0.06, "propeller": 0.075, "fighter": 0.05}[kind] * rng.uniform(0.8, 1.15)
    sharp = 0.24 if kind == "fighter" else rng.uniform(0.06, 0.13)
    z = np.array([0, 0.03, 0.5 * sharp + 0.02, sharp + 0.04, 0.6, 0.75, 0.9, 1.0]) - 0.5
    swell = np.array([0.04, 0.35, 0.75, 1, 1, 0.88, 0.5, 0.15 if kind != "fighter" else 0.5])
    rise = np.array([-0.2, -0.15, -0.05, 0, 0, 0.1, 0.4, 0.65 if kind != "fighter" else 0.2]) * radius
    ring = circle(14) * (1, rng.uniform(0.95, 1.2))
    body = np.empty((8, 14, 3))
    body[:, :, :2] = radius * swell[:, None, None] * ring
    body[:, :, 1] += rise[:, None]
    body[:, :, 2] = z[:, None]
    parts = [("body", loft(body))]
    if kind in ("propeller", "fighter"):  # a canopy over the seats
        parts.append(("body", ellipsoid((radius * 0.6, radius * 0.8, 0.11), (0, radius * 0.85, -0.18))))
    return parts + _wings(rng, kind, radius) + _tail(rng, kind, radius) + _engines(rng, kind, radius)


def _wings(rng, kind: str, radius: float) -> Parts:
    if kind == "propeller":
        span, sweep, root, tip = (
            rng.uniform(0.5, 0.7),
            rng.uniform(0, 0.03),
            rng.uniform(0.15, 0.2),
            rng.uniform(0.1, 0.15),
        )
        low = rng.choice([-0.6, 1.0]) * radius
        lead, rise = -0.2, rng.uniform(0, 0.06)
    elif kind == "fighter":
        span, root, tip = rng.uniform(0.28, 0.38), rng.uniform(0.35, 0.5), rng.uniform(0.04, 0.12)
        sweep, low, lead, rise = root * rng.uniform(0.55, 0.8), 0.0, -0.12, rng.uniform(-0.03, 0.02)
    else:
        span, root, tip = rng.uniform(0.42, 0.54), rng.uniform(0.17, 0.25), rng.uniform(0.04, 0.07)
        sweep, lead, rise = rng.uniform(0.15, 0.3), rng.uniform(-0.2, -0.1), rng.uniform(0.01, 0.07)
        low = rng.choice([-0.55, -0.55, 0.8]) * radius
    tip_point = np.array([span, low + rise, lead + sweep])
    parts = _both("wing", _wing((0, low, lead), tip_point, root, tip, rng.uniform(0.018, 0.03)))
    if kind == "liner" and rng.random() < 0.4:
        parts += _both("wing", _wing(tip_point, tip_point + (0.01, 0.06, 0.04), tip, tip * 0.5, 0.008, up=(1, 0, 0)))
    if kind == "propeller" and low < 0 and rng.random() < 0.4:  # a biplane
        upper = low + radius * rng.uniform(2.6, 3.2)
        parts += _both("wing", _wing((0, upper, lead), (span, upper, lead + sweep), root, tip, 0.02))
        strut = rod((span * 0.65, low, lead + 0.05), (span * 0.65, upper, lead + 0.05), 0.006)
        parts += _both("wing", strut)
    return parts


def _tail(rng, kind: str, radius: float) -> Parts:
    height, chord = rng.uniform(0.13, 0.19), rng.uniform(0.11, 0.17)
    sweep = rng.uniform(0.03, 0.07) if kind == "propeller" else rng.uniform(0.09, 0.15)
    span, start = rng.uniform(0.14, 0.22), 0.5 - chord
    foot = radius * (0.4 if kind == "fighter" else 0.6)
    side = (1, 0, 0)
    if kind == "fighter" and rng.random() < 0.5:  # two fins
        out = rng.uniform(0.0, 0.06)
        fin = _wing(
            (radius * 0.8, foot, start - 0.05),
            (radius * 0.8 + out, foot + height, start + sweep),
            chord,
            0.06,
            0.015,
            side,
        )
        parts = _both("tail", fin)
    else:
        parts = [
            (
                "tail",
                _wing(
                    (0, foot, start - 0.03), (0, foot + height, start + sweep), chord + 0.02, chord * 0.5, 0.02, side
                ),
            )
        ]
    raised = kind == "rear jet" or (kind != "fighter" and rng.random() < 0.15)
    level, back = (foot + height * 0.95, start + sweep) if raised else (foot, start + 0.01)
    flat = _wing((0, level, back), (span, level + 0.01, back + sweep * 0.7), chord * 0.75, chord * 0.4, 0.014)
    return parts + _both("tail", flat)


def _nacelle(rng, centre, radius: float, length: float) -> Mesh:
    half = length / 2
    profile = [(radius * 0.55, -half * 0.6), (radius * 0.85, -half), (radius, -half * 0.5), (radius * 0.95, half * 0.3)]
    return revolve([*profile, (radius * 0.55, half), (0, half * 0.9)], centre, axis="z", segments=14)


def _engines(rng, kind: str, radius: float) -> Parts:
    size, parts = rng.uniform(0.026, 0.036), []
    if kind == "liner":
        for out in (0.15, 0.29)[: int(rng.integers(1, 3))]:
            parts += _both("engine", _nacelle(rng, (out, -radius * 0.6 - size, -0.12 + out * 0.5), size, 0.12))
    elif kind == "rear jet":
        parts += _both("engine", _nacelle(rng, (radius + size * 0.9, radius * 0.4, 0.24), size, 0.15))
    elif kind == "fighter":
        xs = (-radius * 0.5, radius * 0.5) if rng.random() < 0.5 else (0.0,)
        for x in xs:
            parts.append(("engine", cylinder(radius * 0.55, 0.1, (x, 0, 0.5), axis="z", top=radius * 0.42)))
        if rng.random() < 0.6:
            parts += _both("engine", box((radius * 0.9, radius * 1.1, 0.3), (radius * 1.2, -radius * 0.2, 0.0)))
    else:
        spots = [(0.0, 0.0, -0.53)] if rng.random() < 0.7 else [(-0.2, 0.0, -0.26), (0.2, 0.0, -0.26)]
        blades, reach = int(rng.integers(2, 5)), rng.uniform(0.1, 0.15)
        for x, y, z in spots:
            parts.append(("engine", ellipsoid((0.03, 0.03, 0.06), (x, y, z + 0.02))))
            for a, b in circle(blades) * reach:
                parts.append(("engine", rod((x, y, z), (x + a, y + b, z), 0.014, 0.008)))
    if kind == "propeller" and rng.random() < 0.6:  # a fixed undercarriage
        foot = (0.1, -radius - 0.09, -0.15)
        parts += _both("body", rod((0.02, -radius * 0.8, -0.15), foot, 0.007))
        parts += _both("body", cylinder(0.03, 0.02, foot, axis="x"))
    return parts


def build_rocket(rng: np.random.Generator) -> Parts:
    """A launcher with stages or boosters, a slim missile or a toy-like rocket; upright, seldom lying."""
    kind = rng.choice(["launcher", "missile", "toy"])
    radius = {"launcher": rng.uniform(0.05, 0.08), "missile": rng.uniform(0.035, 0.055), "toy": rng.uniform(0.1, 0.16)}[
        kind
    ]
    nose = rng.uniform(1.5, 4.5) * radius
    upper = radius * (rng.uniform(0.6, 1.0) if kind == "launcher" else 1.0)
    if kind == "toy":
        profile = bend([(radius * 0.6, 0), (radius * 1.3, 0.3), (radius * 1.2, 0.6), (radius * 0.75, 0.8)], 12)
        upper = profile[-1, 0]
    else:
        split = rng.uniform(0.4, 0.65)
        profile = [(radius, 0), (radius, split), (upper, split + 0.04), (upper, 0.8)]
    parts = [("body", revolve([(0, 0), *profile])), ("nose", _nose(rng, upper, nose, 0.8))]
    bell = radius * rng.uniform(0.4, 0.8)
    parts.append(("body", revolve([(bell, -0.06), (bell * 0.55, 0.0)])))
    parts += _fins(rng, kind, radius * (0.75 if kind == "toy" else 1.0), float(np.asarray(profile)[0][0]))
    if kind == "launcher" and rng.random() < 0.5:
        thin, tall = radius * rng.uniform(0.45, 0.7), rng.uniform(0.3, 0.55)
        for x, z in circle(int(rng.choice([2, 4]))) * (radius + thin):
            parts.append(("body", cylinder(thin, tall, (x, tall / 2, z))))
            parts.append(("nose", _nose(rng, thin, thin * 2, tall, (x, 0, z))))
    if rng.random() < 0.15:
        parts = [(name, turn(mesh, 0, -np.pi / 2)) for name, mesh in parts]
    return parts


def _nose(rng, radius: float, height: float, y: float, centre=(0, 0, 0)) -> Mesh:
    round_ = rng.uniform(0.0, 0.45)  # 0 a plain cone
    profile = bend([(radius, y), (radius * (0.5 + round_), y + height * (0.5 + round_ * 0.5)), (0, y + height)], 8)
    return revolve(profile, centre)


def _fins(rng, kind: str, radius: float, low_radius: float) -> Parts:
    count = int(rng.choice([3, 4, 4, 5 if kind == "toy" else 4]))
    reach, tall = rng.uniform(1.0, 2.2) * radius, rng.uniform(0.12, 0.25)
    if kind == "toy":
        reach = rng.uniform(0.9, 1.5) * radius
    down, cut = rng.uniform(-0.06, 0.05), rng.uniform(0.2, 0.7)
    inner = np.array([(low_radius * 0.9, 0.0, 0), (low_radius * 0.9, tall, 0)])
    outer = np.array([(radius + reach, down, 0), (radius + reach, down + tall * cut, 0)])
    fin = plate(inner, outer, (0, 0, radius * 0.12))
    around = [turn(fin, 1, angle) for angle in np.arange(count) * TAU / count]
    if kind == "missile" and rng.random() < 0.7:
        middle = move(
            Mesh(fin.vertices * (rng.uniform(0.6, 1.0), rng.uniform(0.5, 1.0), 1), fin.faces),
            (0, rng.uniform(0.35, 0.6), 0),
        )
        around += [turn(middle, 1, angle) for angle in np.arange(count) * TAU / count]
    return [("fin", mesh) for mesh in around]
