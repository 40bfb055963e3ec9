"""Checks of numbers that a caller or a setting gives."""

from pointclip.errors import InputError


def check_num_points(num_points: int | None) -> None:
    """Raise InputError unless the number of points is None or a positive integer."""
    if num_points is not None and (isinstance(num_points, bool) or not isinstance(num_points, int) or num_points < 1):
        raise InputError(f"The number of points is {num_points!r}; expected an integer of at least 1.")
