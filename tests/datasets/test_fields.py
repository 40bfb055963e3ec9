"""What a file's points have besides x, y and z."""

import laspy
import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from pointclip.datasets.shape_files.geometry import Reading
from pointclip.datasets.shape_files.pieces import Split, pieces_of
from pointclip.datasets.shape_files.reading import read_geometry

CLOUD = np.random.default_rng(0).random((40, 3)).round(4)
CLOUD[20:] += 50
RED, WIDTH = np.arange(40) * 6, np.arange(40) / 8
PACKED = RED << 16 | 7 << 8 | 5


def write(path):
    """A cloud with the fields red and w, as far as the format has such."""
    table = np.column_stack([CLOUD, RED, WIDTH])
    if path.suffix == ".csv":
        np.savetxt(path, table, delimiter=",", header="x,y,z,red,w", comments="")
    elif path.suffix == ".txt":  # with words in a column
        rows = (",".join(map(str, row)) for row in np.insert(table.astype(object), 3, "a tree", axis=1))
        path.write_text("x,y,z,what,red,w\n" + "\n".join(rows))
    elif path.suffix == ".npz":
        np.savez(path, points=CLOUD, red=RED, w=WIDTH, other=np.zeros(3))
    elif path.suffix == ".npy":
        np.save(path, np.rec.fromarrays(table.T, names="x,y,z,red,w"))
    elif path.suffix == ".ply":
        rows = np.rec.fromarrays([*CLOUD.T, RED.astype(np.uint8), WIDTH], names="x,y,z,red,w")
        PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))
    elif path.suffix == ".obj":
        path.write_text("\n".join(f"v {x} {y} {z} {red} 7 5" for x, y, z, red, _ in table))
    elif path.suffix == ".pcd":
        header = "FIELDS x y z rgb w _\nSIZE 4 4 4 4 4 1\nTYPE F F F U F U\nCOUNT 1 1 1 1 1 1\nWIDTH 40\nDATA ascii\n"
        rows = zip(*CLOUD.T, PACKED, WIDTH, strict=True)
        path.write_text(header + "\n".join(" ".join(map(str, [*row, 0])) for row in rows))
    else:
        scan = laspy.LasData(laspy.LasHeader(point_format=3, version="1.2"))
        scan.x, scan.y, scan.z = CLOUD.T
        scan.red = RED
        scan.add_extra_dim(laspy.ExtraBytesParams("w", "f8"))
        scan.w = WIDTH
        scan.write(path)
    return path


@pytest.mark.parametrize("ending", ["csv", "txt", "npz", "npy", "ply", "obj", "pcd", "laz"])
def test_fields_are_read_where_they_are_wanted(tmp_path, ending):
    path = write(tmp_path / f"a.{ending}")
    assert read_geometry(path).fields == {}
    cloud = read_geometry(path, Reading(fields=True))
    np.testing.assert_allclose(cloud.points, CLOUD, atol=0.01)
    assert np.array_equal(cloud.fields["red"], RED)
    if ending == "obj":
        assert cloud.fields.keys() == {"red", "green", "blue"}
        return
    assert np.array_equal(cloud.fields["w"], WIDTH)
    assert {"what", "_", "other", "rgb", "X"} & cloud.fields.keys() == set()
    if ending == "pcd":
        assert set(cloud.fields["green"]) == {7}
    if ending == "laz":
        assert {"classification", "intensity", "gps_time"} < cloud.fields.keys()
    small, large = pieces_of(cloud, Split("parts"))
    assert sorted([*small.geometry.rows, *large.geometry.rows]) == list(range(40))
    assert np.array_equal(large.geometry.fields["red"], RED[large.geometry.rows])
