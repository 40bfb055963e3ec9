"""glTF and GLB: the triangles and points of a scene as it is posed."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import PLAIN, Geometry, Reading, check_triangles, join, unique
from pointclip.datasets.shape_files.gltf_document import Document, check_extensions
from pointclip.datasets.shape_files.gltf_pose import bones_of, morphed, moved, placements, skinned, transform_of
from pointclip.errors import InputError, first_line
from pointclip.utils.limits import within

POINTS, TRIANGLES, STRIP, FAN = 0, 4, 5, 6
SURFACES = (TRIANGLES, STRIP, FAN)
MAX_NODES = 100_000
MAX_ROWS = 8_000_000  # points and corners of a scene, a mesh's for every node that uses it, unless the file is larger


def read_gltf(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read a .gltf or .glb file: triangles, strips, fans and points, sparse and normalised accessors included.

    Nodes' transforms, instances (EXT_mesh_gpu_instancing), skins and default morph weights are applied, animations are
    not. Lines, and what KHR_node_visibility hides, are left out.

    Raises:
        InputError: for a required extension that is not decoded, a missing side file, or inconsistent data.
    """
    try:
        return join(_Scene(Document(data, path)).parts())
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        what = f"{type(error).__name__}: {first_line(error)[:120]}"
        raise InputError(
            f"{path} cannot be read as {path.suffix.lower()}: it violates the glTF specification ({what})."
        ) from error


class _Scene:
    """The nodes and meshes of one document."""

    def __init__(self, document: Document):
        self.document, self.content, self.path = document, document.content, document.path
        self.nodes = self.content.get("nodes", [])
        self._rows = 0

    def parts(self) -> list[tuple[str, Geometry]]:
        """Every primitive of the scene's nodes as it is posed, and its object's name, different for each.

        An object is named after its node, or else its mesh.
        """
        scenes = self.content.get("scenes", [])
        placed = self._placed(scenes[self.content.get("scene", 0)].get("nodes", []) if scenes else self._tops())
        parts, names = [], Counter[str]()
        for index, matrix in placed:
            node = self.nodes[index]
            if "mesh" not in node:
                continue
            mesh = self.content["meshes"][node["mesh"]]
            name = _text(node.get("name")) or _text(mesh.get("name")) or f"node{index}"
            bones = self._bones(node, placed) if "skin" in node else None
            matrices = placements(node, matrix, self.document)
            within(len(matrices), MAX_NODES, str(self.path), "instances of a node")
            parts += self._instances(node, mesh, matrices, bones, name, names)
        return parts

    def _instances(
        self, node: dict, mesh: dict, matrices: np.ndarray, bones: np.ndarray | None, name: str, names: Counter
    ) -> list[tuple[str, Geometry]]:
        """The primitives of a node's mesh for each of the matrices [I, 4, 4]."""
        weights = node.get("weights") or mesh.get("weights") or []
        primitives = [entry for entry in mesh["primitives"] if entry.get("mode", TRIANGLES) in (POINTS, *SURFACES)]
        local = [self._primitive(primitive, weights, len(matrices)) for primitive in primitives]
        parts = []
        for matrix in matrices if primitives else ():
            own = unique(name, names)
            for primitive, (points, triangles) in zip(primitives, local, strict=True):
                if bones is not None and "JOINTS_0" in primitive["attributes"]:
                    points = skinned(points, primitive, bones, self.document)  # whatever the node's own transform is
                else:
                    points = moved(points, matrix)
                parts.append((own, Geometry(points, triangles)))
        return parts

    def _tops(self) -> list[int]:
        """The nodes without parents, of a file without scenes."""
        children = {child for node in self.nodes for child in node.get("children", [])}
        return [index for index in range(len(self.nodes)) if index not in children]

    def _placed(self, roots: Iterable[int], hidden: bool = False) -> list[tuple[int, np.ndarray]]:
        """The nodes below some nodes, visible or also `hidden`, with their matrices [4, 4] in the scene."""
        waiting = [(index, np.eye(4), 0) for index in reversed([*roots])]
        placed, own = [], {}
        while waiting:
            index, above, depth = waiting.pop()
            if depth > 1000:
                raise InputError(f"{self.path} has circular nodes; export it again.")
            node = self.nodes[index]
            if not hidden and node.get("extensions", {}).get("KHR_node_visibility", {}).get("visible", True) is False:
                continue
            if index not in own:
                own[index] = transform_of(node)
            placed.append((index, above @ own[index]))
            within(len(placed) + len(waiting), MAX_NODES, str(self.path), "nodes")
            waiting += [(child, placed[-1][1], depth + 1) for child in reversed(node.get("children", []))]
        return placed

    def _bones(self, node: dict, placed: list[tuple[int, np.ndarray]]) -> np.ndarray:
        """The matrices [J, 4, 4] of the joints of a node's skin; these may be hidden, or outside the scene."""
        skin, worlds = self.content["skins"][node["skin"]], dict(reversed(placed))
        if not worlds.keys() >= set(skin["joints"]):
            worlds = dict(self._placed(self._tops(), hidden=True)) | worlds
        return bones_of(skin, worlds, self.document)

    def _primitive(self, primitive: dict, weights: list[float], copies: int) -> tuple[np.ndarray, np.ndarray | None]:
        """The vertices [N, 3] of a primitive in its mesh, and its triangles [T, 3], None for points.

        Args:
            weights: of its morph targets.
            copies: how often it is placed, for the limit.
        """
        check_extensions([name for name in primitive.get("extensions", {}) if "compression" in name], self.path)
        mode, position = primitive.get("mode", TRIANGLES), primitive["attributes"]["POSITION"]
        self._count(position, copies)
        points = self.document.accessor(position).astype(np.float64)
        points = morphed(points, primitive, weights, self.document)
        if mode == POINTS:
            return points, None
        corners = np.arange(len(points))
        if "indices" in primitive:
            self._count(primitive["indices"], copies)
            corners = self.document.accessor(primitive["indices"]).reshape(-1).astype(np.int64)
        triangles = _triangles(corners, mode)
        check_triangles(triangles, len(points), self.path)
        return points, triangles

    def _count(self, accessor: int, copies: int) -> None:
        """Count an accessor's rows against the limit; without copies, each takes a few bytes of the file."""
        self._rows += self.content["accessors"][accessor]["count"] * copies
        most = max(MAX_ROWS, self.document.bytes_read)
        within(self._rows, most, str(self.path), "points and corners of triangles")


def _text(name: object) -> str:
    """A node's name that can be written as UTF-8: JSON's escapes may give half of a character."""
    return str(name or "").encode("utf-8", "replace").decode()


def _triangles(corners: np.ndarray, mode: int) -> np.ndarray:
    """Corners [n] as triangles [T, 3]."""
    if mode == TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if len(corners) < 3:
        return np.zeros((0, 3), np.int64)
    first = corners[:-2] if mode == STRIP else np.full(len(corners) - 2, corners[0])
    return np.stack((first, corners[1:-1], corners[2:]), axis=1)
