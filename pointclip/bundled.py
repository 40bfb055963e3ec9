"""Paths of files that come with the program, in a checkout or an installed package. Imports no other module of it.

In a checkout they are in prompts/ and data/demo/. In an installed package, setup.py copies them to pointclip/_bundled/.
"""

from pathlib import Path

from platformdirs import user_data_path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "prompts" / "patterns.yaml").is_file() else None
USER_DATA = CHECKOUT or user_data_path("pointclip", appauthor=False)  # for data sets and imported sentences


def bundled(path: str) -> Path:
    """The path of a file or folder that comes with the program: "prompts/modelnet40.json", "data/demo"."""
    return (CHECKOUT or PACKAGE / "_bundled") / path


DATA = USER_DATA / "data"  # default folder of data sets
PROMPTS = bundled("prompts")
PUBLISHED_PROMPTS = USER_DATA / "prompts" / "published"  # written by `pointclip prompts import-published`
