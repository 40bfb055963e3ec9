"""Single shapes from files of common formats: meshes, scenes, scans and arrays."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pointclip.datasets.axes import check_up, to_y_up
from pointclip.datasets.base import Shape
from pointclip.errors import InputError, first_line
from pointclip.projection.points import check_num_points

MESH_POINTS = 2048  # sampled from a mesh when the caller names no number
ARRAY_KEYS = ("points", "pos", "xyz", "data")  # in this order, in an .npz that holds several arrays


def read_shape(path: str | Path, num_points: int | None = None, up: str = "y", seed: int = 0) -> Shape:
    """Read one shape.

    Meshes and scenes (.ply .obj .off .stl .glb .gltf) are sampled evenly over their surface, scene transforms applied;
    in a scene that holds meshes, loose points and lines are left out. Clouds (.ply .xyz .pcd .las .laz .npy .npz) are
    taken as they are; more points than `num_points` are thinned to a random subset, fewer are all kept. Arrays are
    [N, 3] or wider: the first three columns are x, y, z. In .npz the key is points, pos, xyz or data, or the only
    one. In .pcd a NaN point means "nothing measured" and is dropped. Coordinates so large that float32 would blur the
    shape (as in surveys) are moved towards the origin first.

    Args:
        path: the file; its ending says the format.
        num_points: how many points to sample or at most to take; None takes a whole cloud, and 2048 from a mesh.
        up: the axis that points up in the file, "y" or "z"; z-up shapes are turned to y up.
        seed: for sampling and thinning; same file and seed, same points.

    Returns:
        A `Shape` with label -1, named by its path. Values are not checked to be finite.

    Raises:
        InputError: when the file is missing, empty, damaged, of an unknown kind, or holds no points.
    """
    path = Path(path)
    check_up(up)
    check_num_points(num_points)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"The seed is {seed!r}, but it must be a whole number of at least 0.")
    reader = _reader(path)
    rng = np.random.default_rng(seed)
    points = reader(path, num_points, rng)  # [M, 3]
    if not len(points):
        raise InputError(f"{path} holds no points; is it the right file?")
    if num_points is not None and len(points) > num_points:
        points = points[np.sort(rng.choice(len(points), num_points, replace=False))]
    with np.errstate(over="ignore"):  # what is too large for float32 becomes inf, for the caller's check to find
        points = to_y_up(_near_origin(points), up).astype(np.float32)
    return Shape(points=np.ascontiguousarray(points), label=-1, name=_printable(path))


class ShapeFiles:
    """Shape files as a data set whose labels are not known.

    Each file is read when its item is asked for, so a bad one raises InputError then and spoils no other.

    Args:
        paths: the files, each once.
        num_points, up, seed: as for `read_shape`.
        class_names: the names to choose from.

    Raises:
        InputError: when no file is given, or one twice.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - it has none, and the protocol asks for a dict

    def __init__(
        self,
        paths: Sequence[str | Path],
        num_points: int | None = None,
        up: str = "y",
        class_names: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        check_up(up)
        check_num_points(num_points)
        self.paths = [Path(path) for path in paths]
        if not self.paths:
            raise InputError("No shape file is given; name at least one.")
        for position, path in enumerate(self.paths):
            if path in self.paths[:position]:
                raise InputError(f"{path} is given twice; name each file once.")
        self.num_points = num_points
        self.up = up
        self.seed = seed
        self.class_names = tuple(class_names)

    @property
    def given(self) -> dict:
        """Which files these are and how they are read, for a run's records."""
        return {"files": [_printable(path.absolute()) for path in self.paths], "up": self.up}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Shape:
        return read_shape(self.paths[index], self.num_points, self.up, self.seed)


def _printable(path: Path) -> str:
    """The path as text that any file or terminal can hold, also where its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", errors="replace")


def _reader(path: Path) -> Callable[[Path, int | None, np.random.Generator], np.ndarray]:
    """The function that reads `path`, which is known to be a file with something in it."""
    if os.path.isdir(path):  # Path.is_dir raises for names too long
        raise InputError(f"{path} is not a file; name a file of one shape.")
    if path.suffix.lower() not in _READERS:
        raise InputError(f"{path} has the ending {path.suffix!r}, but the known ones are {' '.join(_READERS)}.")
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path} does not exist; check the path.") from error
    except OSError as error:  # a folder that may not be entered, a name too long
        raise InputError(f"{path} cannot be reached ({error.strerror}); check the path.") from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a file; name a file of one shape.")
    if status.st_size == 0:
        raise InputError(f"{path} is empty.")
    return _READERS[path.suffix.lower()]


def _near_origin(points: np.ndarray) -> np.ndarray:
    """Points as float64, moved to the origin if float32 could not tell them apart well where they are."""
    points = np.asarray(points, dtype=np.float64)
    finite = points[np.isfinite(points).all(axis=1)]
    if not len(finite):
        return points
    low, high = finite.min(axis=0), finite.max(axis=0)
    centre, extent = (low + high) / 2, (high - low).max()
    return (
        points - centre if np.abs(centre).max() > 1000 * extent else points
    )  # float32 then errs by 6e-5 of the extent


def _damaged(path: Path, error: Exception) -> InputError:
    if isinstance(error, PermissionError):
        return InputError(f"{path} may not be read ({error.strerror}); check its permissions.")
    reason = first_line(error)[:200]
    if "pickle" in reason:  # numpy's way to say "no array", with advice to open what may run code
        reason = "no array of plain numbers"
    if getattr(error, "name", "") == "charset_normalizer":  # trimesh would guess the encoding with it
        reason = "its text is not UTF-8"
    return InputError(f"{path} cannot be read as {path.suffix.lower()}, perhaps it is damaged ({reason}).")


def _read_with_trimesh(path: Path, num_points: int | None, rng: np.random.Generator) -> np.ndarray:
    import trimesh  # here, as it is slow to import and most runs need none of it

    try:
        scene = trimesh.load_scene(path, process=False, skip_materials=True)
        geometries = scene.dump()  # copies with the scene's transforms applied
    except Exception as error:  # the parsers raise all kinds of errors for damaged files
        raise _damaged(path, error) from error
    meshes = [item for item in geometries if isinstance(item, trimesh.Trimesh) and len(item.faces)]
    if not meshes:
        clouds = [item.vertices for item in geometries if isinstance(item, trimesh.PointCloud | trimesh.Trimesh)]
        return np.concatenate([np.zeros((0, 3)), *clouds])
    mesh = trimesh.util.concatenate(meshes)
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        area = mesh.area
    if not 0 < area < np.inf:
        raise InputError(f"{path} has faces but no surface to sample: their area is {area}.")
    points, _ = trimesh.sample.sample_surface(mesh, num_points or MESH_POINTS, seed=rng)
    return np.asarray(points)


def _read_pcd(path: Path, num_points: int | None, rng: np.random.Generator) -> np.ndarray:
    from pypcd4 import PointCloud

    try:
        points = PointCloud.from_path(path).numpy(("x", "y", "z")).astype(np.float64)  # [N, 3]
    except Exception as error:
        raise _damaged(path, error) from error
    return points[~np.isnan(points).any(axis=1)]


def _read_las(path: Path, num_points: int | None, rng: np.random.Generator) -> np.ndarray:
    import laspy

    try:
        return np.asarray(laspy.read(path).xyz)  # float64: scaled integers plus the header's offset
    except Exception as error:  # also where the library that unpacks .laz is not installed
        raise _damaged(path, error) from error


def _read_array(path: Path, num_points: int | None, rng: np.random.Generator) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else _named_array(path, loaded)
    except InputError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    if array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in "fiu":
        raise InputError(f"{path} holds {array.dtype} of shape {list(array.shape)}, expected numbers of shape [N, 3].")
    return array[:, :3]


def _named_array(path: Path, archive: np.lib.npyio.NpzFile) -> np.ndarray:
    with archive:
        keys = [key for key in ARRAY_KEYS if key in archive.files] or archive.files
        if not keys or (len(archive.files) > 1 and keys[0] not in ARRAY_KEYS):
            raise InputError(
                f"{path} holds the arrays {', '.join(archive.files) or '(none)'}; name the points one of "
                f"{', '.join(ARRAY_KEYS)}."
            )
        return archive[keys[0]]


_READERS: dict[str, Callable[[Path, int | None, np.random.Generator], np.ndarray]] = {
    **dict.fromkeys((".ply", ".obj", ".off", ".stl", ".glb", ".gltf", ".xyz"), _read_with_trimesh),
    ".pcd": _read_pcd,
    **dict.fromkeys((".las", ".laz"), _read_las),
    **dict.fromkeys((".npy", ".npz"), _read_array),
}
