"""What stands in kitchens and bathrooms of rooms that look like scans; see `furniture` for frames and units."""

import numpy as np

from zeroshot_det.scenes.depth_camera import CYLINDER
from zeroshot_det.scenes.furniture import CLOTH, VIVID, WHITE, WOOD, Part, Piece, folds, pick, put_on


def kitchen(rng: np.random.Generator) -> Piece:
    """A counter with cabinets under and above it, a sink in it, a refrigerator beside it."""
    w, d, top = rng.uniform(1.6, 3.2), rng.uniform(0.58, 0.66), rng.uniform(0.86, 0.95)
    slab, under = Part("counter", colour=pick(rng, (*WHITE, *WOOD, *CLOTH))), Part("cabinet", colour=pick(rng, WOOD))
    half, x = rng.uniform(0.22, 0.35), rng.uniform(-w / 4, w / 4)
    slab.block((-w / 2, x - half), (0, d), (top - 0.05, top)).block((x + half, w / 2), (0, d), (top - 0.05, top))
    slab.block((x - half, x + half), (0, 0.1), (top - 0.05, top)).block(
        (x - half, x + half), (d - 0.1, d), (top - 0.05, top)
    )
    under.block((-w / 2, x - half), (0, d - 0.03), (0.05, top - 0.05))
    under.block((x - half, w / 2), (0, d - 0.03), (0.05, top - 0.22))
    under.block((x + half, w / 2), (0, d - 0.03), (0.05, top - 0.05))
    under.block((x - half, x + half), (d - 0.08, d - 0.03), (0.05, top - 0.05))
    parts = [slab, under, _basin(rng, x, half, (0.1, d - 0.1), top)]
    if rng.random() < 0.8:
        hung = Part("cabinet", colour=under.colour)
        low = rng.uniform(1.35, 1.5)
        parts.append(hung.block((-w / 2, rng.uniform(0, w / 2)), (0, 0.35), (low, low + rng.uniform(0.5, 0.8))))
    extra = 0.0
    if rng.random() < 0.8:
        extra, tall = rng.uniform(0.6, 0.8), rng.uniform(1.5, 1.85)
        gap = rng.uniform(0, 0.05)
        cold = Part("refrigerator", colour=pick(rng, (*WHITE, (150, 150, 155), (40, 40, 40))))
        cold.block((w / 2 + gap, w / 2 + gap + extra), (0.02, rng.uniform(0.65, 0.78)), (0.02, tall))
        parts.append(cold.block((w / 2 + gap, w / 2 + gap + extra), (0.02, 0.6), (tall * 0.62, tall * 0.63)))
    piece = put_on(rng, Piece(parts, w, d, top), int(rng.integers(1, 7)))
    for part in parts:  # the middle of the whole row is x = 0
        for solid in part.solids:
            solid[1] -= extra / 2
    return Piece(piece.parts, w + extra, 0.7, 1.8)


def _basin(rng: np.random.Generator, x: float, half: float, y: tuple[float, float], top: float) -> Part:
    """A sink let into a slab, with a tap."""
    basin, deep = Part("sink", colour=pick(rng, ((170, 170, 175), *WHITE))), top - rng.uniform(0.14, 0.2)
    basin.block((x - half, x + half), y, (deep - 0.01, deep))
    for side in (-1, 1):
        basin.block(sorted((x + side * half, x + side * (half - 0.02))), y, (deep, top + 0.008))
    basin.block((x - half, x + half), (y[0], y[0] + 0.02), (deep, top + 0.008))
    basin.block((x - half, x + half), (y[1] - 0.02, y[1]), (deep, top + 0.008))
    return basin.block((x - 0.02, x + 0.02), (y[0] - 0.03, y[0] + 0.12), (top + 0.12, top + 0.16))


def vanity(rng: np.random.Generator) -> Piece:
    """A bathroom's sink in a cabinet, or on a foot."""
    w, d, top = rng.uniform(0.6, 1.3), rng.uniform(0.42, 0.55), rng.uniform(0.78, 0.88)
    if rng.random() < 0.5:
        bowl = Part("sink", colour=pick(rng, WHITE))
        bowl.block((-0.27, 0.27), (0, d), (top - 0.16, top - 0.1)).block((-0.27, -0.23), (0, d), (top - 0.1, top))
        bowl.block((0.23, 0.27), (0, d), (top - 0.1, top)).block((-0.27, 0.27), (d - 0.04, d), (top - 0.1, top))
        bowl.block((-0.27, 0.27), (0, 0.1), (top - 0.1, top + 0.02))
        if rng.random() < 0.6:
            bowl.block((-0.08, 0.08), (0.05, 0.22), (0, top - 0.15), CYLINDER)
        return Piece([bowl], 0.54, d, top)
    slab, under = Part("counter", colour=pick(rng, WHITE)), Part("cabinet", colour=pick(rng, WOOD))
    for low, high in ((-w / 2, -0.22), (0.22, w / 2)):
        slab.block((low, high), (0, d), (top - 0.04, top))
    slab.block((-0.22, 0.22), (0, 0.08), (top - 0.04, top)).block((-0.22, 0.22), (d - 0.08, d), (top - 0.04, top))
    under.block((-w / 2, w / 2), (0, d - 0.02), (0.02, top - 0.2)).block(
        (-w / 2, w / 2), (d - 0.05, d - 0.02), (0, top - 0.04)
    )
    return put_on(rng, Piece([slab, under, _basin(rng, 0, 0.22, (0.08, d - 0.08), top)], w, d, top), 2)


def toilet(rng: np.random.Generator) -> Piece:
    """A toilet with its cistern."""
    part, h = Part("toilet", colour=pick(rng, WHITE)), rng.uniform(0.38, 0.44)
    part.block((-0.19, 0.19), (0.15, 0.7), (h - 0.14, h), CYLINDER).block(
        (-0.12, 0.12), (0.15, 0.5), (0, h - 0.1), CYLINDER
    )
    return Piece([part.block((-0.2, 0.2), (0, 0.2), (h - 0.1, rng.uniform(0.7, 0.82)))], 0.4, 0.7, 0.8)


def bathtub(rng: np.random.Generator) -> Piece:
    """A bathtub along the wall, often behind a shower curtain."""
    w, d, h = rng.uniform(1.4, 1.75), rng.uniform(0.68, 0.8), rng.uniform(0.42, 0.58)
    tub = Part("bathtub", colour=pick(rng, WHITE))
    tub.block((-w / 2, w / 2), (0, 0.08), (0, h)).block((-w / 2, w / 2), (d - 0.08, d), (0, h))
    tub.block((-w / 2, -w / 2 + 0.1), (0, d), (0, h)).block((w / 2 - 0.1, w / 2), (0, d), (0, h))
    parts = [tub.block((-w / 2, w / 2), (0, d), (0.08, 0.12))]
    if rng.random() < 0.8:
        start, end = rng.choice(((0.0, 0.45), (0.0, 0.9), (0.6, 1.0)))
        cloth = Part("shower curtain", colour=pick(rng, (*WHITE, *VIVID)))
        parts.append(folds(rng, cloth, -w / 2 + start * w, -w / 2 + end * w, d + 0.03, (0.25, rng.uniform(1.85, 2.0))))
    return Piece(parts, w, d + 0.1, h)
