"""What tells a run from others, so that a run is taken as made only where all that it was made of is the same."""

import hashlib
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import torch
import yaml
from yacs.config import CfgNode

from pointclip.encoder.loading import DEMO_FOLDER
from pointclip.utils.files import expanded

WITHOUT_EFFECT = ("OUTPUT", "CACHE", "SENTENCE_CACHE", "REPORT")  # settings that change no figure
PACKAGE = Path(__file__).resolve().parents[1]


def identify(settings: CfgNode, search: Sequence[str] | None, code: str) -> dict:
    """All that a run is made of, as far as it can be told in a moment.

    That is its settings, with the content of the files that they name in place of their folders (sentences and what
    stands beside them on their origin, an earlier search, a data set's Python file, the bundled encoder); of a file of
    weights, which may take gigabytes, name, size and time of change; what it seeks; and the code. Data sets below
    DATASET.ROOT, weights that come from the hub and the machine are taken to stay as they are.

    Args:
        settings: of the run.
        search: what is sought and on which split, None for no search.
        code: see `digest_of_code`.
    """
    plain = yaml.safe_load(settings.dump())
    for name in WITHOUT_EFFECT:
        plain.pop(name, None)
    prompts = expanded(settings.PROMPTS.FILE)
    plain["PROMPTS"]["FILE"] = _content(settings.PROMPTS.FILE, prompts.parent / f"{prompts.stem}.origin.yaml")
    plain["SEARCHED"] = _content(settings.SEARCHED)
    if settings.DATASET.NAME.endswith(".py"):
        plain["DATASET"]["NAME"] = _content(settings.DATASET.NAME)
    if settings.ENCODER.NAME == "demo":
        model, weights = (DEMO_FOLDER / f"demo-clip.{kind}" for kind in ("json", "safetensors"))
        plain["ENCODER"]["NAME"] = _content(str(model), weights)
    plain["ENCODER"]["PRETRAINED"] = _state(settings.ENCODER.PRETRAINED)
    return {"settings": plain, "search": list(search or ()), "code": code}


def name_of(identity: dict) -> str:
    """A short name for a run's folder. Runs of other code have the same, so that they replace each other."""
    own = {name: value for name, value in identity.items() if name != "code"}
    return _digest([yaml.safe_dump(own).encode()], 5)


def digest_of_code(folder: Path) -> str:
    """What tells the code that makes figures from its other versions.

    That is all Python files of this package (kernels are such) and of a task's folder, the task's view weights, and
    the versions of torch and open_clip.
    """
    parts = [torch.__version__.encode(), version("open_clip_torch").encode()]
    for place in (PACKAGE, folder):
        for path in sorted([*place.rglob("*.py"), *place.glob("view_weights.yaml")]):
            parts += [path.relative_to(place).as_posix().encode(), path.read_bytes()]
    return _digest(parts)


def _content(path: str, *beside: Path) -> str:
    """The file's name and what stands in it and in those beside it; the text as it came where it is no file."""
    file = expanded(path)
    if not file.is_file():
        return path
    return f"{file.name} {_digest(own.read_bytes() for own in (file, *beside) if own.is_file())}"


def _state(path: str) -> str:
    """The file's name, its size and when it was changed; the text as it came where it is no file, but a tag."""
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
