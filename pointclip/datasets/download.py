"""Fetch a public data set and check what lies there.

python -m pointclip.datasets.download modelnet40
python -m pointclip.datasets.download modelnet40 --verify
"""

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pointclip.bundled import DATA
from pointclip.datasets.catalog import SOURCES, Source, places
from pointclip.errors import InputError
from pointclip.utils.command import ArgumentParser, run_command
from pointclip.utils.fetch import fetch


class BadArchiveError(InputError):
    """The archive itself is at fault, so that it is of no use to keep it."""


def download(source: Source, root: str | Path, url: str = "", insecure: bool = False, progress: bool = True) -> Path:
    """Fetch a data set, check its files, and put them below `root`; nothing is fetched when they are all there.

    Args:
        source: which one.
        root: the folder that holds the data sets' folders.
        url: another address of the same archive.
        insecure: accept any TLS certificate.
        progress: draw a progress bar.

    Returns:
        The folder that holds the data set's files.

    Raises:
        InputError: when the data set needs a signed agreement, cannot be fetched, or is not what it should be; then
            nothing has been put in place.
    """
    if source.agreement:
        raise InputError(
            f"{source.title} cannot be fetched for you: {source.how_to_get(root)} Then check it with "
            f"`python -m pointclip.datasets.download {source.name} --root {root} --verify`."
        )
    root = Path(root)
    target = root / source.folder
    if all(ok for ok, _ in verify(source, root)):
        return find(source, root)
    archive = root / f"{source.name}.zip"
    if not archive.is_file():
        fetch(url or source.url, archive, insecure=insecure, progress=progress)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{source.name}-") as unpacked:
        inner = Path(unpacked) / "files"  # with the usual permissions, which a temporary folder lacks
        inner.mkdir()
        try:
            unzip(archive, inner, source)
            folder = _checked_folder(inner, source)
        except BadArchiveError:
            archive.unlink()  # a second try must not meet the same bad archive
            raise
        _move_into_place(folder, target)
    archive.unlink()
    return target


def find(source: Source, root: str | Path) -> Path:
    """The folder below `root` that holds the data set, or should."""
    candidates = places(source, root)
    first = next(iter(source.files))
    return next((place for place in candidates if (place / first).is_file()), candidates[0])


def verify(source: Source, root: str | Path) -> Iterator[tuple[bool, str]]:
    """Check what lies below `root`: for each file whether it is right, and a line that says so."""
    folder = find(source, root)
    for name, expected in source.files.items():
        yield _verify_file(folder / name, expected)
    if source.archive_md5:
        archives = [Path(root) / place / Path(source.url).name for place in (".", source.name, source.title)]
        archive = next((path for path in archives if path.is_file()), None)
        if archive is not None:  # people delete it once it is unpacked
            yield _verify_file(archive, source.archive_md5, source.archive_bytes)


def unzip(archive: Path, folder: Path, source: Source) -> None:
    """Unpack `archive` into the empty `folder`, after a look at its members.

    Raises:
        BadArchiveError: when it is damaged, a member would land outside `folder`, is a link or is encrypted, or a file
            of the data set is not in it.
        InputError: when the disk has no room for it.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = zipped.infolist()
            for member in members:
                _check_member(member, archive)
            names = {PurePosixPath(member.filename).name for member in members if not member.is_dir()}
            lacking = [name for name in source.files if name not in names]
            if lacking:
                raise BadArchiveError(f"{archive} lacks {lacking[0]}, so it is not {source.title}; check the address.")
            needed, free = sum(member.file_size for member in members), shutil.disk_usage(folder).free
            if needed > free:
                raise InputError(f"Unpacking {archive} takes {needed:,} bytes, but {folder.parent} has {free:,} free.")
            zipped.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BadArchiveError(
            f"{archive} is not a whole .zip file ({error}); check the address and try again."
        ) from error


def _check_member(member: zipfile.ZipInfo, archive: Path) -> None:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
        raise BadArchiveError(
            f"{archive} would write outside its folder ({member.filename!r}); do not use this archive."
        )
    if stat.S_ISLNK(member.external_attr >> 16) or member.flag_bits & 1:
        raise BadArchiveError(
            f"{archive} holds a link or an encrypted file ({member.filename!r}); do not use this archive."
        )


def _checked_folder(unpacked: Path, source: Source) -> Path:
    """The folder in `unpacked` that holds the data set's files, each with the right checksum."""
    first = next(iter(source.files))
    folder = next(path.parent for path in sorted(unpacked.rglob(first)) if path.is_file())
    for name, expected in source.files.items():
        ok, line = _verify_file(folder / name, expected)
        if not ok:
            raise BadArchiveError(f"The archive is not {source.title} as published: {line}; nothing was put in place.")
    return folder


def _move_into_place(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.replace(folder, target)
        return
    for path in sorted(folder.rglob("*")):  # beside what else lies there, each file whole
        if path.is_file():
            place = target / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, place)


def _verify_file(path: Path, expected: str | None, size: int = 0) -> tuple[bool, str]:
    if not path.is_file():
        return False, f"missing  {path}"
    if expected is None:
        return True, f"there    {path} (no checksum is published)"
    if size and path.stat().st_size != size:
        return False, f"wrong    {path} has {path.stat().st_size:,} bytes, expected {size:,}"
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        return False, f"wrong    {path} has md5 {digest.hexdigest()}, expected {expected}"
    return True, f"ok       {path}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 1 where --verify found a fault.

    Raises:
        InputError: for bad arguments, and as `download` does.
    """
    parser = ArgumentParser(prog="python -m pointclip.datasets.download", description=__doc__.splitlines()[0])
    about = "; ".join(f"{source.name}: {source.about}" for source in SOURCES.values())
    parser.add_argument("name", choices=SOURCES, metavar="NAME", help=about)
    parser.add_argument("--root", default=DATA, help=f"folder that holds the data sets' folders (default: {DATA})")
    parser.add_argument("--verify", action="store_true", help="check what lies there, fetch nothing")
    parser.add_argument("--url", default="", help="another address of the same archive")
    parser.add_argument("--insecure", action="store_true", help="accept a server whose TLS certificate is not valid")
    options = parser.parse_args(arguments)
    source = SOURCES[options.name]
    if options.verify:
        return _print_verified(source, options.root)
    folder = download(source, options.root, options.url, options.insecure)
    print(f"{source.title} lies in {folder}:")
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        print(f"  {path.name}  {path.stat().st_size:,} bytes")
    return 0


def _print_verified(source: Source, root: str) -> int:
    faults = 0
    for ok, line in verify(source, root):
        print(line, flush=True)
        faults += not ok
    return 1 if faults else 0


if __name__ == "__main__":
    run_command(lambda: sys.exit(main()), after_stop="what was fetched stays; run the same command again to go on")
