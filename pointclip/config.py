"""Settings: yacs defaults, config files that build on others, KEY VALUE pairs, and their validation."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import yaml
from yacs.config import CfgNode

from pointclip.errors import InputError

DATA = Path(__file__).resolve().parents[1] / "data"


def defaults() -> CfgNode:
    """The settings that both tasks share, with their defaults; a task adds its own to them."""
    c = CfgNode()
    c.BATCH_SIZE = 16  # shapes projected and encoded at a time
    c.DEVICE = "auto"  # "auto", "cpu", "cuda", "cuda:1"
    c.ON_BAD_SHAPE = "stop"  # or "skip": report and count it, go on without it
    c.SEED = 0  # of whatever is drawn at random (sampling of meshes, synthetic shapes)
    c.OUTPUT = "output"  # a run writes OUTPUT/<config name>/

    c.DATASET = CfgNode()
    c.DATASET.NAME = "synthetic"
    c.DATASET.ROOT = str(DATA)  # holds the data sets' folders
    c.DATASET.SPLIT = "test"
    c.DATASET.NUM_POINTS = 1024  # the first so many of each shape; 0 takes all
    c.DATASET.MAX_SHAPES = 0  # take only so many shapes, drawn by SEED; 0 takes all

    c.ENCODER = CfgNode()
    c.ENCODER.NAME = "demo"  # "demo" is bundled; all others are open_clip's
    c.ENCODER.PRETRAINED = "openai"  # a tag, or the path of a .pt or .safetensors file
    c.ENCODER.PRECISION = "auto"  # "fp32", "bf16", "fp16"; "auto" is the fastest that the device has natively
    c.ENCODER.QUICK_GELU = "auto"  # True for OpenAI's weights from a file; "auto" goes by the tag

    c.PROJECTION = CfgNode()
    c.PROJECTION.BACKEND = "auto"  # "reference", "numba"; "auto" is the fastest that runs here

    c.PROMPTS = CfgNode()
    c.PROMPTS.FILE = ""  # JSON of sentences; what has none there, or everything if empty, gets the template
    c.PROMPTS.TEMPLATE = "a depth map of a {}."
    return c


def load_config(base: CfgNode, path: str | Path | None, overrides: Sequence[str] = ()) -> CfgNode:
    """Settings of one run: defaults, then a config file with those it builds on, then KEY VALUE pairs.

    A file may name others under BASE (paths from its own folder, later ones win over earlier); its own settings win.
    Relative PROMPTS.FILE paths are taken from the file that says them.

    Raises:
        InputError: for an unknown key (naming the nearest known one), a value of another type, and unreadable files.
    """
    settings = base.clone()
    if path is not None:
        for source, values in _layers(Path(path), seen=()):
            _merge(settings, values, where=str(source))
    if len(overrides) % 2:
        raise InputError(f"Overrides come as KEY VALUE pairs, but {overrides[-1]!r} stands alone; give its value too.")
    for key, text in zip(overrides[::2], overrides[1::2], strict=True):
        _merge(settings, _nested(key, yaml.safe_load(text) if text else ""), where="the command line")
    _validate(settings)
    settings.freeze()
    return settings


def _layers(path: Path, seen: tuple[Path, ...]) -> list[tuple[Path, dict]]:
    """The file's settings after those of the files it builds on."""
    path = path.resolve()
    if path in seen:
        raise InputError(f"The config {path.name} builds on itself; remove the circle from BASE.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InputError(f"Cannot read the config {path} ({error.strerror}); see the configs/ folder.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"The config {path} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise InputError(f"The config {path} holds a {type(values).__name__}; KEY: value lines were expected.")
    bases = values.pop("BASE", [])
    file = (values.get("PROMPTS") or {}).get("FILE") if isinstance(values.get("PROMPTS"), dict) else None
    if file:
        values["PROMPTS"]["FILE"] = str((path.parent / file).resolve())
    layers = []
    for name in [bases] if isinstance(bases, str) else bases:
        layers += _layers(path.parent / name, (*seen, path))
    return [*layers, (path, values)]


def _merge(settings: CfgNode, values: dict, where: str, prefix: str = "") -> None:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key not in settings:
            known = [prefix + other for other in settings]
            near = get_close_matches(name, known, n=1, cutoff=0) or known
            raise InputError(f"There is no setting {name} (in {where}); the nearest known one is {near[0]}.")
        current = settings[key]
        if isinstance(current, CfgNode):
            if not isinstance(value, dict):
                raise InputError(f"The setting {name} (in {where}) is a group, but {value!r} came; set {name}.<KEY>.")
            _merge(current, value, where, f"{name}.")
        else:
            settings[key] = _cast(name, value, current, where)


def _cast(name: str, value: object, current: object, where: str) -> object:
    """The value as the type of the default; settings with a word for a default ("auto") take other types as well."""
    if isinstance(current, bool) or isinstance(value, bool):
        fits = isinstance(value, bool) and (isinstance(current, bool) or current == "auto")
    elif isinstance(current, float):
        fits, value = isinstance(value, int | float), float(value) if isinstance(value, int) else value
    elif isinstance(current, list):
        value = list(value) if isinstance(value, tuple | list) else [value]
        fits = True
    elif isinstance(current, str) and not (current == "uniform" and isinstance(value, list)):
        fits, value = isinstance(value, str | int | float), str(value)
    elif isinstance(current, str):
        fits = all(isinstance(weight, int | float) for weight in value)
    else:
        fits = isinstance(value, type(current))
    if not fits:
        raise InputError(f"The setting {name} (in {where}) is {value!r}; {type(current).__name__} was expected.")
    return value


def _nested(key: str, value: object) -> dict:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _validate(settings: CfgNode) -> None:
    if settings.ON_BAD_SHAPE not in ("stop", "skip"):
        raise InputError(f"ON_BAD_SHAPE is {settings.ON_BAD_SHAPE!r}; 'stop' or 'skip' was expected.")
    if settings.BATCH_SIZE < 1:
        raise InputError(f"BATCH_SIZE is {settings.BATCH_SIZE}; at least 1 was expected.")
    for name in ("NUM_POINTS", "MAX_SHAPES"):
        if settings.DATASET[name] < 0:
            raise InputError(f"DATASET.{name} is {settings.DATASET[name]}; 0 (all) or more was expected.")
    if "{}" not in settings.PROMPTS.TEMPLATE:
        raise InputError(f"PROMPTS.TEMPLATE is {settings.PROMPTS.TEMPLATE!r}; it needs {{}} where the name goes.")
