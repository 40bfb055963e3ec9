"""Atomic replacement of a run's folder: its files always come from a single run, even after a crash or a full disk.

`with atomic_folder(run.folder) as folder:` provides an empty folder beside the run's folder to write to. If the block
succeeds, it replaces the run's folder in one step; if it fails, or the process dies, the old results are unchanged.
Only files of earlier runs are replaced; all others are kept, such as the results of --input files (`input/`), a user's
notes, and a `searched.yaml` or a few-shot head that other runs may use.

Beside a folder `demo` there may be: `.demo.lock`, held by the process that is writing, with its process ID;
`.demo.new`, which is being written; `.demo.old`, the results that have just been replaced. If a process is killed, the
next run cleans these up.
"""

import ctypes
import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from filelock import FileLock, Timeout

from pointclip.errors import InputError

OWN_SHAPES = "input"  # subfolder for the same run on a user's shapes
LISTING = ".files"  # in a run's folder: the names of the run's files, one per line
UNFINISHED = ".unfinished"  # in a new folder until it is in place, to distinguish it from an old one
BEFORE_LISTINGS = ("metrics.json", "predictions.csv", "report.html", "pictures", "config.yaml", "ply")
LASTING = ("searched.yaml", "head*.safetensors")  # kept until a run writes them anew, since other runs refer to them
WAIT_SECONDS = 600  # for another run to finish writing, which takes seconds


@contextmanager
def atomic_folder(folder: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[Path]:
    """An empty folder for a run's files, which replaces `folder` if the block succeeds.

    A second process that writes to the same folder prints a message and waits.

    Raises:
        InputError: if the folder is not writable, or another process holds it for longer than `wait_seconds`.
    """
    folder = folder.resolve()  # if `folder` is a link, its target is replaced, not the link
    new, old = _beside(folder, "new"), _beside(folder, "old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, wait_seconds):
            _clear(folder)
            new.mkdir()
            (new / UNFINISHED).touch()
            try:
                yield new
                names = sorted(path.name for path in new.iterdir() if path.name != UNFINISHED)
                (new / LISTING).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
                _swap(new, folder, old)
                _keep_others(old, folder)
            finally:
                if (new / UNFINISHED).exists():
                    shutil.rmtree(new, ignore_errors=True)
    except BrokenPipeError:  # not from a file
        raise
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"Cannot write the results to {folder} ({reason}); free some space, or set OUTPUT.") from error


def staging_place(folder: Path) -> Path:
    """The folder in which new results are written before they replace those in `folder`.

    For --input files it is outside the enclosing run's folder, which may itself be replaced in the meantime.
    """
    return folder.parent.parent if folder.name == OWN_SHAPES else folder.parent


def _beside(folder: Path, ending: str) -> Path:
    name = f"{folder.parent.name}.{OWN_SHAPES}" if folder.name == OWN_SHAPES else folder.name
    return staging_place(folder) / f".{name}.{ending}"


@contextmanager
def _locked(folder: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the folder's lock, which the system releases when the process ends for any reason."""
    path = _beside(folder, "lock")
    lock = FileLock(path)
    holder = _holder(path)  # read first: older releases of filelock empty the file when they try to lock it
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for {holder}, which is writing to {folder}", flush=True)
        try:
            lock.acquire(timeout=wait_seconds)
        except Timeout as error:
            raise InputError(
                f"{holder.capitalize()} has been writing to {folder} for over {wait_seconds:g} s; wait for it, "
                "or set OUTPUT to another folder."
            ) from error
    try:
        path.write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()


def _holder(lock: Path) -> str:
    text = lock.read_text(errors="replace").strip() if lock.exists() else ""
    return f"process {text}" if text.isdecimal() else "another process"


def _clear(folder: Path) -> None:
    """Finish or undo the work of a killed process."""
    new, old = _beside(folder, "new"), _beside(folder, "old")
    if (new / UNFINISHED).exists():
        shutil.rmtree(new)
    elif new.is_dir():  # the old results, swapped a moment before the end
        os.replace(new, old)
    if old.is_dir() and not folder.is_dir():
        os.replace(old, folder)
    _keep_others(old, folder)


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Replace `folder` by `new`; its previous content goes to `old`."""
    for _ in range(100):
        try:  # the parent may be swapped at the same time, during which `folder` does not exist for an instant
            if _exchange(new, folder):
                os.replace(new, old)
                return
            if folder.is_dir():
                os.replace(folder, old)
            os.replace(new, folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                raise
        time.sleep(0.01)
    raise OSError(errno.EBUSY, "another process keeps replacing it")


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders atomically; False if the system does not support it, or `other` does not exist."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if function is None or not other.is_dir():
        return False
    at_working_directory, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    if function(at_working_directory, os.fsencode(one), at_working_directory, os.fsencode(other), exchange) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOENT):
        return False
    raise OSError(number, os.strerror(number))


def _keep_others(old: Path, folder: Path) -> None:
    """Move files that no run listed from the old folder to the new one, and remove the rest."""
    (folder / UNFINISHED).unlink(missing_ok=True)
    if not old.is_dir():
        return
    listing = old / LISTING
    listed = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else BEFORE_LISTINGS
    for path in sorted(old.iterdir()):
        lasting = any(fnmatch(path.name, pattern) for pattern in LASTING)
        others = lasting or path.name not in (*listed, LISTING, UNFINISHED)
        if others and not os.path.lexists(folder / path.name):
            with suppress(FileExistsError, FileNotFoundError):
                os.replace(path, folder / path.name)
    shutil.rmtree(old, ignore_errors=True)
