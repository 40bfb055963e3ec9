"""`pointclip cache`: what is kept between runs and is no result, how much, and its removal."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pointclip.bundled import PACKAGE
from pointclip.errors import InputError
from pointclip.utils.caches import SENTENCES_FILE, remove_sentences, user_cache
from pointclip.utils.command import ArgumentParser

CLEARABLE = ("sentences", "compiled")


def main(words: Sequence[str]) -> None:
    """Run the command line."""
    parser = ArgumentParser(prog="pointclip cache", description="What is kept between runs, and how much it takes.")
    what = "remove sentences' features, or compiled kernels; weights are the hub's: `hf cache` shows and removes them"
    parser.add_argument("--clear", choices=CLEARABLE, help=what)
    args = parser.parse_args(words)
    if args.clear == "sentences":
        remove_sentences(user_cache())
    if args.clear == "compiled":
        for path in compiled():
            path.unlink(missing_ok=True)
    if args.clear:
        print(f"cleared: {args.clear}")
    for name, (place, size) in kept().items():
        print(f"{name:<10}{size / 1e6:>10,.1f} MB  {place}")
    print("Features of shapes are kept where CACHE says, and by searches and tables in cache/ of their OUTPUT.")


def kept() -> dict[str, tuple[Path, int]]:
    """What is kept: where, and its bytes."""
    sentences = user_cache() / SENTENCES_FILE
    return {
        "sentences": (sentences, sentences.stat().st_size if sentences.is_file() else 0),
        "compiled": (compiled_folder(), sum(path.stat().st_size for path in compiled())),
        "weights": (hub_cache(), folder_size(hub_cache())),
    }


def hub_cache() -> Path:
    """Where huggingface_hub keeps weights."""
    home = os.environ.get("HF_HOME", os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface"))
    return Path(os.path.expanduser(os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub"))))


def compiled_folder() -> Path:
    """Where numba keeps compiled kernels, when it may write there."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    return Path(named) if named else PACKAGE


def compiled() -> list[Path]:
    """Numba's files of compiled kernels."""
    return [path for ending in ("nbi", "nbc") for path in compiled_folder().rglob(f"*.{ending}")]


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder, links counted once; 0 where there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def check_free(folder: Path, least: float) -> tuple[float, bool]:
    """The free space in GB of the disk that holds a folder, or will, and whether it is at least `least` GB."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        free = shutil.disk_usage(there).free / 1e9
    except OSError as error:
        raise InputError(f"The free space of {there} cannot be told ({error.strerror}).") from error
    return free, free >= least
