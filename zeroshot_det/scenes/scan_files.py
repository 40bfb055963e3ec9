"""A user's scans: any file that `pointclip.datasets.shape_files` reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from pointclip.datasets.axes import check_up, to_z_up
from pointclip.datasets.shape_files.columns import parse_columns
from pointclip.datasets.shape_files.geometry import Geometry, Reading
from pointclip.datasets.shape_files.reading import colours_of_points, ending_of, printable, read_geometry, take
from pointclip.datasets.shape_files.standing import guess_of
from pointclip.datasets.up_axis import GIVEN, UpGuess
from pointclip.errors import InputError
from pointclip.workers import call
from zeroshot_det.scenes.base import Scene, check_scene
from zeroshot_det.scenes.frames import UNITS, Frame, check_unit
from zeroshot_det.scenes.levelling import levelling_of

SCAN_POINTS = 400_000  # sampled from a mesh


class ScanFiles:
    """Files as scenes without ground truth.

    Args:
        paths: the files, each once.
        up: the axis that points up in them, such as "z" or "-y"; "auto" guesses it, see
            `pointclip.datasets.up_axis`.
        unit: of their lengths, see `UNITS`; "auto" is metres, and refuses a scan that is no room in metres.
        class_names: the classes to detect.
        seed: for points sampled from a mesh.
        columns: of x, y and z in text files and arrays, as for `read_shape`.
        clouds: the contents of those `paths` that are no files.

    Raises:
        InputError: for an unknown axis, no files, or a file given twice.
    """

    has_truth = False

    def __init__(
        self,
        paths: Sequence[str | Path],
        up: str,
        unit: str,
        class_names: Sequence[str],
        seed: int = 0,
        columns: str = "",
        clouds: Mapping[Path, Geometry] = MappingProxyType({}),
    ):
        check_up(up, auto=True)
        self.paths = [Path(path) for path in paths]
        self.names = [printable(path) for path in self.paths]
        if not self.names:
            raise InputError("No scan was given; name at least one file with --input.")
        if len(set(self.paths)) < len(self.paths):
            raise InputError("A scan was given twice; name each file once.")
        self.class_names, self.up, self.unit, self.seed = tuple(class_names), up, unit, seed
        self.reading, self.clouds = Reading(parse_columns(columns), colours=True), clouds
        self.notes: Sequence[str] = ()  # on the files as a whole

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Scene:
        path = self.paths[index]
        if path in self.clouds:
            return scene_of(self.clouds[path], path, self.up, self.unit, self.seed)
        return call(read_scan, path, self.reading, self.up, self.unit, self.seed, path=path)


def read_scan(path: Path, reading: Reading, up: str, unit: str, seed: int) -> Scene:
    """The scene in a file; see `ScanFiles`."""
    return scene_of(read_geometry(path, reading), path, up, unit, seed)


def scene_of(geometry: Geometry, path: Path, up: str, unit: str, seed: int) -> Scene:
    """The scene in a file whose content is known; see `ScanFiles`."""
    name = printable(path)
    is_mesh = geometry.triangles is not None and len(geometry.triangles)
    taken = take(geometry, name, SCAN_POINTS if is_mesh else None, seed)
    shape, colours = taken.shape, colours_of_points(taken)
    points = check_scene(shape.points, name)
    if np.ptp(points, axis=0).max() == 0:
        raise InputError(f"{name}: all points coincide; expected a scan of a room.")
    guess = UpGuess(up, GIVEN) if up != "auto" else guess_of(geometry, ending_of(path))
    guessed = () if up != "auto" else (guess.words,)
    notes = tuple(f"{name}: {note}" for note in (*shape.notes, *guessed))
    z_up = np.ascontiguousarray(to_z_up(points, guess.axis))
    if unit == "auto":
        check_unit(z_up, name)
        unit = "m"
    frame = Frame(guess.axis, guess.reason, guess.sure, guess.margin, shape.offset, unit)
    metres = z_up if unit == "m" else (z_up * np.float64(UNITS[unit])).astype(np.float32)
    if tilted := levelling_of(metres):
        rotation, degrees = tilted
        metres = (metres @ rotation.T).astype(np.float32)
        frame = replace(frame, levelling=tuple(map(tuple, rotation.tolist())))
        notes += (f"{name}: its largest flat surface was tilted by {degrees:.0f}° and was made level.",)
    return Scene(name, metres, colours=colours, frame=frame, kept=shape.kept, notes=notes)
