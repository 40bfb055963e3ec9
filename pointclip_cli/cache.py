"""`pointclip cache`: what is cached between runs, its size, and its removal."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pointclip.bundled import PACKAGE
from pointclip.errors import InputError
from pointclip.utils.caches import FEATURES, SENTENCES_FILE, remove_sentences, user_cache
from pointclip.utils.command import ArgumentParser

CLEARABLE = ("sentences", "features", "compiled")


def main(words: Sequence[str]) -> None:
    """Run the command line."""
    parser = ArgumentParser(prog="pointclip cache", description="Show what is cached between runs, and its size.")
    clear_help = (
        "remove text features, few-shot's image features or compiled kernels; for weights, which the hub caches, use "
        "`hf cache`"
    )
    parser.add_argument("--clear", choices=CLEARABLE, help=clear_help)
    args = parser.parse_args(words)
    if args.clear == "sentences":
        remove_sentences(user_cache())
    if args.clear == "features":
        shutil.rmtree(user_cache() / FEATURES, ignore_errors=True)
    if args.clear == "compiled":
        for path in compiled_files():
            path.unlink(missing_ok=True)
    if args.clear:
        print(f"cleared: {args.clear}")
    for name, (path, size) in cache_sizes().items():
        print(f"{name:<10}{size / 1e6:>10,.1f} MB  {path}")
    print(
        "Features of shapes are cached by few-shot (features), in the folder CACHE, and by searches and tables in "
        "cache/ of their OUTPUT."
    )


def cache_sizes() -> dict[str, tuple[Path, int]]:
    """Each cache's path and size in bytes, by name."""
    sentences = user_cache() / SENTENCES_FILE
    return {
        "sentences": (sentences, sentences.stat().st_size if sentences.is_file() else 0),
        FEATURES: (user_cache() / FEATURES, folder_size(user_cache() / FEATURES)),
        "compiled": (compiled_folder(), sum(path.stat().st_size for path in compiled_files())),
        "weights": (hub_cache(), folder_size(hub_cache())),
    }


def hub_cache() -> Path:
    """The folder in which huggingface_hub caches weights."""
    home = os.environ.get("HF_HOME", os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface"))
    return Path(os.path.expanduser(os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub"))))


def compiled_folder() -> Path:
    """The folder in which numba caches compiled kernels, if it is writable."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    return Path(named) if named else PACKAGE


def compiled_files() -> list[Path]:
    """Numba's cache files."""
    return [path for ending in ("nbi", "nbc") for path in compiled_folder().rglob(f"*.{ending}")]


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder, without links; 0 if it does not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def check_free(folder: Path, required: float) -> tuple[float, bool]:
    """The free space in GB on the disk of a folder, which need not exist yet, and whether it is at least `required`."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        free = shutil.disk_usage(existing).free / 1e9
    except OSError as error:
        raise InputError(
            f"Cannot determine the free space of {existing} ({error.strerror}); check the disk."
        ) from error
    return free, free >= required
