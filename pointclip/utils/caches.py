"""Cache folders. Does not import torch."""

import os
import stat
import sys
import warnings
from pathlib import Path

from platformdirs import user_cache_path

from pointclip.errors import InputError
from pointclip.utils.files import expanded

SENTENCES_FILE = "sentences.sqlite"
FEATURES = "features"
NO_HOME = "this user has no home folder; set HOME, or POINTCLIP_CACHE to a folder that only you can write to"


def sentence_cache_folder(setting: str) -> Path | None:
    """The folder of the setting SENTENCE_CACHE: "auto" is the user's cache folder, "none" disables the cache."""
    if setting == "none":
        return None
    if setting != "auto":
        return expanded(setting)
    if (folder := found_user_cache()) is None:
        print(f"note: no cache is used; {NO_HOME}", file=sys.stderr)
    return folder


def found_user_cache() -> Path | None:
    """As `user_cache`; None for a user without a home, such as a container's `--user 12345`."""
    folder = os.environ.get("POINTCLIP_CACHE")
    try:
        return expanded(folder) if folder else user_cache_path("pointclip", appauthor=False)
    except (RuntimeError, KeyError, OSError):  # neither HOME nor an entry in the list of users
        return None


def user_cache() -> Path:
    """The folder in the variable POINTCLIP_CACHE, or the user's cache folder, such as ~/.cache/pointclip.

    Raises:
        InputError: for a user without a home.
    """
    if (folder := found_user_cache()) is None:
        raise InputError(f"There is no cache folder: {NO_HOME}.")
    return folder


def feature_cache() -> Path | None:
    """The folder of image features in the user's cache folder, which is made; None if it cannot be written to."""
    if (cache := found_user_cache()) is None:
        return None
    folder = cache / FEATURES
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def warn_if_shared(folder: Path) -> None:
    """Warn of a cache folder that everybody can write to: features in it are trusted, and would be taken for ours."""
    try:
        is_shared = os.name == "posix" and bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:  # it is not there yet
        return
    if is_shared:
        warnings.warn(
            f"Everybody can write to the cache folder {folder}, and so change results; run `chmod o-w {folder}`, or "
            "use a folder that only you can write to."
        )


def remove_sentences(folder: Path) -> None:
    """Remove the cache of text features, including SQLite's temporary files."""
    for ending in ("", "-journal", "-wal", "-shm"):
        (folder / f"{SENTENCES_FILE}{ending}").unlink(missing_ok=True)
