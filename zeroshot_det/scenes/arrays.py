"""Arrays from the .npy and .npz files of prepared data sets."""

from pathlib import Path

import numpy as np

from pointclip.errors import InputError, first_line


def load_array(path: Path, key: str = "") -> np.ndarray:
    """The array in a .npy, or the one called `key` in an .npz.

    Raises:
        InputError: for a file that does not exist or cannot be read, and where the key is missing.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if not key:
            return loaded
        with loaded:
            return loaded[key]
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; prepare the data set again.") from error
    except Exception as error:  # numpy raises many kinds of errors for damaged files
        raise InputError(f"{path} cannot be read ({first_line(error)}); prepare the data set again.") from error
