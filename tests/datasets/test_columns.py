"""Which columns of a table are x, y and z."""

import io
import re
from pathlib import Path

import numpy as np
import pytest

from pointclip.datasets.shape_files import ShapeFiles, read_shape
from pointclip.datasets.shape_files.arrays import read_npy
from pointclip.datasets.shape_files.geometry import Reading
from pointclip.datasets.shape_files.text import read_text
from pointclip.errors import InputError

ROWS = "0.1 0.2 0.3", "0.4 0.5 0.6"
POINTS = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
QUIET = {
    "no header, colours": "0.1 0.2 0.3 255 0 0\n0.4 0.5 0.6 255 0 0\n",
    "pandas": ",0,1,2\n0,0.1,0.2,0.3\n1,0.4,0.5,0.6\n",
    "ParaView": '"Points:0","Points:1","Points:2","i"\n0.1,0.2,0.3,1\n0.4,0.5,0.6,1\n',
    "ArcGIS": "OID,POINT_X,POINT_Y,POINT_Z\n7,0.1,0.2,0.3\n9,0.4,0.5,0.6\n",
    "camel case": "id,posX,posY,posZ\n7,0.1,0.2,0.3\n9,0.4,0.5,0.6\n",
    "a pose": "t,a.pos.x,a.pos.y,a.pos.z,a.rot.x,a.rot.y,a.rot.z\n1,0.1,0.2,0.3,0,0,0\n2,0.4,0.5,0.6,0,0,0\n",
    "another order": "N,E,H\n0.2,0.1,0.3\n0.5,0.4,0.6\n",
    "x, y and a height": "x,y,elevation\n0.1,0.2,0.3\n0.4,0.5,0.6\n",
    "normals behind": "X;Y;Z;Nx;Ny;Nz\n0.1;0.2;0.3;0;0;1\n0.4;0.5;0.6;0;0;1\n",
    "words in another column": 'who,x,y,z\n"a, b",0.1,0.2,0.3\nc d,0.4,0.5,0.6\n',
    "empty cells": "x,y,z,i\n0.1,0.2,0.3,\n0.4,0.5,0.6,5\n",
    "tabs, and blanks in names": "Slot ID\tX\tY\tZ\n4\t0.1\t0.2\t0.3\n4\t0.4\t0.5\t0.6\n",
    "columns in a comment": "# columns: i x y z\n4 0.1 0.2 0.3\n4 0.4 0.5 0.6\n",
    "prose in a comment": "# exported by me as x y z\n0.1 0.2 0.3 1\n0.4 0.5 0.6 1\n",
    "more prose": "# this is a cloud\n0.1 0.2 0.3 1\n0.4 0.5 0.6 1\n",
    "title": "My cloud\n" + "\n".join(ROWS),
    "blanks before units": "X [m] Y [m] Z [m] i\n0.1 0.2 0.3 4\n0.4 0.5 0.6 4\n",
    "units below": "id,x,y,z\n-,[m],[m],[m]\n4,0.1,0.2,0.3\n4,0.4,0.5,0.6\n",
    "numbered below a name": "id,0,1,2\n4,0.1,0.2,0.3\n4,0.4,0.5,0.6\n",
    "numbered from 1": "1,2,3\n0.1,0.2,0.3\n0.4,0.5,0.6\n",
    "C++'s missing value": "0.1 0.2 0.3 -1.#IND00\n0.4 0.5 0.6 1.#INF\n",
}
NOTED = {
    "R": ('"x" "y" "z"\n"7" 0.1 0.2 0.3\n"9" 0.4 0.5 0.6\n', "columns 2 to 4 were taken"),
    "too few names": ("x y z\n0.1 0.2 0.3 1 2\n0.4 0.5 0.6 1 2\n", "columns 1 to 3 were taken"),
    "unknown prefix": ("t,lidar_x,lidar_y,lidar_z\n1,0.1,0.2,0.3\n2,0.4,0.5,0.6\n", "lidar_x, lidar_y, lidar_z were"),
}
REFUSED = {
    "two clouds": ("a_x,a_y,a_z,b_x,b_y,b_z\n1,2,3,4,5,6\n", "which of them are x, y and z is not clear"),
    "normals": ("nx,ny,nz\n1,2,3\n", "columns nx, ny, nz; which are"),
    "unknown": ("a b c d\n1 2 3 4\n", "columns a, b, c, d; which are"),
    "a comment with columns": ("# time lat lon alt\n1 2 3 4\n", "latitude and longitude are angles"),
    "words first": ("P1 1.5 2 3\nP2 4 5 6\n", "its lines start with P1, 1.5, 2, 3"),
    "a grid of heights": ("ncols 3\nnrows 1\n1 2 3\n", "is a grid of heights"),
    "a picture": (" ".join(["1.5"] * 64) + "\n", "is a table of 1 × 64 numbers"),
    "underscores": ("1.5 2 3\n1_0 2 3\n", "'1_0 2 3' instead of a line of numbers"),
    "a name without a column": ("id,x,y,z,i\n1,2,3,4.5\n", "its 5 words do not fit 4 columns"),
    "a comment without a column": ("# id x y z i\n1 2 3 4.5\n", "'id x y z i' of 5 names for 4 columns"),
    "columns without a name": ("# id x y z\n1 2 3 4.5 6 7\n", "'id x y z' of 4 names for 6 columns"),
    "a gyroscope": ("t,gyro_x,gyro_y,gyro_z\n1,2,3,4\n", "which are x, y and z is not clear"),
    "columns that end": ("x,y,z,i\n1.5,2,3,\n4,5,6\n", "lines of 4 and of 3 numbers"),
}


def read(text, wanted=()):
    return read_text(text.encode(), Path("a.csv"), Reading(wanted))


@pytest.mark.parametrize("kind", QUIET)
def test_columns_that_leave_no_doubt(kind):
    cloud = read(QUIET[kind])
    assert np.array_equal(cloud.points, POINTS)
    assert cloud.notes == ()


@pytest.mark.parametrize("kind", NOTED)
def test_columns_that_are_told(kind):
    text, words = NOTED[kind]
    cloud = read(text)
    assert np.array_equal(cloud.points, POINTS)
    assert [words in note for note in cloud.notes] == [True]


@pytest.mark.parametrize("kind", REFUSED)
def test_columns_that_are_not_understood(kind):
    text, words = REFUSED[kind]
    with pytest.raises(InputError, match=re.escape(words)):
        read(text)


def test_columns_are_named_by_a_setting(tmp_path):
    table = "time,latitude,longitude,up\n9,0.1,0.2,0.3\n9,0.4,0.5,0.6\n"
    for wanted in (("2", "3", "4"), ("Latitude", "longitude", "4")):
        assert np.array_equal(read(table, wanted).points, POINTS)
    assert np.array_equal(read("P1 0.1 0.2 0.3\nP2 0.4 0.5 0.6\n", ("4", "3", "2")).points, np.array(POINTS)[:, ::-1])
    path = tmp_path / "a.npy"
    np.save(path, np.column_stack([[0, 1], POINTS]))
    assert np.allclose(read_shape(path, columns="2,3,4").points, POINTS)
    np.save(path, np.array([(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)], [("east", "f8"), ("north", "f8"), ("who", "f8")]))
    assert np.allclose(ShapeFiles([path], columns="east,north,who")[0].points, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("1,2", "expected the columns of x, y and z"),
        ("0,1,2", "counted from 1"),
        ("1,1,2", "three different"),
        ("1,2,9", "a.csv has 3 columns without names; READING.COLUMNS names '9', which is not among them"),
        ("e,n,h", "READING.COLUMNS names 'e'"),
    ],
)
def test_columns_that_are_not_there(tmp_path, columns, words):
    (tmp_path / "a.csv").write_text("1.5,2,3\n")
    with pytest.raises(InputError, match=words):
        read_shape(tmp_path / "a.csv", columns=columns)


def of_array(array):
    file = io.BytesIO()
    np.save(file, array)
    return read_npy(file.getvalue(), Path("a.npy"))


CLOUD = np.random.default_rng(0).random((12, 3))
ROW, COLUMN = np.divmod(np.arange(12), 4)
MIXED = np.random.default_rng(1).permutation(12)
NORMALS = CLOUD / np.linalg.norm(CLOUD, axis=1, keepdims=True)
BEFORE = {
    "pixels": ((ROW, COLUMN), "count rows and columns; say which columns are x, y and z by READING.COLUMNS 3,4,5"),
    "pixels in no order": ((ROW[MIXED], COLUMN[MIXED]), "count rows and columns"),
    "numbers in no order": ((MIXED,), "a whole number, unlike the three behind it; say which"),
    "a class": ((ROW * 0 + 3,), "a whole number, unlike"),
    "a time": ((1.7e9 + np.arange(12) / 10,), "looks like a time; say which columns are x, y and z by READING"),
    "a colour": ((20 * MIXED, COLUMN, ROW), "may be a colour; say which columns are x, y and z by READING.COLUMNS 4"),
}


@pytest.mark.parametrize("kind", BEFORE)
def test_other_numbers_before_the_points_are_refused(kind):
    columns, words = BEFORE[kind]
    with pytest.raises(InputError, match=re.escape(words)):
        of_array(np.column_stack([*columns, CLOUD]))


def test_counted_points_are_left_out_and_other_clouds_are_kept():
    counted = of_array(np.column_stack([np.arange(3, 15), CLOUD]))
    assert np.array_equal(counted.points, CLOUD)
    assert "first column counts the points" in counted.notes[0]
    heights = np.column_stack([ROW, COLUMN, CLOUD[:, 0]])  # x and y on a grid
    voxels = np.column_stack([ROW, COLUMN, ROW, ROW, ROW])
    with_normals = np.column_stack([ROW, MIXED, COLUMN, NORMALS])
    for table in (heights, voxels, with_normals):
        assert np.array_equal(of_array(table).points, table[:, :3])
        assert of_array(table).notes == ()
