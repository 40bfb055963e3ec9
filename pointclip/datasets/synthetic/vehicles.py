"""Random cars, motorbikes and skateboards: builders of named parts for `dataset`.

Lengths are in units of about the body's length, y is up, the front looks towards −z.
"""

# ruff: noqa: RUF005 - a tuple added to an array is a shift here, not a longer list

from typing import NamedTuple

import numpy as np

from pointclip.datasets.synthetic.primitives import (
    TAU,
    Mesh,
    bend,
    box,
    circle,
    cylinder,
    divide,
    ellipsoid,
    loft,
    mirror,
    move,
    plate,
    rod,
    torus,
    tube,
    turn,
)

Parts = list[tuple[str, Mesh]]


def _both(part: str, mesh: Mesh) -> Parts:
    return [(part, mesh), (part, mirror(mesh))]


class _SideView(NamedTuple):
    """A car from the side, from the front bumper (z = 0) to the rear bumper (z = 1)."""

    belt: list[tuple[float, float]]  # the line below the windows: (z, height over the waist's)
    cabin: tuple[float, float, float, float]  # z of the windscreen's foot, the roof's start and end, the rear foot
    rise: float  # height of the roof over the waist


_CARS = {
    "sedan": _SideView(
        [(0, 0.55), (0.04, 0.72), (0.28, 0.9), (0.5, 1.0), (0.8, 1.0), (0.97, 0.92), (1, 0.6)],
        (0.27, 0.42, 0.68, 0.85),
        0.135,
    ),
    "hatchback": _SideView(
        [(0, 0.55), (0.05, 0.75), (0.27, 0.95), (0.5, 1.0), (0.8, 1.02), (0.97, 1.0), (1, 0.6)],
        (0.25, 0.42, 0.86, 0.98),
        0.145,
    ),
    "suv": _SideView(
        [(0, 0.6), (0.03, 0.9), (0.27, 1.02), (0.5, 1.05), (0.8, 1.05), (0.98, 1.05), (1, 0.6)],
        (0.26, 0.36, 0.93, 0.99),
        0.17,
    ),
    "van": _SideView(
        [(0, 0.6), (0.03, 0.8), (0.15, 1.0), (0.5, 1.05), (0.8, 1.05), (0.98, 1.05), (1, 0.6)],
        (0.1, 0.25, 0.97, 0.99),
        0.24,
    ),
    "truck": _SideView(
        [(0, 0.7), (0.03, 1.05), (0.2, 1.1), (0.5, 1.1), (0.8, 1.1), (0.98, 1.1), (1, 0.6)],
        (0.2, 0.26, 0.98, 0.99),
        0.26,
    ),
    "pickup": _SideView(
        [(0, 0.6), (0.03, 0.9), (0.3, 1.02), (0.5, 1.05), (0.7, 1.05), (0.98, 1.05), (1, 0.6)],
        (0.28, 0.37, 0.56, 0.6),
        0.15,
    ),
    "sports": _SideView(
        [(0, 0.4), (0.05, 0.55), (0.3, 0.82), (0.5, 0.9), (0.8, 0.92), (0.95, 0.88), (1, 0.55)],
        (0.3, 0.48, 0.62, 0.9),
        0.1,
    ),
    "beetle": _SideView(
        [(0, 0.45), (0.05, 0.7), (0.25, 0.95), (0.5, 1.0), (0.75, 0.98), (0.95, 0.75), (1, 0.45)],
        (0.26, 0.38, 0.62, 0.92),
        0.17,
    ),
}
_SECTION = np.array(  # a car's body cut across, (x in half widths, y from floor to belt)
    [
        (-0.9, 0),
        (-1, 0.25),
        (-1, 0.75),
        (-0.86, 1),
        (-0.4, 1.03),
        (0.4, 1.03),
        (0.86, 1),
        (1, 0.75),
        (1, 0.25),
        (0.9, 0),
    ]
)


def build_car(rng: np.random.Generator) -> Parts:
    """A sedan, hatchback, SUV, van, box truck, pickup, sports car or rounded vintage car."""
    kind = str(rng.choice(list(_CARS)))
    view, big = _CARS[kind], kind in ("truck", "suv")
    belt = np.array(view.belt)
    width = rng.uniform(0.37, 0.46) + 0.08 * (kind == "truck")
    waist = rng.uniform(0.18, 0.21) + 0.04 * big
    tall = waist + view.rise * rng.uniform(0.9, 1.15)
    floor, wheel = rng.uniform(0.05, 0.075) + 0.02 * big, rng.uniform(0.07, 0.09) + 0.015 * big
    z = np.concatenate([[0.0], np.linspace(0.03, 0.97, 14), [1.0]])
    top = waist * np.interp(z, belt[:, 0], belt[:, 1])
    tuck = 1 - rng.uniform(0.1, 0.3) * np.abs(2 * z - 1) ** 6  # narrower towards the bumpers
    rings = np.empty((len(z), len(_SECTION), 3))
    rings[:, :, 0] = width / 2 * tuck[:, None] * _SECTION[:, 0]
    rings[:, :, 1] = floor + (top[:, None] - floor) * _SECTION[:, 1]
    rings[:, :, 2] = z[:, None]
    lid = view.cabin[0]
    hood, body = divide(loft(rings), lambda c, n: (np.abs(n[:, 1]) > 0.55) & (c[:, 1] > waist * 0.6) & (c[:, 2] < lid))
    level = waist * np.interp([view.cabin[0], view.cabin[3]], belt[:, 0], belt[:, 1])
    roof, cabin = _cabin(rng, width, tall, level, view.cabin)
    parts = [("body", body), ("hood", hood), ("body", cabin), ("roof", roof)]
    if kind == "pickup":  # the bed's walls
        parts += _both("body", box((0.02, 0.05, 0.36), (width / 2 - 0.02, waist * 1.05, 0.8)))
        parts.append(("body", box((width, 0.05, 0.02), (0, waist * 1.05, 0.97))))
    if kind == "sports" and rng.random() < 0.4:  # a spoiler on two struts
        parts.append(("body", box((width * 0.85, 0.01, 0.05), (0, waist * 1.1, 0.94))))
        parts += _both("body", box((0.02, waist * 0.25, 0.03), (width * 0.3, waist * 0.98, 0.94)))
    front, rear = rng.uniform(0.16, 0.2), rng.uniform(0.78, 0.83)
    out = width / 2 - rng.uniform(0.02, 0.03)
    for axle in (front, rear):
        parts += _both("wheel", cylinder(wheel, 0.07, (out, wheel, axle), axis="x"))
        parts += _both("wheel", cylinder(wheel * 0.6, 0.015, (out + 0.035, wheel, axle), axis="x"))
    return parts


def _cabin(rng, width: float, tall: float, level, places) -> tuple[Mesh, Mesh]:
    """The roof, and the windows and pillars below it, over the belt's heights `level` at the cabin's two ends."""
    foot_start, roof_start, roof_end, foot_end = places
    narrow, steps = rng.uniform(0.72, 0.86), np.linspace(0, 1, 5)
    rings = []
    for t, inset in ((0.0, 1.0), (0.55, 0.5), (0.9, 0.12), (1.0, -0.15), (1.03, -0.6)):
        half = width / 2 * (0.94 * (1 - t) + narrow * t) if inset > -0.5 else width / 2 * narrow * 0.5
        start = roof_start + inset * (foot_start - roof_start)
        end = roof_end + inset * (foot_end - roof_end)
        if inset <= 0:
            start, end = roof_start - inset * 0.05, roof_end + inset * 0.05
        z = start + steps * (end - start)
        base = np.interp(z, (foot_start, foot_end), level) * 0.97
        y = base + t * (tall - base)
        right = np.stack([np.full(5, half), y, z], -1)
        rings.append(np.concatenate([right, (right * (-1, 1, 1))[::-1]]))
    shell = loft(np.array(rings))
    high = tall - 0.12 * (tall - min(level))
    above = divide(shell, lambda c, n: (np.abs(n[:, 1]) > 0.6) & (c[:, 1] > high))
    sides = divide(above[1], lambda c, n: c[:, 1] > min(level) * 0.98)[0]  # without the floor inside the body
    if rng.random() < 0.25:  # windows left open, but for the pillars at the ends and in the middle
        middle, glass = (foot_start + foot_end) / 2, (level.mean() + tall) / 2
        sides = divide(sides, lambda c, n: (c[:, 1] > glass) | (np.abs(n[:, 0]) < 0.5) | (c[:, 2] - middle > 0.15))[0]
    return above[0], sides


def build_motorbike(rng: np.random.Generator) -> Parts:
    """A cruiser, sports bike, dirt bike or scooter-like machine."""
    kind = rng.choice(["cruiser", "sport", "dirt", "naked"])
    wheel, base = rng.uniform(0.15, 0.18), rng.uniform(0.62, 0.74)
    thick = wheel * rng.uniform(0.16, 0.26)
    front, rear = np.array([0, wheel, -base / 2]), np.array([0, wheel, base / 2])
    rake = {"cruiser": 0.22, "dirt": 0.12}.get(kind, 0.13) * rng.uniform(0.85, 1.25)
    steer = np.array([0, wheel + rng.uniform(0.24, 0.32), front[2] + rake])
    parts = []
    spokes = int(rng.integers(3, 9))
    wheel_parts = [torus(wheel - thick, thick, axis="x", width=rng.uniform(0.8, 1.4))]
    wheel_parts.append(cylinder(wheel * 0.2, thick * 1.6, axis="x"))
    wheel_parts += [rod((0, 0, 0), (0, y, z), 0.008) for y, z in circle(spokes) * (wheel - thick)]
    parts += [("wheel", move(mesh, centre)) for mesh in wheel_parts for centre in (front, rear)]
    parts += _bike_front(rng, kind, front, steer)
    seat_y = wheel + rng.uniform(0.13, 0.18) + (0.06 if kind == "dirt" else 0)
    tank = np.array([0, seat_y + 0.06, steer[2] + rng.uniform(0.12, 0.16)])
    size = (rng.uniform(0.05, 0.075), rng.uniform(0.05, 0.075), rng.uniform(0.1, 0.14))
    parts.append(("gas tank", turn(ellipsoid(size, tank, power=0.8), 0, 0.15, about=tank)))
    start, end = tank[2] + 0.08, base / 2 + rng.uniform(-0.06, 0.06)
    kick = rng.uniform(0.0, 0.1)
    line = bend([(0, seat_y + 0.03, start), (0, seat_y - 0.03, (start + end) / 2), (0, seat_y + kick, end)], 7)
    parts.append(("seat", tube(line, np.linspace(0.025, 0.03, 7), flat=rng.uniform(2.0, 3.2), power=0.7)))
    parts += _bike_frame(rng, kind, wheel, rear, steer, tank, seat_y)
    return parts


def _bike_front(rng, kind: str, front, steer) -> Parts:
    """Fork, handlebar, light and, for sports bikes, the fairing."""
    gap, parts = rng.uniform(0.035, 0.05), []
    fork = rod(front + (gap, 0, 0), steer + (gap, 0, 0), 0.012)
    parts += _both("frame", fork)
    reach, rise = rng.uniform(0.16, 0.24), {"cruiser": 0.1, "sport": -0.01}.get(kind, 0.05) * rng.uniform(0.7, 1.4)
    bar = bend([steer, steer + (reach * 0.3, rise * 1.5, 0), steer + (reach, rise, rng.uniform(0.04, 0.1))], 7)
    parts += _both("handlebar", tube(bar, 0.013))
    if rng.random() < 0.5:  # mirrors on their stalks
        end = bar[5] + (0.02, 0.08, 0)
        parts += _both("handlebar", rod(bar[5], end, 0.005))
        parts += _both("handlebar", ellipsoid((0.03, 0.022, 0.008), end))
    lamp = steer + (0, -0.03, -0.07)
    parts.append(("light", ellipsoid((0.045, 0.045, 0.04), lamp)))
    if kind == "sport":
        nose = ellipsoid((0.085, 0.12, 0.14), steer + (0, -0.07, 0.0), power=0.9)
        parts.append(("frame", nose))
        parts[-2] = ("light", move(parts[-2][1], (0, -0.02, -0.06)))
    arc = circle(9, TAU * 0.22) * (np.linalg.norm(front[1]) * 1.05)
    edge = np.stack([np.full(9, -0.035), front[1] + arc[:, 1], front[2] - arc[:, 0] * 0.9 + 0.03], -1)
    lift = (0, 0.05, 0) if kind == "dirt" else (0, 0, 0)
    parts.append(("frame", plate(edge + lift, edge * (-1, 1, 1) + lift, (0, 0.008, 0))))
    return parts


def _bike_frame(rng, kind: str, wheel: float, rear, steer, tank, seat_y: float) -> Parts:
    """Engine, tubes, swing arm, exhaust and rear mudguard."""
    middle = np.array([0, wheel * 1.05, (tank[2] + 0.05)])
    size = rng.uniform(0.09, 0.12)
    parts = [box((size * 1.1, size * 1.3, size * 1.7), middle)]
    parts += [
        turn(cylinder(size * 0.4, size * 1.8, middle + (0, 0.04, z), axis="y"), 0, z * 6, about=middle)
        for z in (-0.05, 0.05)
    ]
    parts += [rod(steer, tank + (0, -0.04, 0.1), 0.014), rod(steer, middle + (0, -0.05, -0.1), 0.014)]
    parts.append(rod(tank + (0, -0.04, 0.1), (0, seat_y, rear[2] - 0.03), 0.014))
    swing = rod(middle + (0.05, -0.03, 0.05), rear + (0.05, 0, 0), 0.013)
    shock = rod((0.05, seat_y, rear[2] - 0.1), rear + (0.05, 0, -0.03), 0.014)
    parts += [swing, mirror(swing), shock, mirror(shock)]
    pipe = bend(
        [middle + (0.05, 0, -0.1), middle + (0.1, -0.12, 0), rear + (0.09, -0.05, -0.1), rear + (0.1, 0.02, 0.12)], 9
    )
    parts.append(tube(pipe, np.linspace(0.014, rng.uniform(0.02, 0.034), 9)))
    if rng.random() < 0.5:
        parts.append(mirror(parts[-1]))
    arc = circle(9, TAU * 0.25) * wheel * 1.08
    edge = np.stack([np.full(9, -0.04), rear[1] + arc[:, 1], rear[2] + arc[:, 0] * 0.9 - 0.02], -1)
    parts.append(plate(edge, edge * (-1, 1, 1), (0, 0.008, 0)))
    if kind == "sport":
        belly = ellipsoid((0.09, 0.12, 0.2), middle + (0, -0.01, -0.03), power=0.6)
        parts.append(belly)
    return [("frame", mesh) for mesh in parts]


def build_skateboard(rng: np.random.Generator) -> Parts:
    """A street deck with two kicks, a longboard, a pintail or a small cruiser."""
    kind = rng.choice(["street", "street", "long", "pintail", "cruiser"])
    half, wide = 0.5, rng.uniform(0.11, 0.16) if kind != "long" else rng.uniform(0.09, 0.13)
    z = np.linspace(-1, 1, 21)
    rounded = {"street": 7, "cruiser": 5, "long": 4, "pintail": 3}[kind]
    outline = wide * np.sqrt(np.clip(1 - np.abs(z) ** rounded, 0.001, 1))
    if kind == "pintail":
        outline *= 1 - 0.35 * np.clip(z, 0, 1) ** 1.5
    kick, start = rng.uniform(0.05, 0.14) * (kind in ("street", "cruiser")), rng.uniform(0.6, 0.7)
    nose_kick = kick if kind == "street" else 0
    y = np.where(z > 0, kick, nose_kick) * np.clip((np.abs(z) - start) / (1 - start), 0, 1) ** 1.3
    y = y + rng.uniform(-0.02, 0.02) * (1 - z**2)  # camber
    thick, dish = rng.uniform(0.012, 0.02), rng.uniform(0.0, 0.012)
    x = np.array([-1, -0.6, 0, 0.6, 1])
    upper = np.stack(
        [outline[:, None] * x, y[:, None] + dish * x**2 + thick, np.broadcast_to(half * z[:, None], (21, 5))], -1
    )
    deck = loft(np.concatenate([upper, upper[:, ::-1] - (0, thick, 0)], 1))
    parts = [("deck", deck)]
    wheel, out = rng.uniform(0.028, 0.045), wide * rng.uniform(0.75, 0.95)
    along, drop = half * rng.uniform(0.5, 0.66), rng.uniform(0.04, 0.06)
    for axle in (-along, along):
        level = float(np.interp(axle / half, z, y)) - drop
        parts.append(("truck", rod((-out, level, axle), (out, level, axle), 0.012)))
        parts.append(("truck", box((wide * 0.7, 0.012, 0.1), (0, level + drop - 0.006, axle))))
        parts.append(("truck", rod((0, level, axle), (0, level + drop, axle), 0.035, 0.022)))
        parts += _both("wheel", cylinder(wheel, wheel * 1.1, (out, level - 0.002, axle), axis="x"))
    return parts
