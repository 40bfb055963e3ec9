"""Which columns of a table are x, y and z: by their names, or as READING.COLUMNS says; see also `unnamed`."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import unique
from pointclip.errors import InputError

LISTED = 20  # columns named in a message
SETTING = "READING.COLUMNS"

AXES = {"x": 0, "y": 1, "z": 2}
SURVEY = {
    **dict.fromkeys(("easting", "east", "e", "rechtswert"), 0),
    **dict.fromkeys(("northing", "north", "n", "hochwert"), 1),
    **dict.fromkeys(("elevation", "elev", "height", "altitude", "alt", "h", "z", "up", "u", "höhe"), 2),
}
UNITS = {
    *("m", "mm", "cm", "dm", "km", "in", "inch", "inches", "ft", "feet", "us"),
    *("meter", "meters", "metre", "metres", "millimeter", "millimeters", "millimetre", "millimetres"),
}
PLACES = {
    *("p", "pt", "pos", "position", "positions", "point", "points", "coord", "coords", "coordinate", "coordinates"),
    *("loc", "location", "vertex", "vertices", "xyz", "world", "global", "local", "map", "utm", "field", "cartesian"),
}  # words beside x, y, z that leave no doubt
OTHERS = {
    *("n", "normal", "normals", "nrm", "v", "vel", "velocity", "speed", "acc", "acceleration", "linear", "angular"),
    *("orientation", "rotation", "rot", "quaternion", "quat", "q", "scale", "size", "dir", "direction", "gravity"),
    *("color", "colour", "rgb", "offset", "origin", "sensor", "camera", "error", "sigma", "std", "cov", "flow"),
    *("accel", "gyro", "gyroscope", "mag", "magnetometer", "force", "torque", "euler", "angle", "rate"),
}  # words beside x, y, z that say what else these are
KNOWN = {
    "i", "id", "ids", "idx", "index", "nr", "number", "row", "col", "column", "t", "time", "timestamp", "stamp",
    "intensity", "reflectance", "reflectivity", "amplitude", "return", "r", "g", "b", "red", "green", "blue", "alpha",
    "nx", "ny", "nz", "curvature", "label", "class", "classification", "ring", "range", "depth", "lat", "latitude",
    "lon", "lng", "longitude",
}  # fmt: skip  # by which a comment is known as a header


@dataclass(frozen=True)
class Chosen:
    """The columns of x, y and z, counted from 0, and notes on how they were found."""

    columns: tuple[int, int, int]
    notes: tuple[str, ...] = ()


def parse_columns(text: str) -> tuple[str, ...]:
    """READING.COLUMNS as three numbers or names; () to find the columns by their names.

    Raises:
        InputError: for another number of columns, one twice, or the number 0.
    """
    wanted = tuple(name.strip() for name in text.split(",")) if text.strip() else ()
    if wanted and (len(wanted) != 3 or not all(wanted) or len(set(wanted)) < 3 or any(_number(n) == 0 for n in wanted)):
        raise InputError(
            f"{SETTING} is {text!r}; expected the columns of x, y and z, as three different numbers counted from 1 "
            'or as names: "2,3,4" or "easting,northing,height".'
        )
    return wanted


def wanted_columns(wanted: Sequence[str], names: Sequence[str], width: int, path: Path) -> Chosen:
    """The columns that READING.COLUMNS wants, of a table with `width` columns and the names of its header, if any.

    Raises:
        InputError: for a column that the table does not have.
    """
    plain = [name.strip().lower() for name in names]
    columns = []
    for name in wanted:
        number = _number(name)
        found = [number - 1] if number else [i for i, own in enumerate(plain) if own == name.lower()]
        if len(found) != 1 or found[0] >= width:
            has = f"the columns {listed(names)}" if names else f"{width} columns without names"
            twice = "more than once " if len(found) > 1 else ""
            raise InputError(f"{path} has {has}; {SETTING} names {name!r}, which is {twice or 'not '}among them.")
        columns += found
    if len(set(columns)) < 3:
        raise InputError(f"{path}: {SETTING} names the same column twice ({', '.join(wanted)}); name three of them.")
    return Chosen((columns[0], columns[1], columns[2]))


def named_columns(names: Sequence[str], path: Path) -> Chosen:
    """The columns of x, y and z by their names, without units, prefixes and case.

    A note tells of words beside x, y and z that are not known, as in lidar_x.

    Raises:
        InputError: if no three columns are understood, or several.
    """
    groups: dict[str, dict[int, list[int]]] = {}  # what else is in the name -> axis -> columns
    for place, name in enumerate(names):
        for group, axis in _meanings(name):
            groups.setdefault(group, {}).setdefault(axis, []).append(place)
    if len(plain := groups.get("", {})) == 2 and 2 not in plain:  # x, y and an elevation
        plain |= {axis: places for axis, places in groups.get("survey", {}).items() if axis == 2}
    whole = {group: axes for group, axes in groups.items() if len(axes) == 3}
    levels = [
        [whole[""]] if "" in whole else [],
        [axes for group, axes in whole.items() if group and set(group.split()) & PLACES and not _is_other(group)],
        [whole["survey"]] if "survey" in whole else [],
        [axes for group, axes in whole.items() if group not in ("", "survey") and not _is_other(group)],
    ]
    candidates = next(filter(None, levels), [])
    if len(candidates) == 1 and all(len(places) == 1 for places in candidates[0].values()):
        x, y, z = (candidates[0][axis][0] for axis in range(3))
        columns = x, y, z
        words = ", ".join(names[column].strip() for column in columns)
        return Chosen(columns, () if any(levels[:3]) else (f"Its columns {words} were taken as x, y, z.",))
    problem = "which of them are" if candidates else "which are"
    angles = {"lat", "latitude", "lon", "lng", "longitude"} & {word for name in names for word in _words(name)}
    advice = "; latitude and longitude are angles, so project them to metres first" if angles else ""
    raise InputError(
        f"{path} has the columns {listed(names)}; {problem} x, y and z is not clear, so {how_to_name()}{advice}."
    )


def other_columns(
    columns: Iterable[np.ndarray | None], taken: Sequence[int], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """The columns [N] besides x, y and z, by name or as column_4; None stands for words, which are left out."""
    given: Counter = Counter()
    return {
        unique(names[place].strip() if names and names[place].strip() else f"column_{place + 1}", given): column
        for place, column in enumerate(columns)
        if place not in taken and column is not None
    }


def are_known(names: Sequence[str]) -> bool:
    """Whether x, y and z or at least half of the names are usual ones for columns: a header and no prose."""
    known = [name for name in names if set(_words(name)) & KNOWN or _meanings(name)]
    return 2 * len(known) >= len(names) > 0 or AXES.keys() <= {name.lower() for name in names}


def listed(names: Sequence[str]) -> str:
    """Columns for a message."""
    words = [name.strip()[:40] or "(no name)" for name in names[:LISTED]]
    return ", ".join(words) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def how_to_name() -> str:
    """What to do about columns that are not understood."""
    return f"name them by {SETTING} as numbers or words, such as {SETTING} 2,3,4"


def _number(name: str) -> int | None:
    """A column's number as given, from 1; None for a name."""
    return int(name) if name.isdecimal() and len(name) < 10 else None


def _words(name: str) -> list[str]:
    """The words of a column's name in lower case, without quotes, brackets and units: "field.posX [m]" as three."""
    name = re.sub(r"\[[^]]*\]|\([^)]*\)|\{[^}]*\}", " ", name[:80])
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.findall(r"[^\W\d_]+|\d+", name.lower())
    while len(words) > 1 and words[-1] in UNITS:
        words.pop()
    return words


def _meanings(name: str) -> list[tuple[str, int]]:
    """What a column may be: (what else is in its name, axis)."""
    words = _words(name)
    if len(words) == 1 and (glued := re.fullmatch(r"(p|pos|pt|point|coord|loc)?([xyz])(pos|coord|loc)?", words[0])):
        words = [word for word in (glued[1], glued[3]) if word] + [glued[2]]
    if not words:
        return []
    found = [("survey", SURVEY[words[-1]])] if words[-1] in SURVEY else []
    if words[-1] in AXES:
        found.append((" ".join(words[:-1]), AXES[words[-1]]))
    elif words[0] in AXES:
        found.append((" ".join(words[1:]), AXES[words[0]]))
    elif words[-1] in ("0", "1", "2") and len(words) > 1 and words[-2] in PLACES:  # "Points:0" of ParaView
        found.append((" ".join(words[:-1]), int(words[-1])))
    return found


def _is_other(group: str) -> bool:
    """Whether the words beside x, y, z say that these are no points: the last of them counts."""
    return group == "survey" or (bool(group) and group.split()[-1] in OTHERS)
