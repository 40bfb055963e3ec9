"""Random lamps: a builder of named parts for `dataset`.

Lengths are roughly metres, y is up, the front looks towards −z.
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
    move,
    plate,
    revolve,
    rod,
    tube,
    turn,
)

Parts = list[tuple[str, Mesh]]


def build_lamp(rng: np.random.Generator) -> Parts:
    """A table, floor, desk, arc, ceiling or wall lamp."""
    kinds = [_stand_lamp, _stand_lamp, _vase_lamp, _desk_lamp, _ceiling_lamp, _ceiling_lamp, _wall_lamp]
    return kinds[int(rng.integers(len(kinds)))](rng)


def _shade(rng, radius: float, height: float, y: float) -> Mesh:
    """A shade open below, its lower rim at `y` and its widest radius `radius`."""
    style = rng.choice(["cone", "cone", "drum", "bell", "dome", "globe", "pyramid"])
    if style == "globe":
        return ellipsoid((radius, height / 2, radius), (0, y + height / 2, 0))
    if style == "dome":
        return ellipsoid((radius, height, radius), (0, y, 0), top_only=True)
    if style == "pyramid":
        top, low = radius * rng.uniform(0.3, 0.8), y + height
        rings = [
            [(a * r, h, b * r) for a, b in ((-1, -1), (-1, 1), (1, 1), (1, -1))] for r, h in ((radius, y), (top, low))
        ]
        turned = plate(rings[0], rings[1], (0, 0, 0.001))
        closing = plate(rings[0][3:] + rings[0][:1], rings[1][3:] + rings[1][:1], (0, 0, 0.001))
        return Mesh(
            np.concatenate([turned.vertices, closing.vertices]),
            np.concatenate([turned.faces, closing.faces + len(turned.vertices)]),
        )
    top = radius * (rng.uniform(0.9, 1.0) if style == "drum" else rng.uniform(0.25, 0.75))
    middle = (radius + top) / 2 if style != "bell" else top + 0.15 * (radius - top)
    profile = bend([(radius, y), (middle, y + height / 2), (top, y + height)], 8)
    if rng.random() < 0.3:
        profile = np.concatenate([profile, [(0, y + height)]])  # closed above
    return revolve(profile)


def _foot(rng, reach: float) -> Mesh:
    thick = reach * rng.uniform(0.08, 0.3)
    style = rng.choice(["disc", "disc", "square", "dome"])
    if style == "square":
        return box((reach * 1.8, thick, reach * 1.8), (0, thick / 2, 0))
    if style == "dome":
        return ellipsoid((reach, thick * 1.5, reach), top_only=True)
    return cylinder(reach, thick, (0, thick / 2, 0), top=reach * rng.uniform(0.85, 1.0))


def _stand_lamp(rng) -> Parts:
    """A floor lamp, or with a short pole a table lamp; the tallest ones may bend over in an arc."""
    tall = rng.uniform(0.4, 1.7)
    reach, thin = rng.uniform(0.1, 0.17), rng.uniform(0.008, 0.022)
    radius, height = rng.uniform(0.14, 0.26), rng.uniform(0.14, 0.3)
    if tall > 1.2 and rng.random() < 0.35:
        out = rng.uniform(0.4, 0.8)
        path = bend([(0, 0.02, 0), (0, tall * 1.3, 0), (out, tall * 1.1, 0), (out, tall * 0.85, 0)], 16)
        shade = move(_shade(rng, radius, height, tall * 0.85 - height), (out, 0, 0))
        return [("base", _foot(rng, reach * 1.3)), ("pole", tube(path, thin)), ("lampshade", shade)]
    shade = _shade(rng, radius, height, tall - height * rng.uniform(0.6, 1.0))
    if rng.random() < 0.2:  # three legs instead of a foot
        feet = [("base", rod((0, tall * 0.6, 0), (x, 0, z), thin)) for x, z in circle(3) * reach * 2]
        return [*feet, ("pole", rod((0, tall * 0.55, 0), (0, tall, 0), thin)), ("lampshade", shade)]
    return [("base", _foot(rng, reach)), ("pole", rod((0, 0.02, 0), (0, tall, 0), thin)), ("lampshade", shade)]


def _vase_lamp(rng) -> Parts:
    """A table lamp on a turned or thrown body."""
    tall, wide = rng.uniform(0.22, 0.4), rng.uniform(0.07, 0.15)
    heights = np.linspace(0, tall, 12)
    knots = [rng.uniform(0.5, 0.9), *rng.uniform(0.3, 1.2, 3), 0.2]
    profile = np.stack([wide * np.interp(heights, np.linspace(0, tall, 5), knots), heights], -1)
    body = revolve(np.concatenate([[(0, 0)], profile, [(0, tall)]]))
    neck, height = rng.uniform(0.05, 0.12), rng.uniform(0.15, 0.28)
    shade = _shade(rng, rng.uniform(0.14, 0.24), height, tall + neck * 0.3)
    return [
        ("base", body),
        ("pole", rod((0, tall, 0), (0, tall + neck + height * 0.5, 0), 0.012)),
        ("lampshade", shade),
    ]


def _desk_lamp(rng) -> Parts:
    """A lamp with a jointed or curved arm and a tilted reflector."""
    thin, reach = rng.uniform(0.008, 0.016), rng.uniform(0.08, 0.13)
    elbow = np.array([rng.uniform(-0.22, -0.05), rng.uniform(0.25, 0.4), 0])
    end = elbow + (rng.uniform(0.2, 0.38), rng.uniform(0.0, 0.2), 0)
    if rng.random() < 0.35:
        arm = [tube(bend([(0, 0.02, 0), (0, end[1] * 1.5, 0), end], 14), thin)]
    else:
        arm = [rod((0, 0.02, 0), elbow, thin), rod(elbow, end, thin), ellipsoid((0.02, 0.02, 0.02), elbow)]
    wide, deep = rng.uniform(0.07, 0.11), rng.uniform(0.1, 0.18)
    profile = bend([(wide, -deep), (wide * rng.uniform(0.7, 1.2), -deep * 0.4), (wide * 0.35, 0.02), (0, 0.03)], 9)
    shade = turn(move(revolve(profile), end), 2, rng.uniform(0.1, 0.9), about=end)
    return [("base", _foot(rng, reach)), *[("pole", mesh) for mesh in arm], ("lampshade", shade)]


def _ceiling_lamp(rng) -> Parts:
    """A pendant: a rosette at the ceiling, a cord or rod, one shade or several around."""
    drop, wide = rng.uniform(0.3, 1.0), rng.uniform(0.05, 0.12)
    parts = [("canopy", revolve([(0, 0), (wide, 0), (wide, -0.02), (wide * 0.4, -0.05), (0, -0.05)]))]
    radius, height, thin = rng.uniform(0.12, 0.28), rng.uniform(0.12, 0.28), rng.uniform(0.006, 0.014)
    if rng.random() < 0.65:
        shade = _shade(rng, radius, height, -drop - height)
        return [*parts, ("pole", rod((0, -0.03, 0), (0, -drop - 0.05, 0), thin)), ("lampshade", shade)]
    around, count = rng.uniform(0.2, 0.4), int(rng.integers(3, 7))
    shade = _shade(rng, radius * 0.45, height * 0.5, -drop)
    up = rng.random() < 0.5
    parts.append(("pole", rod((0, -0.03, 0), (0, -drop - 0.1, 0), thin * 1.5)))
    for x, z in circle(count) * around:
        path = bend([(0, -drop - 0.1, 0), (x * 0.6, -drop - 0.25, z * 0.6), (x, -drop, z)], 8)
        parts.append(("pole", tube(path, thin)))
        one = shade if not up else move(Mesh(shade.vertices * (1, -1, 1), shade.faces), (0, -2 * drop, 0))
        parts.append(("lampshade", move(one, (x, 0 if not up else height * 0.5, z))))
    return parts


def _wall_lamp(rng) -> Parts:
    """A plate on the wall behind, an arm towards the front and a shade on its end."""
    out, height = rng.uniform(0.15, 0.35), rng.uniform(0.08, 0.18)
    wide, tall = rng.uniform(0.04, 0.08), rng.uniform(0.06, 0.14)
    back = ellipsoid((wide, tall, 0.015), power=float(rng.choice([0.3, 1.0])))
    path = bend([(0, 0, 0), (0, rng.uniform(-0.15, 0.05), -out), (0, 0.05, -out)], 8)
    shade = move(_shade(rng, rng.uniform(0.06, 0.11), height, 0.0), (0, 0, -out))
    return [("canopy", back), ("pole", tube(path, 0.012)), ("lampshade", shade)]
