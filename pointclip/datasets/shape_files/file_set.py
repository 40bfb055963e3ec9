"""Shape files as a data set."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pointclip.datasets.axes import check_up
from pointclip.datasets.base import Shape
from pointclip.datasets.shape_files.reading import printable, read_shape
from pointclip.errors import InputError
from pointclip.projection.points import check_num_points


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
        if twice := [path for path, count in Counter(self.paths).items() if count > 1]:
            raise InputError(f"{twice[0]} is given twice; name each file once.")
        self.num_points = num_points
        self.up = up
        self.seed = seed
        self.class_names = tuple(class_names)

    @property
    def given(self) -> dict:
        """Which files these are and how they are read, for a run's records."""
        return {"files": [printable(path.absolute()) for path in self.paths], "up": self.up}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Shape:
        return read_shape(self.paths[index], self.num_points, self.up, self.seed)
