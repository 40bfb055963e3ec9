"""Level a scan whose camera looked up or down: its floor or table top is then tilted, and no axis is up."""

import numpy as np
from scipy.spatial import cKDTree

from pointclip.datasets.voxels import normals_of, voxels_of

VOXELS_ACROSS = 100  # of the longest side
PLANES = 200  # tried
STEEPEST, LEVEL = 60.0, 3.0  # degrees from level: a steeper plane is no support, and a lesser tilt is left alone
ALIKE = np.cos(np.deg2rad(15))  # of normals in one plane
SHARE = 0.15  # of the voxels, at least, in a support
AS_LARGE = 0.5  # a level plane of this share of the tilted one's size shows that up is up


def levelling_of(points: np.ndarray) -> tuple[np.ndarray, float] | None:
    """The rotation that makes a scan's largest flat support level, and the angle that it was tilted by.

    Args:
        points: [N, 3], z roughly up.

    Returns:
        A rotation [3, 3], points @ rotation.T is level, and degrees; None for a scan that is level, or without such a
        support.
    """
    side = float(np.ptp(points, axis=0).max()) / VOXELS_ACROSS
    voxels, _ = voxels_of(points, side)
    normals = normals_of(voxels, cKDTree(voxels))
    normals = normals * np.where(normals[:, 2:] < 0, -1, 1)
    flat = np.flatnonzero(normals[:, 2] > np.cos(np.deg2rad(STEEPEST)))
    if len(flat) < SHARE * len(voxels):
        return None
    tried = flat[np.linspace(0, len(flat) - 1, min(PLANES, len(flat))).astype(int)]
    planes = [_in_plane(voxels, normals, normals[i], voxels[i], side) for i in tried]
    counts = np.array([len(plane) for plane in planes])
    level = normals[tried, 2] > np.cos(np.deg2rad(LEVEL))
    largest = int(counts.argmax())
    if counts[largest] < SHARE * len(voxels) or counts[level].max(initial=0) >= AS_LARGE * counts[largest]:
        return None
    normal = _normal(voxels[planes[largest]])
    degrees = float(np.rad2deg(np.arccos(min(normal[2], 1.0))))
    return (_to_z(normal), degrees) if LEVEL < degrees <= STEEPEST else None


def _in_plane(
    voxels: np.ndarray, normals: np.ndarray, normal: np.ndarray, place: np.ndarray, side: float
) -> np.ndarray:
    """The voxels near a plane whose own normals are like its normal, as indices."""
    return np.flatnonzero((np.abs((voxels - place) @ normal) < 1.5 * side) & (normals @ normal > ALIKE))


def _normal(points: np.ndarray) -> np.ndarray:
    """The unit normal, upwards, of the plane that fits points best."""
    normal = np.linalg.svd(points - points.mean(0), full_matrices=False)[2][2]
    return normal if normal[2] > 0 else -normal


def _to_z(normal: np.ndarray) -> np.ndarray:
    """The smallest rotation [3, 3] that turns a unit normal, not -z, to z."""
    x, y, z = normal
    return np.array(
        [[1 - x * x / (1 + z), -x * y / (1 + z), -x], [-x * y / (1 + z), 1 - y * y / (1 + z), -y], [x, y, z]]
    )
