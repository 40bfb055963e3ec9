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
    """Shape files as a data set with unknown labels.

    Each file is read when its item is accessed, so a bad one raises InputError only then and does not affect others.

    Args:
        paths: the files, without duplicates.
        num_points, up, seed: as for `read_shape`.
        class_names: the candidate classes.

    Raises:
        InputError: if no file is given, or one twice.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - no parts, but the protocol asks for a dict

    def __init__(
        self,
        paths: Sequence[str | Path],
        num_points: int | None = None,
        up: str = "y",
        class_names: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        check_up(up, auto=True)
        check_num_points(num_points)
        self.paths = [Path(path) for path in paths]
        if not self.paths:
            raise InputError("No shape file was given; give at least one.")
        path, count = Counter(self.paths).most_common(1)[0]
        if count > 1:
            raise InputError(f"{path} was given twice; give each file once.")
        self.num_points = num_points
        self.up = up
        self.seed = seed
        self.class_names = tuple(class_names)

    @property
    def given(self) -> dict:
        """The files and the up axis, as recorded in metrics.json."""
        return {"files": [printable(path.absolute()) for path in self.paths], "up": self.up}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Shape:
        return read_shape(self.paths[index], self.num_points, self.up, self.seed)
