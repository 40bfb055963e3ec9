"""Settings: yacs defaults, config files that build on others, KEY VALUE pairs, and their validation."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import yaml
from yacs.config import CfgNode

from pointclip.errors import InputError
from pointclip.utils.files import expanded, read_yaml

DATA = Path(__file__).resolve().parents[1] / "data"
MOST_POINTS = 10_000_000  # a shape; what asks for more is a slip, and would only run out of memory


def defaults() -> CfgNode:
    """The settings that both tasks share, with their defaults; a task adds its own to them."""
    c = CfgNode()
    c.BATCH_SIZE = 0  # shapes projected and encoded at a time; 0 takes 4 on a CPU, whose caches they fit, 32 on a GPU
    c.DEVICE = "auto"  # "auto", "cpu", "cuda", "cuda:1"
    c.ON_BAD_SHAPE = "stop"  # or "skip": report and count it, go on without it
    c.SEED = 0  # of what is drawn at random: points of own meshes and clouds, DATASET.TURN, DATASET.MAX_SHAPES, guesses
    c.OUTPUT = "output"  # a run writes OUTPUT/<config name>/
    c.REPORT = True  # whether report.html and its pictures are written; they take some seconds
    c.CACHE = ""  # a folder that keeps extracted features for later runs; searches keep theirs in OUTPUT/cache if empty

    c.DATASET = CfgNode()
    c.DATASET.NAME = "synthetic"
    c.DATASET.ROOT = str(DATA)  # holds the data sets' folders
    c.DATASET.SPLIT = "test"
    c.DATASET.NUM_POINTS = 1024  # the first so many of a shape, own files' and raw text's drawn at random; 0 takes all
    c.DATASET.CATEGORIES = ""  # names between commas; empty takes all
    c.DATASET.MAX_SHAPES = 0  # take only so many shapes, drawn by SEED; 0 takes all
    c.DATASET.TURN = "none"  # "up" turns every shape at random (by SEED) about the up axis, "free" in any direction

    c.ENCODER = CfgNode()
    c.ENCODER.NAME = "demo"  # "demo" is bundled; all others are open_clip's
    c.ENCODER.PRETRAINED = "auto"  # a tag of open_clip's, or a .pt or .safetensors file; "auto" is "openai", or bundled
    c.ENCODER.PRECISION = "auto"  # "fp32", "bf16", "fp16"; "auto" is the fastest that the device has natively
    c.ENCODER.QUICK_GELU = (
        "auto"  # "yes" for a file of OpenAI's weights without its archive; "auto" goes by tag or archive
    )

    c.PROJECTION = CfgNode()
    c.PROJECTION.BACKEND = "auto"  # "reference", "numba", "triton"; "auto" is the fastest that runs here
    c.PROJECTION.STEPS = "all"  # after voxelize: names out of densify, smooth, squeeze between commas, or "none"
    c.PROJECTION.VIEWS = "all"  # or the numbers of some views between commas, counted from 0

    c.PROMPTS = CfgNode()
    c.PROMPTS.FILE = ""  # JSON of sentences; what has none there, or everything if empty, gets the template
    c.PROMPTS.TEMPLATE = "a depth map of a {}."
    c.VIEW_WEIGHTS = "uniform"  # or the name of a published set, or one number a view
    c.SEARCHED = ""  # the file of an earlier search; its sentences and view weights win over the settings above

    c.SEARCH = CfgNode()  # how --search chooses; the defaults are the published procedure
    c.SEARCH.SENTENCES = "greedy"  # one sentence a name, in turn; "ensemble" takes the mean of each name's best m
    c.SEARCH.START = "first"  # sentence of each name, to begin with; "all" begins with the mean of all
    c.SEARCH.SWEEPS = 2  # over the names, or with "descent" over the views
    c.SEARCH.WEIGHTS = "grid"  # every combination of VALUES; "descent" improves one view at a time in steps of 0.025
    c.SEARCH.VALUES = "0.25, 0.5, 0.75, 1"
    c.SEARCH.FIXED_VIEWS = 3  # the first so many views keep 0.75 in the grid
    c.SEARCH.ALTERNATE = False  # sentences and weights in turn until neither improves
    c.SEARCH.MAX_SHAPES = 0  # as DATASET.MAX_SHAPES, of the split that is searched on; 0 takes that setting
    return c


def load_config(base: CfgNode, path: str | Path | None, overrides: Sequence[str] = ()) -> CfgNode:
    """Settings of one run: defaults, then a config file with those it builds on, then KEY VALUE pairs.

    A file may name others under BASE (paths from its own folder, later ones win over earlier); its own settings win.
    A relative PROMPTS.FILE is taken from the file that says it; other paths are taken from the working directory.

    Raises:
        InputError: for an unknown key (naming the nearest known one), a value of another type, and unreadable files.
    """
    settings = base.clone()
    for source, values in _layers(Path(path), seen=()) if path is not None else []:
        _merge(settings, base, values, where=source.name)
    if len(overrides) % 2:
        raise InputError(f"Overrides come as KEY VALUE pairs, but {overrides[-1]!r} stands alone; give its value too.")
    for key, text in zip(overrides[::2], overrides[1::2], strict=True):
        _merge(settings, base, _nested(key, _from_text(base, key, text)), where="the command line")
    _validate(settings)
    settings.freeze()
    return settings


def with_searched(settings: CfgNode, path: Path) -> CfgNode:
    """The settings with the outcome of a search named, so that they describe the run that uses it."""
    own = settings.clone()
    own.defrost()
    own.SEARCHED = str(path)
    own.freeze()
    return own


def is_setting(base: CfgNode, name: str) -> bool:
    """Whether a word is a setting's dotted name."""
    return name in _names(base)


def _layers(path: Path, seen: tuple[Path, ...]) -> list[tuple[Path, dict]]:
    """The file's settings after those of the files it builds on."""
    path = path.resolve()
    if path in seen:
        raise InputError(f"The config {path.name} builds on itself; remove the circle from BASE.")
    values = read_yaml(path, "the config", "see the configs/ folder") or {}
    if not isinstance(values, dict):
        raise InputError(f"The config {path} holds a {type(values).__name__}; KEY: value lines were expected.")
    bases = values.pop("BASE", [])
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(name, str) for name in bases):
        raise InputError(
            f"BASE in the config {path} is {bases!r}; the name of a config, or a list of names, was expected."
        )
    prompts = values.get("PROMPTS")
    if isinstance(prompts, dict) and isinstance(prompts.get("FILE"), str) and prompts["FILE"]:
        prompts["FILE"] = str((path.parent / expanded(prompts["FILE"])).resolve())
    return [*(layer for name in bases for layer in _layers(path.parent / name, (*seen, path))), (path, values)]


def _merge(
    settings: CfgNode, base: CfgNode, values: dict, where: str, prefix: str = "", root: CfgNode | None = None
) -> None:
    """Put values into settings; `base` holds the defaults, whose types are the settings' types."""
    root = base if root is None else root
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key not in base:
            raise InputError(
                f"There is no setting {name} (in {where}); the nearest known one is {_nearest(name, root)}."
            )
        if isinstance(base[key], CfgNode):
            if not isinstance(value, dict):
                raise InputError(f"The setting {name} (in {where}) is a group, but {value!r} came; set {name}.<KEY>.")
            _merge(settings[key], base[key], value, where, f"{name}.", root)
        else:
            settings[key] = _cast(name, value, base[key], where)


def _cast(name: str, value: object, default: object, where: str) -> object:
    """The value as the type of the default; a list of numbers may stand for a text of them."""
    kind = type(default)
    if kind is float and type(value) is int:
        return float(value)
    if kind is str and type(value) in (int, float):
        return str(value)
    if kind is str and isinstance(value, list):
        return ", ".join(map(str, value))
    if type(value) is not kind:
        raise InputError(f"The setting {name} (in {where}) is {value!r}; {WORDS[kind]} was expected.")
    return value


WORDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}


def _from_text(base: CfgNode, key: str, text: str) -> object:
    """A value from the command line: a text setting takes it as it stands, others as YAML reads it."""
    default = base
    for part in key.split("."):
        default = default.get(part) if isinstance(default, CfgNode) else None
    if isinstance(default, str):
        return text
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text  # the wrong type, which _cast tells in its own words


def _nested(key: str, value: object) -> dict:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _names(base: CfgNode, prefix: str = "") -> list[str]:
    """The dotted names of all settings."""
    names = []
    for key, value in base.items():
        names += _names(value, f"{prefix}{key}.") if isinstance(value, CfgNode) else [f"{prefix}{key}"]
    return names


def _nearest(name: str, base: CfgNode) -> str:
    """The known setting most like `name`, by its whole dotted name or by its last part alone."""
    by_spelling = {full: full for full in _names(base)} | {full.split(".")[-1]: full for full in _names(base)}
    return by_spelling[get_close_matches(name, by_spelling, n=1, cutoff=0)[0]]


def _validate(settings: CfgNode) -> None:
    if settings.ON_BAD_SHAPE not in ("stop", "skip"):
        raise InputError(f"ON_BAD_SHAPE is {settings.ON_BAD_SHAPE!r}; 'stop' or 'skip' was expected.")
    least = {"BATCH_SIZE": 0, "SEED": 0, "DATASET.NUM_POINTS": 0, "DATASET.MAX_SHAPES": 0, "SEARCH.MAX_SHAPES": 0}
    for name, smallest in least.items():
        value = settings
        for part in name.split("."):
            value = value[part]
        if value < smallest:
            raise InputError(f"{name} is {value}; {smallest} or more was expected.")
    if settings.DATASET.NUM_POINTS > MOST_POINTS:
        raise InputError(f"DATASET.NUM_POINTS is {settings.DATASET.NUM_POINTS}; at most {MOST_POINTS} was expected.")
    if not settings.OUTPUT.strip():
        raise InputError("OUTPUT is empty; the folder for a run's files was expected, such as output.")
