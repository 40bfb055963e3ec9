"""Atomic writes, paths with ~, and strict reading of YAML and JSON within limits."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pointclip.errors import InputError
from pointclip.utils.limits import check_regular, within

MAX_YAML_BYTES, MAX_JSON_BYTES = 16 << 20, 256 << 20
MAX_NODES = 2_000_000  # values of a YAML file, with aliases expanded
MAX_DEPTH = 100  # of nesting
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if PyYAML was built with it


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `path` to write to, which replaces `path` if the block succeeds.

    Missing folders are created. The temporary file has the same suffix, on which many writers depend.

    Raises:
        InputError: if the folder cannot be created or is not writable.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot write {path}: {reason}; choose a writable folder.") from error
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
    """The path with ~ expanded; unlike Path.expanduser it leaves an unknown ~user unchanged."""
    return Path(os.path.expanduser(path))


class _UniqueKeys(Loader):  # type: ignore[misc, valid-type]  # C's where PyYAML has it
    """Safe YAML that rejects duplicate keys, of which plain YAML silently drops all but the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, count in counts.items():
            if count > 1:
                raise yaml.YAMLError(f"the key {key!r} is duplicated{node.start_mark}")
        return super().construct_mapping(node, deep)


def read_yaml(path: str | os.PathLike, what: str, advice: str) -> Any:
    """The content of a YAML file.

    Args:
        what: the file's name in messages: "the config".
        advice: what to do if it cannot be read: "see the configs/ folder".

    Raises:
        InputError: for a file that cannot be read, is not YAML, has duplicate keys, or exceeds the limits.
    """
    text = _read_text(path, what, advice, MAX_YAML_BYTES)
    name = f"{what[0].upper()}{what[1:]} {path}"
    try:
        within(_count_values(text), MAX_NODES, name, "values")
        return yaml.load(text, _UniqueKeys)
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # such as an invalid date, [] as a key
        raise InputError(f"{name} is not valid YAML: {' '.join(str(error).split())[:300]}.") from error


def read_json(path: str | os.PathLike, what: str, advice: str, pairs: Callable[[list], object] | None = None) -> Any:
    """The content of a JSON file; `what` and `advice` as for `read_yaml`.

    Args:
        pairs: converts the (key, value) pairs of an object, by default to a dict.

    Raises:
        InputError: for a file that cannot be read, is not JSON, or exceeds the limits, and errors of `pairs`.
    """
    text = _read_text(path, what, advice, MAX_JSON_BYTES)
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except InputError as error:
        raise InputError(f"{what[0].upper()}{what[1:]} {path} {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what[0].upper()}{what[1:]} {path} is not valid JSON: {error}.") from error


def _read_text(path: str | os.PathLike, what: str, advice: str, max_bytes: int) -> str:
    """The text of a regular UTF-8 file, with or without a byte order mark."""
    path = expanded(path)
    try:
        check_regular(path)
        within(path.stat().st_size, max_bytes, f"{what[0].upper()}{what[1:]} {path}", "bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"Cannot read {what} {path} ({error.strerror}); {advice}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{what[0].upper()}{what[1:]} {path} is not text in UTF-8 ({error}); {advice}.") from error
    except ValueError as error:  # a NUL in the name
        raise InputError(f"Cannot read {what} {path} ({error}); {advice}.") from error


def _count_values(text: str) -> int:
    """The number of values in a YAML text with aliases expanded.

    Raises:
        YAMLError: for excessive nesting, and for an anchor that contains itself.
    """
    sizes: dict[str, int] = {}  # values under each anchor
    open_nodes: list[tuple[str | None, int]] = []  # anchor, and the count at its start
    total = 0
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
            if len(open_nodes) > MAX_DEPTH:
                raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} levels deep{event.start_mark}")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _ in open_nodes}:
                raise yaml.YAMLError(f"the anchor {event.anchor!r} contains itself{event.start_mark}")
            total += sizes.get(event.anchor or "", 1)
    return total
