"""How many shapes per second are read from files of each format, by the number of reading processes?

Spheres with noise: meshes of 5,120 triangles (.off .obj .glb), clouds of 10,000 points (.ply .txt), and .h5 as
ModelNet40's, each sampled to 1,024 points. 0 processes read in the run itself. The processes are started before the
clock is, and every file is read once from the system's cache.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import h5py
import numpy as np
import trimesh
from plyfile import PlyData, PlyElement

from benchmarks.machine import machine, positive
from pointclip import workers
from pointclip.datasets.base import ShapeSet
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.h5_folder import H5Folder
from pointclip.datasets.shape_files import ShapeFiles
from pointclip.runs.output import table

POINTS, CLOUD = 1024, 10_000
MESHES, CLOUDS = ("off", "obj", "glb"), ("ply", "txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=positive, default=200, help="of each format")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--repeats", type=positive, default=3)
    args = parser.parse_args()
    print(f"{machine()}\n{args.files} files of each format, the fastest of {args.repeats} passes, shapes/s")

    with tempfile.TemporaryDirectory() as folder:
        sets = {f".{kind}": write_files(Path(folder) / kind, kind, args.files) for kind in (*MESHES, *CLOUDS)}
        sets[".h5"] = write_h5(Path(folder) / "h5", args.files)
        speeds = {kind: [] for kind in sets}
        for count in args.workers:
            workers.configure(count)
            for kind, open_set in sets.items():
                read(open_set())  # starts the processes
                speeds[kind].append(max(args.files / read(open_set()) for _ in range(args.repeats)))
    header = ["file", *(f"{count} processes" if count else "in the run" for count in args.workers)]
    print(table(header, [[kind, *(f"{speed:,.0f}" for speed in each)] for kind, each in speeds.items()]))


def read(shapes: ShapeSet) -> float:
    """The seconds that reading all shapes takes."""
    start = time.perf_counter()
    for _ in BatchReader(shapes, 32):
        pass
    return time.perf_counter() - start


def write_files(folder: Path, kind: str, count: int) -> Callable[[], ShapeSet]:
    """Write shape files; returns what opens them as a data set."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    sphere = trimesh.creation.icosphere(4)
    for number in range(count):
        path = folder / f"{number:04d}.{kind}"
        if kind in MESHES:
            trimesh.Trimesh(sphere.vertices + rng.normal(0, 0.01, sphere.vertices.shape), sphere.faces).export(path)
            continue
        cloud = rng.normal(size=(CLOUD, 3)).astype(np.float32)
        if kind == "txt":
            np.savetxt(path, cloud, "%.6f")
        else:
            rows = np.array(list(map(tuple, cloud)), [(axis, "f4") for axis in "xyz"])
            PlyData([PlyElement.describe(rows, "vertex")]).write(path)
    return lambda: ShapeFiles(sorted(folder.iterdir()), POINTS)


def write_h5(folder: Path, count: int) -> Callable[[], ShapeSet]:
    """Write a data set of .h5 files; returns what opens it."""
    folder.mkdir()
    (folder / "shape_names.txt").write_text("sphere\nball\n", encoding="utf-8")
    with h5py.File(folder / "test.h5", "w") as file:
        file["data"] = np.random.default_rng(0).normal(size=(count, 2048, 3)).astype(np.float32)
        file["label"] = np.zeros((count, 1), np.uint8)
    return lambda: H5Folder(folder, "test", POINTS)


if __name__ == "__main__":
    main()
