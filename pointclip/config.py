"""Settings: yacs defaults, what configs and KEY VALUE pairs change of them, and their validation."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from pathlib import Path

import yaml
from yacs.config import CfgNode

from pointclip.config_files import Config, find_config
from pointclip.errors import InputError

ROOT = Path(__file__).resolve().parents[1]  # of the checkout
DATA, PROMPTS = ROOT / "data", ROOT / "prompts"
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
    c.PROMPTS.FILE = ""  # JSON of sentences, or "published"; what has none there, or all if empty, gets the template
    c.PROMPTS.TEMPLATE = "a depth map of a {}."
    c.VIEW_WEIGHTS = "uniform"  # or "published", the name of a published set, or one number a view
    c.SEARCHED = ""  # the result of an earlier search; its sentences and view weights win over the settings above

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


def load_config(base: CfgNode, config: str | Path | Config | None, overrides: Sequence[str] = ()) -> CfgNode:
    """The settings of one run: defaults, then a config's layers, then KEY VALUE pairs.

    A config may name others under BASE (paths from its own folder, later ones win over earlier); its own settings win.
    ENCODER may be the name of an encoder preset instead of a group of settings. A relative PROMPTS.FILE is taken from
    the folder of the config that says it, other paths from the working directory.

    Args:
        base: the task's defaults, whose types are the settings' types.
        config: a config, or its path or composed name (see `pointclip.config_files`); None for defaults alone.
        overrides: KEY, VALUE, KEY, VALUE, ...

    Raises:
        InputError: for an unknown key (naming the nearest known one), a value of another type, and unreadable files.
    """
    settings = base.clone()
    if isinstance(config, str | Path):
        config = find_config(config)
    for source, values in config.layers() if config else []:
        _merge(settings, base, values, where=source)
    if len(overrides) % 2:
        raise InputError(f"Overrides come as KEY VALUE pairs, but {overrides[-1]!r} stands alone; give its value too.")
    for key, text in zip(overrides[::2], overrides[1::2], strict=True):
        _merge(settings, base, _nested(key, _from_text(base, key, text)), where="the command line")
    _validate(settings)
    settings.freeze()
    return settings


def with_changes(settings: CfgNode, changes: Mapping[str, object]) -> CfgNode:
    """A copy of the settings with other values, {dotted name: value}."""
    changed = settings.clone()
    changed.defrost()
    for name, value in changes.items():
        changed.merge_from_list([name, value])
    changed.freeze()
    return changed


def is_setting(base: CfgNode, name: str) -> bool:
    """Whether a word is a setting's dotted name."""
    return name in _names(base)


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
    if kind is float and type(value) is int and abs(value) < 2**63:
        return float(value)
    if kind is str and type(value) in (int, float):
        return str(value)
    if kind is str and isinstance(value, list):
        return ", ".join(map(str, value))
    if type(value) is int and abs(value) >= 2**63:
        raise InputError(f"The setting {name} (in {where}) is {value}; at most {2**63 - 1} was expected.")
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


SOUGHT = ("prompts", "weights")  # what --search can choose
SEARCH_CHOICES = {"SENTENCES": ("greedy", "ensemble"), "START": ("first", "all"), "WEIGHTS": ("grid", "descent")}


def check_search(what: Sequence[str], settings: CfgNode) -> None:
    """Check what --search is to choose and the settings SEARCH.*.

    Raises:
        InputError: for anything but prompts and weights, and for settings that do not fit.
    """
    c = settings.SEARCH
    if unknown := [word for word in what if word not in SOUGHT]:
        raise InputError(f"--search came with {', '.join(map(repr, unknown))}; prompts, weights or both were expected.")
    for name, known in SEARCH_CHOICES.items():
        if c[name] not in known:
            raise InputError(f"SEARCH.{name} is {c[name]!r}; {' or '.join(known)} was expected.")
    if c.SWEEPS < 1 or c.FIXED_VIEWS < 0:
        raise InputError(f"SEARCH.SWEEPS is {c.SWEEPS} and FIXED_VIEWS {c.FIXED_VIEWS}; 1 and 0 or more were expected.")
    if c.ALTERNATE and (set(what) != set(SOUGHT) or c.SENTENCES != "greedy" or c.WEIGHTS != "grid"):
        raise InputError(
            "SEARCH.ALTERNATE goes with --search prompts,weights, SENTENCES greedy and WEIGHTS grid; set it False."
        )
    search_values(c)
    if "prompts" in what and not settings.PROMPTS.FILE:
        raise InputError("--search prompts needs several sentences a name to choose from; set PROMPTS.FILE.")
    if what and settings.SEARCHED:
        raise InputError("SEARCHED names the result of an earlier search, but --search came too; give one of them.")


def search_values(c: CfgNode) -> list[float]:
    """SEARCH.VALUES as numbers."""
    try:
        values = [float(word) for word in c.VALUES.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(isfinite, values)):
        raise InputError(f"SEARCH.VALUES is {c.VALUES!r}; finite numbers between commas were expected.")
    return values
