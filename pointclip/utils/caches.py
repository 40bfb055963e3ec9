"""Where files are kept between runs that are no results. Imports no torch."""

import os
from pathlib import Path

from platformdirs import user_cache_path

from pointclip.utils.files import expanded

SENTENCES_FILE = "sentences.sqlite"


def sentence_cache_folder(setting: str) -> Path | None:
    """The folder that the setting SENTENCE_CACHE means: "auto" is the user's cache folder, "none" keeps nothing."""
    if setting == "none":
        return None
    return user_cache() if setting == "auto" else expanded(setting)


def user_cache() -> Path:
    """The folder that the environment variable POINTCLIP_CACHE names, or the user's, such as ~/.cache/pointclip."""
    named = os.environ.get("POINTCLIP_CACHE")
    return expanded(named) if named else user_cache_path("pointclip", appauthor=False)


def remove_sentences(folder: Path) -> None:
    """Remove the file of sentences' features, and what SQLite may have left beside it."""
    for ending in ("", "-journal", "-wal", "-shm"):
        (folder / f"{SENTENCES_FILE}{ending}").unlink(missing_ok=True)
