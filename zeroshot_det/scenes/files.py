"""Arrays from the files of prepared data sets."""

from pathlib import Path

import numpy as np

from pointclip.errors import InputError, first_line


def load_array(path: Path, key: str = "") -> np.ndarray:
    """The array in a .npy, or the one called `key` in an .npz.

    Raises:
        InputError: for a file that is not there or cannot be read, and without that key.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if not key:
            return loaded
        with loaded:
            return loaded[key]
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; prepare the data set again.") from error
    except Exception as error:  # numpy raises all kinds of errors for damaged files
        raise InputError(f"{path} cannot be read, perhaps it is damaged ({first_line(error)}).") from error
