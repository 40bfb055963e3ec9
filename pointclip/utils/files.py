"""Files: written whole or not at all, paths with ~, and YAML and JSON read strictly and within limits."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from pointclip.errors import InputError
from pointclip.utils.limits import check_regular, within

MOST_YAML_BYTES, MOST_JSON_BYTES = 16 << 20, 256 << 20
MOST_NODES = 2_000_000  # values of a YAML file, those behind aliases counted as often as they are used
MOST_DEPTH = 100  # brackets inside of brackets
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it


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


class _UniqueKeys(Loader):
    """Safe YAML that takes no key twice, where plain YAML would silently forget the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, count in counts.items():
            if count > 1:
                raise yaml.YAMLError(f"the key {key!r} comes twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def read_yaml(path: str | os.PathLike, what: str, advice: str) -> object:
    """What a YAML file holds.

    Args:
        what: how messages call the file: "the config".
        advice: what to do if it cannot be read: "see the configs/ folder".

    Raises:
        InputError: for a file that cannot be read, is no YAML, has a key twice, or unfolds beyond the limits.
    """
    text = _read_text(path, what, advice, MOST_YAML_BYTES)
    name = f"{what[0].upper()}{what[1:]} {path}"
    try:
        within(_unfolded(text), MOST_NODES, name, "values")
        return yaml.load(text, _UniqueKeys)
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # a date that is none, [] as a key
        raise InputError(f"{name} is not valid YAML: {' '.join(str(error).split())[:300]}.") from error


def read_json(path: str | os.PathLike, what: str, advice: str, pairs: Callable[[list], object] | None = None) -> object:
    """What a JSON file holds; `what` and `advice` as for `read_yaml`.

    Args:
        pairs: makes what an object becomes of its (key, value) pairs, instead of a dict.

    Raises:
        InputError: for a file that cannot be read, is no JSON, or is beyond the limits, and what `pairs` raises.
    """
    text = _read_text(path, what, advice, MOST_JSON_BYTES)
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except InputError as error:
        raise InputError(f"{what[0].upper()}{what[1:]} {path} {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what[0].upper()}{what[1:]} {path} is not valid JSON: {error}.") from error


def _read_text(path: str | os.PathLike, what: str, advice: str, most: int) -> str:
    """The text of a regular file in UTF-8, with or without a byte order mark."""
    path = expanded(path)
    try:
        check_regular(path)
        within(path.stat().st_size, most, f"{what[0].upper()}{what[1:]} {path}", "bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"Cannot read {what} {path} ({error.strerror}); {advice}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{what[0].upper()}{what[1:]} {path} is not text in UTF-8 ({error}); {advice}.") from error
    except ValueError as error:  # a NUL in its name
        raise InputError(f"Cannot read {what} {path} ({error}); {advice}.") from error


def _unfolded(text: str) -> int:
    """How many values a YAML text has, those behind an alias counted again wherever it stands.

    Raises:
        YAMLError: for brackets nested too deeply, and an anchor that holds itself.
    """
    sizes: dict[str, int] = {}  # of what is behind each anchor
    open_nodes: list[tuple[str | None, int]] = []  # anchor, and the count when it began
    total = 0
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
            if len(open_nodes) > MOST_DEPTH:
                raise yaml.YAMLError(f"it is nested more than {MOST_DEPTH} deep{event.start_mark}")
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
                raise yaml.YAMLError(f"the anchor {event.anchor!r} holds itself{event.start_mark}")
            total += sizes.get(event.anchor, 1)
    return total
