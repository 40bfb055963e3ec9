"""Cache folders. Does not import torch."""

import os
from pathlib import Path

from platformdirs import user_cache_path

from pointclip.utils.files import expanded

SENTENCES_FILE = "sentences.sqlite"
FEATURES = "features"


def sentence_cache_folder(setting: str) -> Path | None:
    """The folder of the setting SENTENCE_CACHE: "auto" is the user's cache folder, "none" disables the cache."""
    if setting == "none":
        return None
    return user_cache() if setting == "auto" else expanded(setting)


def user_cache() -> Path:
    """The folder in the variable POINTCLIP_CACHE, or the user's cache folder, such as ~/.cache/pointclip."""
    folder = os.environ.get("POINTCLIP_CACHE")
    return expanded(folder) if folder else user_cache_path("pointclip", appauthor=False)


def feature_cache() -> Path | None:
    """The folder of image features in the user's cache folder, which is made; None if it cannot be written to."""
    folder = user_cache() / FEATURES
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def remove_sentences(folder: Path) -> None:
    """Remove the cache of text features, including SQLite's temporary files."""
    for ending in ("", "-journal", "-wal", "-shm"):
        (folder / f"{SENTENCES_FILE}{ending}").unlink(missing_ok=True)
