"""Where a glTF scene's vertices are: transforms of nodes, instances, morph targets and skins."""

from collections.abc import Mapping

import numpy as np

from pointclip.datasets.shape_files.gltf_document import Document

INSTANCING = "EXT_mesh_gpu_instancing"
SKIN_ROWS = 100_000  # vertices that are skinned at a time


def transform_of(node: dict) -> np.ndarray:
    """A node's matrix [4, 4], if need be from its translation, rotation (quaternion x, y, z, w) and scale."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T  # stored column by column
    parts = node.get("translation", (0, 0, 0)), node.get("rotation", (0, 0, 0, 1)), node.get("scale", (1, 1, 1))
    return _matrices(*(np.array([part], np.float64) for part in parts))[0]


def placements(node: dict, matrix: np.ndarray, document: Document) -> np.ndarray:
    """The matrices [I, 4, 4] with which a node's mesh is drawn: its own, or one for each of its instances.

    Args:
        matrix: [4, 4], the node's in the scene.
    """
    attributes = node.get("extensions", {}).get(INSTANCING, {}).get("attributes", {})
    given = {name: index for name, index in attributes.items() if name in ("TRANSLATION", "ROTATION", "SCALE")}
    if not given:
        return matrix[None]
    values = {name: document.accessor(index).astype(np.float64) for name, index in given.items()}
    count = len(next(iter(values.values())))
    if any(len(rows) != count for rows in values.values()):
        raise ValueError("instances with different numbers of attributes")
    rest = {"TRANSLATION": (0, 0, 0), "ROTATION": (0, 0, 0, 1), "SCALE": (1, 1, 1)}
    parts = (values.get(name, np.tile(np.array(row, np.float64), (count, 1))) for name, row in rest.items())
    return matrix @ _matrices(*parts)


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points [N, 3] moved by a matrix [4, 4]; infinite ones stay infinite."""
    with np.errstate(invalid="ignore", over="ignore"):
        result = points @ matrix[:3, :3].T + matrix[:3, 3]
    result[np.isinf(points).any(axis=1)] = np.inf
    return result


def morphed(points: np.ndarray, primitive: dict, weights: list[float], document: Document) -> np.ndarray:
    """The vertices [N, 3] of a primitive with its morph targets applied."""
    for target, weight in zip(primitive.get("targets", ()), weights, strict=False):
        if weight and "POSITION" in target:
            with np.errstate(invalid="ignore", over="ignore"):
                points = points + float(weight) * document.accessor(target["POSITION"])
    return points


def skinned(points: np.ndarray, primitive: dict, bones: np.ndarray, document: Document) -> np.ndarray:
    """The vertices [N, 3] of a primitive moved by its skin, in the scene.

    Args:
        bones: [J, 4, 4], from where a vertex was bound to each joint to where it is.
    """
    attributes = primitive["attributes"]
    sets = range(sum(name.startswith("JOINTS_") for name in attributes))
    joints = np.concatenate([document.accessor(attributes[f"JOINTS_{k}"]) for k in sets], axis=1).astype(np.int64)
    weights = np.concatenate([document.accessor(attributes[f"WEIGHTS_{k}"]) for k in sets], axis=1).astype(np.float64)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.where(total > 0, weights / np.where(total > 0, total, 1), np.eye(1, weights.shape[1]))
    result = np.full_like(points, np.inf)
    sound = np.flatnonzero(~np.isinf(points).any(axis=1))
    for rows in np.split(sound, range(SKIN_ROWS, len(sound), SKIN_ROWS)):
        blend = np.einsum("nk,nkij->nij", weights[rows], bones[joints[rows], :3])  # [n, 3, 4]
        result[rows] = np.einsum("nij,nj->ni", blend[:, :, :3], points[rows]) + blend[:, :, 3]
    return result


def bones_of(skin: dict, worlds: Mapping[int, np.ndarray], document: Document) -> np.ndarray:
    """The matrices [J, 4, 4] of a skin's joints for `skinned`.

    Args:
        worlds: node -> its matrix [4, 4] in the scene.
    """
    joints = np.stack([worlds[joint] for joint in skin["joints"]])
    if "inverseBindMatrices" not in skin:
        return joints
    inverse = document.accessor(skin["inverseBindMatrices"]).astype(np.float64)[: len(joints)]
    if len(inverse) < len(joints):
        raise ValueError(f"a skin of {len(joints)} joints with {len(inverse)} inverse bind matrices")
    return joints @ inverse.reshape(-1, 4, 4).transpose(0, 2, 1)  # stored column by column


def _matrices(translation: np.ndarray, rotation: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Matrices [I, 4, 4] from translations [I, 3], quaternions x, y, z, w [I, 4] of any length and scales [I, 3]."""
    length = np.linalg.norm(rotation, axis=1)
    x, y, z, w = rotation.T / np.where(length > 0, length, 1)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)  # [I, 3, 3]
    matrices = np.tile(np.eye(4), (len(turn), 1, 1))
    matrices[:, :3, :3] = turn * scale[:, None]
    matrices[:, :3, 3] = translation
    return matrices
