"""Settings: yacs defaults, overrides by configs and KEY VALUE pairs, and validation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from math import isfinite
from pathlib import Path

import yaml
from yacs.config import CfgNode

from pointclip.bundled import DATA
from pointclip.config_files import Config, find_config, sentence_file
from pointclip.errors import InputError
from pointclip.presets import encoder_in_path
from pointclip.renamed import RENAMED, RenamedSettings, current_name

POSES = ("default", "as_is", "yaw", "search")  # of POSE
OUTLIERS = ("default", "off", "auto", "clutter")  # of CLOUD.OUTLIERS
MAX_POINTS = 10_000_000  # per shape; more is most likely a mistake, and would run out of memory


def defaults() -> CfgNode:
    """The settings shared by all tasks, with their defaults; each task adds its own."""
    c = CfgNode()
    c.BATCH_SIZE = 0  # shapes projected and encoded at a time; 0 for 4 on a CPU (fits its caches) or 32 on a GPU
    c.DEVICE = "auto"  # "auto", "cpu", "cuda", "cuda:1", "mps"
    c.ON_BAD_SHAPE = "auto"  # "stop", or "skip": report it and continue without it; "auto" skips shape files only
    c.SEED = 0  # for sampling points of shape files, DATASET.ROTATION, DATASET.MAX_SHAPES and random baselines
    c.OUTPUT = "output"  # a run writes OUTPUT/<config and encoder>/, the command `pointclip` OUTPUT/<task>/<the same>/
    c.REPORT = True  # write report.html and its pictures, which takes a few seconds
    c.CACHE = ""  # folder in which to cache features for later runs, or "auto" for one in the user's cache folder; if
    # empty, searches use OUTPUT/cache
    c.SENTENCE_CACHE = "auto"  # cache of text features: "auto" (the user's cache folder), a folder, or "none"

    c.DATASET = CfgNode()
    c.DATASET.NAME = "synthetic"
    c.DATASET.ROOT = str(DATA)  # contains the data sets' folders
    c.DATASET.SPLIT = "test"
    c.DATASET.NUM_POINTS = 1024  # the first points, or a random sample of shape files and raw text; 0 for all
    c.DATASET.CATEGORIES = ""  # comma-separated names; empty for all
    c.DATASET.MAX_SHAPES = 0  # size of a random subset of the shapes (by SEED); 0 for all
    c.DATASET.ROTATION = "none"  # random rotation of every shape (by SEED): "vertical" about the up axis, "so3" in 3-D

    # "yaw" or "search": each shape stands in the surest of several poses (see `pointclip.runs.pose_search`); "default"
    # is "as_is", as in the paper
    c.POSE = "default"
    c.CLOUD = CfgNode()
    # "off", or "auto": points far from the rest are left out, with "clutter" sparse points too (see
    # `pointclip.datasets.outliers`); "default" is "auto" for shape files and "off" for data sets, as in the paper
    c.CLOUD.OUTLIERS = "default"

    c.DATASET.CORRUPT = "none"  # or KIND:STRENGTH, such as "jitter:3" (by SEED; see `pointclip.datasets.corrupted`)

    c.READING = CfgNode()  # how shape files are read
    # the columns of x, y, z in text files and arrays, as numbers from 1 or as names: "2,3,4", "easting,northing,height"
    c.READING.COLUMNS = ""  # if empty, those with such names, or the first three of a table without names
    # processes that read files: "auto" is one fewer than the cores, 1 to 16; 0 reads in the run itself
    c.READING.WORKERS = "auto"
    c.READING.TIMEOUT = 20.0  # seconds that reading a small file may take, and 1 more for each MB; 0 for no limit
    c.READING.MEMORY = 2.0  # GB that reading a small file may take, and 30 bytes for each of its bytes; 0 for no limit

    c.SPLIT = CfgNode()  # the pieces of --split
    c.SPLIT.MAX_PIECES = 100  # of a file, the largest; others are left out and listed
    c.SPLIT.MIN_EXTENT = (
        0.02  # of a piece, as a share of the largest one's extent; smaller ones are left out and listed
    )

    c.ENCODER = CfgNode()
    c.ENCODER.NAME = "demo"  # "demo" is bundled; all others are models of open_clip
    c.ENCODER.PRETRAINED = "auto"  # an open_clip tag, or a .pt or .safetensors file; "auto" is "openai", or bundled
    # "fp32", "bf16", "fp16"; "auto" is the fastest with native support on the device, "published" fp16 on a CUDA GPU
    c.ENCODER.PRECISION = "auto"
    c.ENCODER.QUICK_GELU = "auto"  # by tag or archive; "yes" for OpenAI's weights in a file other than their archive

    c.PROJECTION = CfgNode()
    c.PROJECTION.BACKEND = "auto"  # "reference", "numba", "triton"; "auto" is the fastest available
    c.PROJECTION.STEPS = "all"  # after voxelize: comma-separated names out of densify, smooth, squeeze, or "none"
    c.PROJECTION.VIEWS = "all"  # or comma-separated view numbers, counted from 0

    c.PROMPTS = CfgNode()
    # a JSON file, the name of a bundled one such as modelnet40, or "published"; the template is used for other names
    c.PROMPTS.FILE = ""
    c.PROMPTS.TEMPLATE = "a depth map of a {}."
    c.VIEW_WEIGHTS = "uniform"  # or "published", the name of a published set, or one number per view
    c.SEARCHED = ""  # result file of an earlier search; its sentences and view weights override the settings above

    c.SEARCH = CfgNode()  # the procedure of --search; except for START, the defaults are the published one
    c.SEARCH.SENTENCES = "greedy"  # one sentence per name; "ensemble" averages the m best sentences of each name
    c.SEARCH.START = "first"  # initial sentences: "first" of each name, "all" averaged, or "published"
    # for the paper's sentences and view weights, as in its search
    c.SEARCH.SWEEPS = 2  # over the names, or with "descent" over the views
    c.SEARCH.WEIGHTS = "grid"  # all combinations of VALUES; "descent" optimises one view at a time in steps of 0.025
    c.SEARCH.VALUES = "0.25, 0.5, 0.75, 1"
    c.SEARCH.FIXED_VIEWS = 3  # number of views, from the first, fixed at 0.75 in the grid
    c.SEARCH.BASELINE = (
        "initial"  # weights that the chosen ones must beat; "none" takes the best of the grid, as V1 did
    )
    c.SEARCH.ALTERNATE = False  # alternate sentences and weights until neither improves
    c.SEARCH.MAX_SHAPES = 0  # like DATASET.MAX_SHAPES, for the split to search on; 0 for the same value
    return c


def load_config(base: CfgNode, config: str | Path | Config | None, overrides: Sequence[str] = ()) -> CfgNode:
    """The settings of one run: defaults, then a config's layers, then KEY VALUE pairs.

    A config may list others under BASE (paths relative to its folder, later ones override earlier ones) and overrides
    their settings. ENCODER may be the name of an encoder preset instead of a group of settings. A relative PROMPTS.FILE
    is resolved against the folder of its config, other paths against the working directory; a bare name is a bundled
    file. Old names of settings are accepted with a note (see `pointclip.renamed`).

    Args:
        base: the task's defaults, which also define the types.
        config: a config, or its path or composed name (see `pointclip.config_files`); None for the defaults only.
        overrides: KEY, VALUE, KEY, VALUE, ...

    Raises:
        InputError: for an unknown key (naming the nearest one), a key given by its old and its new name, a value of the
            wrong type, or an unreadable file.
    """
    settings, renamed = base.clone(), RenamedSettings(_names(base))
    if isinstance(config, str | Path):
        config = find_config(config)
    for source, values in config.layers() if config else []:
        _merge(settings, base, renamed.in_groups(values, source), where=source)
    if len(overrides) % 2:
        raise InputError(f"Overrides come as KEY VALUE pairs, but {overrides[-1]!r} stands alone; give its value too.")
    pairs = list(zip(overrides[::2], overrides[1::2], strict=True))
    for key, text in renamed.in_pairs(pairs, "the command line"):
        _merge(settings, base, _nested(key, _from_text(base, key, text)), where="the command line")
    renamed.print_note()
    settings.PROMPTS.FILE = sentence_file(settings.PROMPTS.FILE)
    _validate(settings)
    settings.freeze()
    return settings


def load_run(
    base: CfgNode, path: str | Path, overrides: Sequence[str] = (), encoder: str = "", folder: Path | None = None
) -> tuple[Config, CfgNode]:
    """The config at a path or of a name, and its settings; the config's name says which encoder is used.

    The encoder is left out of the name where the config's file itself sets it and nothing overrides it (demo.yaml).

    Args:
        base: the task's defaults.
        overrides: as for `load_config`.
        encoder, folder: as for `pointclip.config_files.find_config`.
    """
    config = find_config(path, encoder, folder)
    settings = load_config(base, config, overrides)
    if config.without_preset:
        own = load_config(base, replace(config, encoder="")).ENCODER
        if (own.NAME, own.PRETRAINED) == (settings.ENCODER.NAME, settings.ENCODER.PRETRAINED):
            return replace(config, used=""), settings
    return replace(config, used=encoder_in_path(settings.ENCODER.NAME, settings.ENCODER.PRETRAINED)), settings


def with_changes(settings: CfgNode, changes: Mapping[str, object]) -> CfgNode:
    """A copy of the settings with changes {dotted name: value}."""
    changed = settings.clone()
    changed.defrost()
    for name, value in changes.items():
        changed.merge_from_list([name, value])
    changed.freeze()
    return changed


def own_outliers(settings: CfgNode) -> str:
    """Which outliers are left out of shape files, for `pointclip.datasets.outliers.gathered`."""
    return "auto" if settings.CLOUD.OUTLIERS == "default" else settings.CLOUD.OUTLIERS


def is_setting(base: CfgNode, name: str) -> bool:
    """Whether `name` is the dotted name of a setting, perhaps an old one."""
    return current_name(name) in _names(base)


def _merge(
    settings: CfgNode, base: CfgNode, values: dict, where: str, prefix: str = "", root: CfgNode | None = None
) -> None:
    """Merge values into settings; `base` contains the defaults, which also define the types."""
    root = base if root is None else root
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key not in base:
            raise InputError(
                f"There is no setting {name} (in {where}); the nearest known one is {_nearest(name, root)}."
            )
        if isinstance(base[key], CfgNode):
            if not isinstance(value, dict):
                raise InputError(f"The setting {name} (in {where}) is a group, not {value!r}; set {name}.<KEY>.")
            _merge(settings[key], base[key], value, where, f"{name}.", root)
        else:
            settings[key] = _cast(name, value, base[key], where)


def _cast(name: str, value: object, default: object, where: str) -> object:
    """Convert the value to the type of the default; a list becomes comma-separated text."""
    kind = type(default)
    if kind is float and type(value) is int and abs(value) < 2**63:
        return float(value)
    if kind is str and type(value) in (int, float):
        return str(value)
    if kind is str and isinstance(value, list):
        return ", ".join(map(str, value))
    if type(value) is int and abs(value) >= 2**63:
        raise InputError(f"The setting {name} (in {where}) is {value}; expected at most {2**63 - 1}.")
    if type(value) is not kind:
        raise InputError(f"The setting {name} (in {where}) is {value!r}; expected {WORDS[kind]}.")
    return value


WORDS = {bool: "True or False", int: "an integer", float: "a number", str: "text"}


def _from_text(base: CfgNode, key: str, text: str) -> object:
    """A value from the command line: literal for text settings, parsed as YAML for others."""
    default = base
    for part in key.split("."):
        default = default.get(part) if isinstance(default, CfgNode) else None
    if isinstance(default, str):
        return text
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text  # a wrong type, reported by _cast


def _nested(key: str, value: object) -> dict:
    first, _, rest = key.partition(".")
    return {first: _nested(rest, value) if rest else value}


def _names(base: CfgNode, prefix: str = "") -> list[str]:
    """The dotted names of all settings."""
    names = []
    for key, value in base.items():
        names += _names(value, f"{prefix}{key}.") if isinstance(value, CfgNode) else [f"{prefix}{key}"]
    return names


def _nearest(name: str, base: CfgNode) -> str:
    """The known setting most similar to `name`, by its full dotted name, only its last part, or an old name."""
    names = _names(base)
    by_spelling = {old: new for old, new in RENAMED.items() if new in names}
    by_spelling |= {full.split(".")[-1]: full for full in names} | {full: full for full in names}
    return by_spelling[get_close_matches(name, by_spelling, n=1, cutoff=0)[0]]


def _validate(settings: CfgNode) -> None:
    if settings.ON_BAD_SHAPE not in ("auto", "stop", "skip"):
        raise InputError(f"ON_BAD_SHAPE is {settings.ON_BAD_SHAPE!r}; expected 'auto', 'stop' or 'skip'.")
    least = {"BATCH_SIZE": 0, "SEED": 0, "DATASET.NUM_POINTS": 0, "DATASET.MAX_SHAPES": 0, "SEARCH.MAX_SHAPES": 0}
    least |= {"SPLIT.MAX_PIECES": 1, "SPLIT.MIN_EXTENT": 0, "READING.TIMEOUT": 0, "READING.MEMORY": 0}
    for name, smallest in least.items():
        value = settings
        for part in name.split("."):
            value = value[part]
        if value < smallest:
            raise InputError(f"{name} is {value}; expected at least {smallest}.")
    if settings.READING.WORKERS != "auto" and not re.fullmatch(r"\d{1,3}", settings.READING.WORKERS):
        raise InputError(f"READING.WORKERS is {settings.READING.WORKERS!r}; expected 'auto' or a number of processes.")
    if settings.SPLIT.MIN_EXTENT > 1:
        raise InputError(
            f"SPLIT.MIN_EXTENT is {settings.SPLIT.MIN_EXTENT}; expected 0 to 1, a share of the largest piece's extent."
        )
    if settings.DATASET.NUM_POINTS > MAX_POINTS:
        raise InputError(f"DATASET.NUM_POINTS is {settings.DATASET.NUM_POINTS}; expected at most {MAX_POINTS}.")
    if settings.POSE not in POSES:
        raise InputError(f"POSE is {settings.POSE!r}; expected one of {', '.join(map(repr, POSES))}.")
    if settings.CLOUD.OUTLIERS not in OUTLIERS:
        known = ", ".join(map(repr, OUTLIERS))
        raise InputError(f"CLOUD.OUTLIERS is {settings.CLOUD.OUTLIERS!r}; expected one of {known}.")
    if not settings.OUTPUT.strip():
        raise InputError("OUTPUT is empty; expected a folder for the run's files, such as output.")
    if not settings.SENTENCE_CACHE.strip():
        raise InputError("SENTENCE_CACHE is empty; expected 'auto', 'none' or a folder.")


SEARCHABLE = ("prompts", "weights")  # what --search can choose
SEARCH_CHOICES = {
    "SENTENCES": ("greedy", "ensemble"),
    "START": ("first", "all", "published"),
    "WEIGHTS": ("grid", "descent"),
    "BASELINE": ("initial", "none"),
}


def check_search(what: Sequence[str], settings: CfgNode) -> None:
    """Check the targets of --search and the settings SEARCH.*.

    Raises:
        InputError: for targets other than prompts and weights, or for invalid or incompatible settings.
    """
    c = settings.SEARCH
    if unknown := [word for word in what if word not in SEARCHABLE]:
        raise InputError(f"--search has {', '.join(map(repr, unknown))}; expected prompts, weights or both.")
    for name, known in SEARCH_CHOICES.items():
        if c[name] not in known:
            raise InputError(f"SEARCH.{name} is {c[name]!r}; expected {' or '.join(known)}.")
    if c.SWEEPS < 1 or c.FIXED_VIEWS < 0:
        raise InputError(f"SEARCH.SWEEPS is {c.SWEEPS} and FIXED_VIEWS {c.FIXED_VIEWS}; expected at least 1 and 0.")
    if c.START == "published" and what and (c.SENTENCES != "greedy" or c.ALTERNATE or "prompts" not in what):
        raise InputError(
            "SEARCH.START published needs --search prompts or prompts,weights and SENTENCES greedy, without "
            "ALTERNATE; set START to 'first'."
        )
    if c.ALTERNATE and (set(what) != set(SEARCHABLE) or c.SENTENCES != "greedy" or c.WEIGHTS != "grid"):
        raise InputError(
            "SEARCH.ALTERNATE needs --search prompts,weights, SENTENCES greedy and WEIGHTS grid; set it to False."
        )
    search_values(c)
    if "prompts" in what and not settings.PROMPTS.FILE:
        raise InputError("--search prompts needs several sentences per name; set PROMPTS.FILE.")
    if what and settings.SEARCHED:
        raise InputError(
            "SEARCHED (the result of an earlier search) and --search exclude each other; give one of them."
        )


def search_values(c: CfgNode) -> list[float]:
    """SEARCH.VALUES as numbers."""
    try:
        values = [float(word) for word in c.VALUES.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(isfinite, values)):
        raise InputError(f"SEARCH.VALUES is {c.VALUES!r}; expected comma-separated finite numbers.")
    return values
