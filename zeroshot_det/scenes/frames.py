"""A scan's own frame: its up axis, origin and unit, to which results are turned back."""

from dataclasses import dataclass

import numpy as np

from pointclip.datasets.axes import from_z_up, sizes_from_z_up
from pointclip.errors import InputError

UNITS = {"m": 1.0, "mm": 0.001, "cm": 0.01, "inch": 0.0254, "ft": 0.3048}  # in metres
ROOM = (0.2, 150.0)  # metres: the largest extents of scans that are taken to be in metres
USUAL_ROOM, USUAL_HEIGHT = (1.5, 40.0), (0.5, 8.0)  # metres, for a suggestion


@dataclass(frozen=True)
class Frame:
    """The frame of a scan's file; the default is that of scenes, z up in metres."""

    up: str = "z"  # the file's axis that became z
    up_by: str = ""  # why, for --input scans
    up_sure: bool = True  # whether that can be relied on
    up_margin: float | None = None  # see `UpGuess`
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)  # subtracted from the file's coordinates
    unit: str = "m"  # of the file, see `UNITS`
    levelling: tuple[tuple[float, float, float], ...] | None = None  # rotation [3, 3] that then made it level

    def places(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] of the scene in the file's frame."""
        tilted = points if self.levelling is None else points @ np.array(self.levelling)
        return from_z_up(tilted / UNITS[self.unit], self.up) + np.array(self.offset)

    def sizes(self, sizes: np.ndarray) -> np.ndarray:
        """Sizes [..., 3] along the scene's axes along the file's axes; a levelled scan's, along these once levelled."""
        return sizes_from_z_up(sizes / UNITS[self.unit], self.up)


SCENE_FRAME = Frame()  # z up, in metres


def check_unit(points: np.ndarray, name: str) -> None:
    """Raise an InputError, with the likely unit, for a scan [N, 3], z up, that is no room if it is in metres."""
    low, high = np.percentile(points, (1, 99), axis=0)
    extent = high - low
    if ROOM[0] <= extent.max() <= ROOM[1]:
        return
    likely = [unit for unit, metres in UNITS.items() if metres != 1 and _is_room(extent * metres)]
    in_units = [f"{unit} ({' × '.join(f'{side * UNITS[unit]:.3g}' for side in extent)} m)" for unit in likely]
    guess = f"is it in {' or in '.join(in_units)}?" if likely else "in none of the known units is that a room."
    raise InputError(
        f"{name} spans {' × '.join(f'{side:,.4g}' for side in extent)}, which is no room in metres; {guess} "
        f"Set SCENE.UNIT to {', '.join(UNITS)} (m if it really is that large)."
    )


def _is_room(extent: np.ndarray) -> bool:
    across = max(extent[:2])
    return USUAL_ROOM[0] <= across <= USUAL_ROOM[1] and USUAL_HEIGHT[0] <= extent[2] <= USUAL_HEIGHT[1]
