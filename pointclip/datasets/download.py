"""Download a public data set and check its files.

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
from pointclip.utils.command import ArgumentParser, run_command, typed
from pointclip.utils.fetch import fetch


class BadArchiveError(InputError):
    """A bad archive, which should not be kept."""


def download(source: Source, root: str | Path, url: str = "", insecure: bool = False, progress: bool = True) -> Path:
    """Download a data set, check its files, and install them below `root`, unless all of them exist there.

    Args:
        source: the data set.
        root: the folder of the data sets' folders.
        url: another URL of the same archive.
        insecure: accept any TLS certificate.
        progress: draw a progress bar.

    Returns:
        The folder of the data set's files.

    Raises:
        InputError: if the data set needs a signed agreement, cannot be downloaded, or fails a check; nothing is
            installed then.
    """
    if source.agreement:
        raise InputError(
            f"{source.title} cannot be downloaded automatically: {source.how_to_get(root)} Then check it with "
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
            archive.unlink()  # so that a second attempt does not use the same bad archive
            raise
        _move_into_place(folder, target)
    archive.unlink()
    return target


def find(source: Source, root: str | Path) -> Path:
    """The existing or default folder of the data set below `root`."""
    candidates = places(source, root)
    first = next(iter(source.files))
    return next((place for place in candidates if (place / first).is_file()), candidates[0])


def verify(source: Source, root: str | Path) -> Iterator[tuple[bool, str]]:
    """Check the files below `root`: for each file whether it is correct, and a line that says so."""
    folder = find(source, root)
    for name, expected in source.files.items():
        yield _verify_file(folder / name, expected)
    if source.archive_md5:
        archives = [Path(root) / place / Path(source.url).name for place in (".", source.name, source.title)]
        archive = next((path for path in archives if path.is_file()), None)
        if archive is not None:  # often deleted after unpacking
            yield _verify_file(archive, source.archive_md5, source.archive_bytes)


def unzip(archive: Path, folder: Path, source: Source) -> None:
    """Unpack `archive` into the empty `folder`, after checking its members.

    Raises:
        BadArchiveError: if it is damaged, a member would be written outside `folder`, is a link or is encrypted, or a
            file of the data set is missing.
        InputError: if there is not enough disk space.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = zipped.infolist()
            for member in members:
                _check_member(member, archive)
            names = {PurePosixPath(member.filename).name for member in members if not member.is_dir()}
            missing = [name for name in source.files if name not in names]
            if missing:
                raise BadArchiveError(f"{archive} lacks {missing[0]}, so it is not {source.title}; check the URL.")
            needed, free = sum(member.file_size for member in members), shutil.disk_usage(folder).free
            if needed > free:
                raise InputError(
                    f"Unpacking {archive} takes {needed:,} bytes, but only {free:,} are free on its disk; make room."
                )
            zipped.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BadArchiveError(
            f"{archive} is not a complete .zip file ({error}); check the URL and try again."
        ) from error


def _check_member(member: zipfile.ZipInfo, archive: Path) -> None:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
        raise BadArchiveError(
            f"{archive} would write outside its folder ({member.filename!r}); do not use this archive."
        )
    if stat.S_ISLNK(member.external_attr >> 16) or member.flag_bits & 1:
        raise BadArchiveError(
            f"{archive} contains a link or an encrypted file ({member.filename!r}); do not use this archive."
        )


def _checked_folder(unpacked: Path, source: Source) -> Path:
    """The folder in `unpacked` that contains the data set's files, after verifying their checksums."""
    first = next(iter(source.files))
    folder = next(path.parent for path in sorted(unpacked.rglob(first)) if path.is_file())
    for name, expected in source.files.items():
        ok, line = _verify_file(folder / name, expected)
        if not ok:
            raise BadArchiveError(f"The archive is not {source.title} as published: {line}; nothing was installed.")
    return folder


def _move_into_place(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.replace(folder, target)
        return
    for path in sorted(folder.rglob("*")):  # beside other files, each one atomically
        if path.is_file():
            place = target / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, place)


def _verify_file(path: Path, expected: str | None, size: int = 0) -> tuple[bool, str]:
    if not path.is_file():
        return False, f"missing  {path}"
    if expected is None:
        return True, f"exists   {path} (no checksum is published)"
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
    """Run the command line; the exit code is 0, or 1 if --verify found an error.

    Raises:
        InputError: for bad arguments, and as `download` does.
    """
    parser = ArgumentParser(prog=typed("python -m pointclip.datasets.download"), description=__doc__.splitlines()[0])
    lines = [f"  {source.name:<16}{source.about}" for source in SOURCES.values()]
    parser.epilog = "\n".join(["data sets:", *lines, "", "example: %(prog)s modelnet40 --root /path/to/data"])
    parser.add_argument("name", choices=SOURCES, metavar="NAME", help="the data set, see below")
    parser.add_argument("--root", default=DATA, help=f"folder of the data sets' folders (default: {DATA})")
    parser.add_argument("--verify", action="store_true", help="only check existing files")
    parser.add_argument("--url", default="", help="another URL of the same archive")
    parser.add_argument("--insecure", action="store_true", help="accept a server whose TLS certificate is not valid")
    options = parser.parse_args(arguments)
    source = SOURCES[options.name]
    if options.verify:
        return _print_verified(source, options.root)
    folder = download(source, options.root, options.url, options.insecure)
    print(f"{source.title} is in {folder}:")
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
    run_command(lambda: sys.exit(main()), after_stop="downloaded data is kept; run the same command again to continue")
