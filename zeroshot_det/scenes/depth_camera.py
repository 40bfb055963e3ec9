"""A moving depth camera: rays against solids, with the noise and the gaps of a real sensor, fused into one cloud.

A solid is a row (kind, x, y, z, half sizes, cos, sin, transparency): a cuboid, an upright elliptic cylinder or an
ellipsoid at a heading given by its cosine and sine; a ray passes it with the probability `transparency`. Lengths are in
metres, z is up.
"""

import numpy as np

from pointclip.utils.compiled import compiled, part

CUBOID, CYLINDER, ELLIPSOID = 0.0, 1.0, 2.0
COLUMNS = 10
PIXELS = (96, 128)  # rows, columns
HALF_ANGLES = np.deg2rad([24.0, 32.0])  # of the view, up and across
NEAREST, FARTHEST = 0.4, 4.2  # metres along the ray
GRAZING = 0.12  # cosine of the steepest angle of incidence that gives a reading
MIXED, MIXED_SHARE = (0.03, 0.3), 0.35  # metres: depth jumps that are filled in, and at how many of their pixels
CELL = 0.02  # metres: readings in a cell are averaged, as a fused scan does


def depth_points(
    solids: np.ndarray, eyes: np.ndarray, looks: np.ndarray, rng: np.random.Generator, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """What cameras see of solids.

    Args:
        solids: [P, 10], see above.
        eyes: [V, 3] camera positions; looks: [V, 2] headings and pitches in radians.
        rng: for noise, transparency and errors of the cameras' positions.
        noise: 1 is a depth camera's (3 mm at 1 m, 11 mm at 3 m, before averaging); 0 is none.

    Returns:
        Points [N, 3] with noise, and the index of the solid that each lies on [N].
    """
    rows, columns = PIXELS
    v, u = np.meshgrid(np.linspace(1, -1, rows), np.linspace(1, -1, columns), indexing="ij")
    rays = np.stack([np.ones(v.size), u.ravel() * np.tan(HALF_ANGLES[1]), v.ravel() * np.tan(HALF_ANGLES[0])], axis=1)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    found, owners = [], []
    for eye, (heading, pitch) in zip(eyes, looks, strict=True):
        near = _within_reach(solids, eye, heading)
        directions = np.ascontiguousarray(rays @ _turn(heading, pitch).T)
        chances = rng.random(len(rays))
        distance, hit = _cast(np.ascontiguousarray(solids[near]), eye, directions, chances)
        seen = (hit >= 0) & (distance > NEAREST) & (distance < FARTHEST)
        if noise:
            distance = _mixed(distance, rng)
        distance, directions = distance[seen], directions[seen]
        spread = noise * (0.002 + 0.001 * distance**2)
        distance = distance + spread * rng.normal(0, 1, len(distance))
        drift = _turn(*(noise * rng.normal(0, np.deg2rad(0.15), 2)))
        shift = noise * rng.normal(0, 0.004, 3)
        found.append(eye + shift + (directions @ drift.T) * distance[:, None])
        owners.append(near[hit[seen]])
    return np.concatenate(found), np.concatenate(owners)


def fused(points: np.ndarray, owners: np.ndarray, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Average the readings in each cell of 2 cm: [N, 3], [N] -> [M, 3], [M]; cells of fewer than `least` are dropped.

    The owner of a cell is that of its last reading.
    """
    cells = np.floor((points - points.min(0)) / CELL).astype(np.int64)
    spans = cells.max(0) + 1
    _, index = np.unique((cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2], return_inverse=True)
    counts = np.bincount(index)
    means = np.stack([np.bincount(index, points[:, axis]) for axis in range(3)], axis=1) / counts[:, None]
    owner = np.zeros(len(counts), np.int64)
    owner[index] = owners
    return means[counts >= least], owner[counts >= least]


def _mixed(distance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pixels at the edge of something near read a depth between it and what is close behind, which fills small gaps."""
    grid = distance.reshape(PIXELS)
    for axis in (0, 1):
        jump = np.roll(grid, -1, axis) - grid
        edge = (jump > MIXED[0]) & (jump < MIXED[1]) & (rng.random(PIXELS) < MIXED_SHARE)
        grid = np.where(edge, grid + rng.random(PIXELS) * np.where(edge, jump, 0), grid)
    return grid.ravel()


def _turn(heading: float, pitch: float) -> np.ndarray:
    """The rotation that takes the x axis to a heading and a pitch, [3, 3]."""
    c, s, cp, sp = np.cos(heading), np.sin(heading), np.cos(pitch), np.sin(pitch)
    return np.array([[c * cp, -s, -c * sp], [s * cp, c, -s * sp], [sp, 0, cp]])


def _within_reach(solids: np.ndarray, eye: np.ndarray, heading: float) -> np.ndarray:
    """Indices of the solids that a camera may see."""
    radius = np.linalg.norm(solids[:, 4:7], axis=1)
    away = solids[:, 1:3] - eye[:2]
    ahead = away @ (np.cos(heading), np.sin(heading))
    aside = np.abs(away @ (-np.sin(heading), np.cos(heading)))
    return np.flatnonzero(
        (ahead + radius > 0)
        & (ahead - radius < FARTHEST)
        & (aside < np.tan(0.85) * np.maximum(ahead, 0) + 1.6 * radius)
    )


@part
def _enter(solid, ox, oy, oz, dx, dy, dz):  # pragma: no cover - compiled
    """The distance at which a ray in the solid's axes enters it, and the cosine of incidence; -1 if it does not."""
    a, b, c = solid[4], solid[5], solid[6]
    if solid[0] == 2.0:
        x, y, z, u, v, w = ox / a, oy / b, oz / c, dx / a, dy / b, dz / c
        p, q, r = u * u + v * v + w * w, x * u + y * v + z * w, x * x + y * y + z * z - 1.0
        root = q * q - p * r
        if root <= 0:
            return -1.0, 0.0
        t = (-q - np.sqrt(root)) / p
        x, y, z = (ox + t * dx) / a**2, (oy + t * dy) / b**2, (oz + t * dz) / c**2
        return t, abs(x * dx + y * dy + z * dz) / np.sqrt(x * x + y * y + z * z)
    t0, t1, cosine = -1e30, 1e30, 1.0
    for axis in range(3):
        if axis < 2 and solid[0] == 1.0:
            continue
        o, d, half = (ox, dx, a) if axis == 0 else ((oy, dy, b) if axis == 1 else (oz, dz, c))
        if abs(d) < 1e-12:
            if abs(o) > half:
                return -1.0, 0.0
            continue
        near, far = (-half - o) / d, (half - o) / d
        if near > far:
            near, far = far, near
        if near > t0:
            t0, cosine = near, abs(d)
        t1 = min(t1, far)
    if solid[0] == 1.0:
        x, y, u, v = ox / a, oy / b, dx / a, dy / b
        p, q, r = u * u + v * v, x * u + y * v, x * x + y * y - 1.0
        root = q * q - p * r
        if root <= 0 or p < 1e-12:
            return -1.0, 0.0
        near, far = (-q - np.sqrt(root)) / p, (-q + np.sqrt(root)) / p
        if near > t0:
            t0 = near
            x, y = (ox + t0 * dx) / a**2, (oy + t0 * dy) / b**2
            cosine = abs(x * dx + y * dy) / np.sqrt(x * x + y * y)
        t1 = min(t1, far)
    return (t0, cosine) if t0 < t1 else (-1.0, 0.0)


@compiled("Tuple((float64[::1], int64[::1]))(float64[:,::1], float64[::1], float64[:,::1], float64[::1])")
def _cast(solids, eye, directions, chances):  # pragma: no cover - compiled
    distance, owner = np.full(len(directions), 1e30), np.full(len(directions), -1)
    for i in range(len(directions)):
        dx, dy, dz = directions[i]
        incidence = 1.0
        for j in range(len(solids)):
            solid = solids[j]
            x, y, z = solid[1] - eye[0], solid[2] - eye[1], solid[3] - eye[2]
            along = x * dx + y * dy + z * dz
            reach = solid[4] ** 2 + solid[5] ** 2 + solid[6] ** 2
            if x * x + y * y + z * z - along * along > reach:
                continue
            if chances[i] < solid[9]:
                continue
            cos, sin = solid[7], solid[8]
            t, cosine = _enter(
                solid, -cos * x - sin * y, sin * x - cos * y, -z, cos * dx + sin * dy, cos * dy - sin * dx, dz
            )
            if 0.0 < t < distance[i]:
                distance[i], owner[i], incidence = t, j, cosine
        if incidence < GRAZING:
            owner[i] = -1
    return distance, owner
