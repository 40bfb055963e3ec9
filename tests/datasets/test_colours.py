"""The colours of a file's points, whatever the format calls them."""

import laspy
import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from pointclip.datasets.shape_files.colours import colours_of
from pointclip.datasets.shape_files.geometry import Reading
from pointclip.datasets.shape_files.reading import colours_of_points, read_geometry, take
from zeroshot_det.scenes.scan_files import ScanFiles

RNG = np.random.default_rng(0)
CLOUD = RNG.uniform(0, 4, (200, 3)).round(3)
COLOURS = RNG.integers(0, 256, (200, 3)).astype(np.uint8)
NAMES = ("red", "green", "blue")


def write(path, kind):
    """The cloud with its colours in one of the ways that programs write them."""
    if kind == "ply":
        rows = np.rec.fromarrays([*CLOUD.T, *COLOURS.T, COLOURS[:, 0]], names=["x", "y", "z", *NAMES, "alpha"])
        PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))
    elif kind == "las":  # 16 bits, as the standard asks
        scan = laspy.LasData(laspy.LasHeader(point_format=3, version="1.2"))
        scan.x, scan.y, scan.z = CLOUD.T
        scan.red, scan.green, scan.blue = COLOURS.T.astype(np.uint16) * 257
        scan.write(path)
    elif kind == "pcd":
        packed = COLOURS.astype(int) @ (1 << 16, 1 << 8, 1)
        head = "FIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F U\nCOUNT 1 1 1 1\nWIDTH 200\nDATA ascii\n"
        path.write_text(head + "\n".join(f"{x} {y} {z} {p}" for (x, y, z), p in zip(CLOUD, packed, strict=True)))
    elif kind == "obj":
        rows = np.column_stack([CLOUD, COLOURS / 255])
        path.write_text("\n".join("v " + " ".join(map(str, row)) for row in rows))
    elif kind == "npy":
        np.save(path, np.column_stack([CLOUD, COLOURS]))
    elif kind == "npz":
        np.savez(path, points=CLOUD, colors=COLOURS)
    elif kind == "csv":
        np.savetxt(path, np.column_stack([CLOUD, COLOURS]), delimiter=",", header="x,y,z,R,G,B", comments="")
    else:  # an intensity before them
        np.savetxt(path, np.column_stack([CLOUD, np.linspace(-2000, 2000, 200).round(), COLOURS]), fmt="%.3f")
    return path


@pytest.mark.parametrize("kind", ["ply", "las", "pcd", "obj", "npy", "npz", "csv", "pts"])
def test_colours_are_read_from_every_format(tmp_path, kind):
    path = write(tmp_path / f"a.{kind}", kind)
    geometry = read_geometry(path, Reading(colours=True))
    np.testing.assert_array_equal(colours_of_points(take(geometry, "a")), COLOURS)
    assert "intensity" not in geometry.fields  # only colours, for large scans' sake
    scan = ScanFiles([path], "z", "m", ("chair",))[0]
    np.testing.assert_array_equal(scan.colours, COLOURS)


def test_a_point_sampled_from_a_mesh_has_the_colour_of_the_nearest_corner(tmp_path):
    corners = np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0], [0, 0, 3]]) + 1e7  # a survey's coordinates
    vertices = np.rec.fromarrays([*corners.T, *COLOURS[:5].T], names=["x", "y", "z", *NAMES])
    faces = np.array([([0, 1, 2],), ([0, 2, 3],), ([0, 1, 4],)], [("vertex_indices", "i4", (3,))])
    elements = [PlyElement.describe(vertices, "vertex"), PlyElement.describe(faces, "face")]
    PlyData(elements).write(str(tmp_path / "a.ply"))
    taken = take(read_geometry(tmp_path / "a.ply", Reading(colours=True)), "a", 500)
    colours, points = colours_of_points(taken), taken.shape.points + np.array(taken.shape.offset)
    near = np.linalg.norm(points[:, None] - corners, axis=2)
    clear = np.sort(near, axis=1)[:, 0] < 1
    assert clear.sum() > 20
    np.testing.assert_array_equal(colours[clear], COLOURS[:5][near.argmin(axis=1)[clear]])


@pytest.mark.parametrize(
    "columns",
    [
        np.full((4, 3), 255),  # white everywhere, as programs write where there is no colour
        np.array([[0, 0, 1.0], [0.6, 0.8, 0], [1, 0, 0], [0, -1, 0]]),  # normals
        np.array([[1, 2, 3], [4, 5, 7e4], [1, 1, 1], [2, 2, 2]]),
        np.array([[1, 2, np.nan], [4, 5, 6], [1, 1, 1], [2, 2, 2]]),
    ],
)
@pytest.mark.parametrize("names", [NAMES, ("column_4", "column_5", "column_6")])
def test_what_is_no_colour_is_none(columns, names):
    assert colours_of(dict(zip(names, columns.T, strict=True))) is None
