"""Files that come with the program, in a checkout and where it is installed. Imports nothing else of it.

A checkout has them in its own folders: prompts/, data/demo/. An installed package has copies below pointclip/_bundled/,
which setup.py puts there, and none of the folders beside it.
"""

from pathlib import Path

from platformdirs import user_data_path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "prompts" / "patterns.yaml").is_file() else None
OWN = CHECKOUT or user_data_path("pointclip", appauthor=False)  # what users add: data sets, imported sentences


def bundled(path: str) -> Path:
    """Where a file or folder that comes with the program is: "prompts/modelnet40.json", "data/demo"."""
    return (CHECKOUT or PACKAGE / "_bundled") / path


DATA = OWN / "data"  # where data sets are looked for by default
PROMPTS = bundled("prompts")
PUBLISHED_PROMPTS = OWN / "prompts" / "published"  # what `pointclip prompts import-published` writes
