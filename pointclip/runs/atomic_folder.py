"""Atomic replacement of a run's folder: its files always come from a single run, even after a crash or a full disk.

`with atomic_folder(run.folder) as folder:` provides an empty folder beside the run's folder to write to. If the block
succeeds, it replaces the run's folder in one step; if it fails, or the process dies, the old results are unchanged.

Nothing but the results of earlier runs is deleted or replaced. These are listed, file by file, in `.files` in the run's
folder. Other files are kept, such as a user's notes or the results of --input files (`input/`); if a result has the
name of one of them, or the folder has no listing but holds anything, the run is refused. A `searched.yaml`, a
calibration or a few-shot head, which other runs may use, is kept until a run writes it anew.

Beside a folder `demo` there may be: `.demo.lock`, held by the process that is writing, with its process ID;
`.demo.new`, which is being written; `.demo.old`, the results that have just been replaced; `.demo.gone`, those that are
being deleted, when everything else has been moved. If a process is killed, the next run cleans these up; links with
these names are refused.
"""

import ctypes
import errno
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from itertools import count
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from pointclip.errors import InputError

OWN_SHAPES = "input"  # subfolder for the same run on a user's shapes
LISTING = ".files"  # in a run's folder: the paths of its files, one per line; once, only names at the top
UNFINISHED = ".unfinished"  # in a new folder until it is in place, to distinguish it from an old one
LASTING = ("searched.yaml", "calibration.yaml", "head*.safetensors")  # kept until a run writes them anew
OF_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")  # which file managers leave anywhere
WAIT_SECONDS = 600  # for another run to finish writing, which takes seconds


@contextmanager
def atomic_folder(folder: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[Path]:
    """An empty folder for a run's files, which replaces `folder` if the block succeeds.

    A second process that writes to the same folder prints a message and waits.

    Raises:
        InputError: if the folder is not writable, holds files that are not ours (see `check_ours`), or another process
            holds it for longer than `wait_seconds`.
    """
    folder = folder.resolve()  # if `folder` is a link, its target is replaced, not the link
    new, old = _beside(folder, "new"), _beside(folder, "old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, wait_seconds):
            _refuse_links(folder)
            _clear(folder)
            check_ours(folder)
            new.mkdir()
            (new / UNFINISHED).touch()
            try:
                yield new
                names = _files_in(new) - {UNFINISHED}
                check_ours(folder, names)
                lasting = {name for name in listed_files(folder) or () if _lasts(name) and (folder / name).is_file()}
                listing = "".join(f"{name}\n" for name in sorted(names | lasting))
                (new / LISTING).write_text(listing, encoding="utf-8", errors="surrogateescape")
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


def check_ours(folder: Path, names: Collection[str] = ()) -> None:
    """Check that results can be written to a run's folder without touching files that no run wrote.

    Args:
        folder: the run's folder, which need not exist.
        names: the results' paths in it, as in the listing.

    Raises:
        InputError: for a folder without our listing that holds anything but our own `input/`, and if one of the results
            has the name of a file that is not listed.
    """
    if not folder.is_dir():
        return
    listed = listed_files(folder)
    if listed is None:
        foreign = [path.name for path in folder.iterdir() if path.name not in OF_SYSTEMS and not _is_own_input(path)]
    else:
        foreign = [name for name in names if not _is_free(folder, name, listed)]
    if foreign:
        some = ", ".join(sorted(foreign)[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
        raise InputError(
            f"The folder {folder} holds files that are not listed as an earlier run's ({some}); they were left alone: "
            "set OUTPUT to another folder, or move them elsewhere."
        )


def claim(folder: Path) -> None:
    """Mark a run's folder as ours before it has results, for files that are written during the work."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LISTING).touch()


def listed_files(folder: Path) -> set[str] | None:
    """The files of earlier runs in a run's folder; None if it has no listing."""
    try:
        text = (folder / LISTING).read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return set(text.splitlines())


def _files_in(folder: Path) -> set[str]:
    """The paths of all files in a folder, with "/" between parts."""
    found = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return {path.relative_to(folder).as_posix() for path in found}


def _lasts(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in LASTING)


def _is_own_input(path: Path) -> bool:
    """Whether a path is the folder of the same run's --input files; an empty one is left by a failed run."""
    return path.name == OWN_SHAPES and path.is_dir() and ((path / LISTING).is_file() or not any(path.iterdir()))


def _is_free(folder: Path, name: str, listed: set[str]) -> bool:
    """Whether a result can have a name: neither it nor a folder in it is a file that is not ours."""
    if _is_listed(name, listed):
        return True
    parents = [folder / parent for parent in PurePosixPath(name).parents if parent.name]
    return not os.path.lexists(folder / name) and all(place.is_dir() or not os.path.lexists(place) for place in parents)


def _is_listed(name: str, listed: set[str]) -> bool:
    """Whether a file is listed, or in a folder that an old listing names as a whole."""
    return name in listed or any(str(parent) in listed for parent in PurePosixPath(name).parents)


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
    text = lock.read_text(encoding="utf-8", errors="replace").strip() if lock.exists() else ""
    return f"process {text}" if text.isdecimal() else "another process"


def _refuse_links(folder: Path) -> None:
    """Raise an InputError where a link has the name of one of our folders: its target is not ours."""
    for place in (_beside(folder, ending) for ending in ("new", "old", "gone")):
        if place.is_symlink():
            raise InputError(f"{place} is a link, which no run makes; it was left alone: remove it, or set OUTPUT.")


def _clear(folder: Path) -> None:
    """Finish or undo the work of a killed process."""
    new, old = _beside(folder, "new"), _beside(folder, "old")
    if _beside(folder, "gone").is_dir():
        shutil.rmtree(_beside(folder, "gone"))
    if (new / UNFINISHED).exists():
        shutil.rmtree(new)
    elif new.is_dir():  # the old results, swapped a moment before the end
        os.replace(new, old)
    if old.is_dir() and folder.is_dir() and not any(folder.iterdir()):  # made by the next run's start
        folder.rmdir()
    if old.is_dir() and not folder.is_dir():
        os.replace(old, folder)
    _keep_others(old, folder)


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Replace `folder` by `new`; its previous content goes to `old`."""

    def swap() -> None:
        if _exchange(new, folder):
            os.replace(new, old)
            return
        if folder.is_dir():
            os.replace(folder, old)
        os.replace(new, folder)

    _patiently(swap)


def _patiently(action: Callable[[], object]) -> None:
    """Repeat an action that fails because the parent folder is being swapped, so that it is missing for an instant."""
    for _ in range(100):
        try:
            action()
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
    """Move everything but an earlier run's files from the old folder to the new one, and remove the old one."""
    (folder / UNFINISHED).unlink(missing_ok=True)
    if old.is_dir():
        _move_others(old, folder, listed_files(old) or set())
        # Under another name first: if it is killed, what is left has lost its listing, and must not count as a user's.
        gone = _beside(folder, "gone")
        os.replace(old, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _move_others(old: Path, new: Path, listed: set[str], prefix: str = "") -> None:
    """Move files that are not listed, or last; `prefix` is the folders' path in the run's folder, with "/" after it."""
    for path in sorted(old.iterdir()):
        name, target = f"{prefix}{path.name}", new / path.name
        replaced = name in listed and path.is_file() and not _lasts(name)
        if replaced or name in (LISTING, UNFINISHED):
            continue
        is_folder = path.is_dir() and not path.is_symlink()
        if is_folder and (target.is_dir() or any(file.startswith(f"{name}/") for file in listed)):
            own = listed_files(path)  # of a run's folder in this one
            _move_others(path, target, *((listed, f"{name}/") if own is None else (own, "")))
        elif not os.path.lexists(target):
            _move(path, target)
        elif not (_lasts(name) or _is_listed(name, listed)):  # made by another process in the meantime
            _move(path, next(free for n in count(1) if not os.path.lexists(free := new / f"{path.name}.{n}")))


def _move(path: Path, target: Path) -> None:
    def move() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)

    _patiently(move)
