"""Places of the files that come with the program and of a user's data. Imports no other module of it.

What belongs to a package lies in it as package data, so that it is in the same place in a checkout and installed.
"""

from pathlib import Path

from platformdirs import user_data_path

PACKAGE = Path(__file__).resolve().parent
HOUSE = PACKAGE.parent  # the folder of all packages: a checkout, or where they are installed
CHECKOUT = HOUSE if (HOUSE / "prompts" / "patterns.yaml").is_file() else None  # with facts, scripts and docs
USER_DATA = CHECKOUT or user_data_path("pointclip", appauthor=False)  # for data sets and imported sentences

CLASS_PROMPTS, PART_PROMPTS = (HOUSE / task / "prompts" for task in ("zeroshot_cls", "zeroshot_seg"))
DATA = USER_DATA / "data"  # default folder of data sets
PUBLISHED_PROMPTS = USER_DATA / "prompts" / "published"  # written by `pointclip prompts import-published`


def prompt_files() -> dict[str, Path]:
    """The files of sentences that come with the program, by name, such as "modelnet40"."""
    return {path.stem: path for folder in (CLASS_PROMPTS, PART_PROMPTS) for path in sorted(folder.glob("*.json"))}
