"""Files: written whole or not at all, paths with ~, and YAML read strictly."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from pointclip.errors import InputError


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes `path`'s place only when the block ends well.

    Missing folders are made. The temporary name keeps the suffix, which many writers go by.

    Raises:
        InputError: when the folder cannot be made or written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot write {path}: {reason}; choose a folder that you may write to.") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's 0600 would hide the file from the group
        try:
            os.replace(temporary, path)
        except OSError as error:
            raise InputError(f"Cannot write {path}: {error.strerror}; choose another place.") from error
    finally:
        temporary.unlink(missing_ok=True)


def expanded(path: str | os.PathLike) -> Path:
    """The path with ~ as the home folder; unlike Path.expanduser it takes an unknown ~user as it stands."""
    return Path(os.path.expanduser(path))


class _UniqueKeys(yaml.SafeLoader):
    """Safe YAML that takes no key twice, where plain YAML would silently forget the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"the key {key!r} comes twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def read_yaml(path: str | os.PathLike, what: str, advice: str) -> object:
    """What a YAML file holds.

    Args:
        what: how messages call the file: "the config".
        advice: what to do if it cannot be read: "see the configs/ folder".

    Raises:
        InputError: for a file that cannot be read, is no YAML, or has a key twice.
    """
    try:
        return yaml.load(expanded(path).read_text(encoding="utf-8"), _UniqueKeys)
    except OSError as error:
        raise InputError(f"Cannot read {what} {path} ({error.strerror}); {advice}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that is none, not UTF-8, a NUL
        raise InputError(
            f"{what[0].upper()}{what[1:]} {path} is not valid YAML: {' '.join(str(error).split())[:300]}."
        ) from error
