"""The identity of a run: everything its figures depend on, so that an earlier run is reused only if nothing changed."""

import hashlib
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import torch
import yaml
from yacs.config import CfgNode

from pointclip.encoder.loading import DEMO_FOLDER
from pointclip.utils.files import expanded

WITHOUT_EFFECT = ("OUTPUT", "CACHE", "SENTENCE_CACHE", "REPORT")  # settings that do not affect the figures
PACKAGE = Path(__file__).resolve().parents[1]


def identify(settings: CfgNode, search: Sequence[str] | None, code: str) -> dict:
    """Everything a run's figures depend on, as far as it can be determined quickly.

    These are its settings; the content of the files that they name (sentences and the file on their origin, an earlier
    search, a trained head, a data set's Python file, the bundled encoder); name, size and modification time of a
    weights file, which may have gigabytes; what it searches for; and the code. Data sets below DATASET.ROOT, downloaded
    weights and the machine are assumed not to change.

    Args:
        settings: of the run.
        search: what to search for and on which split, None for no search.
        code: see `digest_of_code`.
    """
    plain = yaml.safe_load(settings.dump())
    for name in WITHOUT_EFFECT:
        plain.pop(name, None)
    prompts = expanded(settings.PROMPTS.FILE)
    plain["PROMPTS"]["FILE"] = _content(settings.PROMPTS.FILE, prompts.parent / f"{prompts.stem}.origin.yaml")
    plain["SEARCHED"] = _content(settings.SEARCHED)
    if "HEAD" in settings:
        plain["HEAD"] = _content(settings.HEAD)
    if settings.DATASET.NAME.endswith(".py"):
        plain["DATASET"]["NAME"] = _content(settings.DATASET.NAME)
    if settings.ENCODER.NAME == "demo":
        model, weights = (DEMO_FOLDER / f"demo-clip.{kind}" for kind in ("json", "safetensors"))
        plain["ENCODER"]["NAME"] = _content(str(model), weights)
    plain["ENCODER"]["PRETRAINED"] = _state(settings.ENCODER.PRETRAINED)
    return {"settings": plain, "search": list(search or ()), "code": code}


def name_of(identity: dict) -> str:
    """A short name for a run's folder. It does not depend on the code, so that a run replaces that of older code."""
    without_code = {name: value for name, value in identity.items() if name != "code"}
    return _digest([yaml.safe_dump(without_code).encode()], 5)


def digest_of_code(folder: Path) -> str:
    """A digest of the code that produces the figures.

    It covers all Python files of this package and of a task's folder, the task's view weights, and the versions of
    torch and open_clip.
    """
    parts = [torch.__version__.encode(), version("open_clip_torch").encode()]
    for root in (PACKAGE, folder):
        for path in sorted([*root.rglob("*.py"), *root.glob("view_weights.yaml")]):
            parts += [path.relative_to(root).as_posix().encode(), path.read_bytes()]
    return _digest(parts)


def _content(path: str, *others: Path) -> str:
    """A file's name and a digest of its content and of those of other files; `path` itself if it is not a file."""
    file = expanded(path)
    if not file.is_file():
        return path
    return f"{file.name} {_digest(each.read_bytes() for each in (file, *others) if each.is_file())}"


def _state(path: str) -> str:
    """A file's name, size and modification time; `path` itself if it is not a file but a tag."""
    file = expanded(path)
    if not file.is_file():
        return path
    return f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}"


def _digest(parts: Iterable[bytes], size: int = 16) -> str:
    digest = hashlib.blake2b(digest_size=size)
    for part in parts:
        digest.update(f"{len(part)} ".encode())  # so that parts cannot run into each other
        digest.update(part)
    return digest.hexdigest()
