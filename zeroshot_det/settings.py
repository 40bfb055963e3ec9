"""Detection's settings and arguments. Imports no torch, so that errors in them are reported at once."""

import argparse
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from pointclip.config import defaults, load_run
from pointclip.config_files import PUBLISHED, Config
from pointclip.errors import InputError
from pointclip.prompts import PromptFile, class_sentences, open_prompts
from pointclip.runs.arguments import UPS, TaskArguments, argument_parser, parse_settings
from pointclip.runs.inputs import LIST_MARK, names_argument, names_or_list

COMMAND = "detect"  # in the command `pointclip`
EXAMPLES = (
    ('room.ply --classes "chair, table, lamp"', "your own scans"),
    ('room.ply --classes "chair, table" --encoder demo', "the same without CLIP's weights"),
    ("--config demo", "bundled rooms; needs no weights or data"),
    ("--config scannet DATASET.ROOT /path/to/prepared", "a data set"),
)
CONFIGS = Path(__file__).with_name("configs")
CLASS_LISTS = Path(__file__).with_name("class_lists")
UNITS = ("auto", "m", "mm", "cm", "inch", "ft")  # see `zeroshot_det.scenes.frames`
CHOICES = {
    "SCENE.UP": UPS,
    "SCENE.UNIT": UNITS,
    "PROPOSALS.METHOD": ("combined", "clusters", "sliding", "files"),
    "PROPOSALS.ORIENTATION": ("oriented", "aligned"),
    "CLASSIFIER.LOGITS": ("mean", "published"),
    "SCORING.INTERPOLATION": ("all", "11"),
    "SCORING.MEAN": ("published", "with truth", "with both"),
}
RANGES = {  # smallest and largest
    "SCENE.NUM_POINTS": (0, 10_000_000),
    "SCENE.VOXEL_SIZE": (0, 1),
    "PROPOSALS.MAX_BOXES": (1, 4096),
    "CROPS.MARGIN": (0, 1),
    "CROPS.MIN_POINTS": (2, 10_000),
    "CROPS.NUM_POINTS": (64, 100_000),
    "CLASSIFIER.SIZE_FILTER": (0, 0.99),
    "NMS.IOU_THRESHOLD": (0, 1),
    "SCORING.OBJECTNESS_THRESHOLD": (0, 1),
}
UNUSED = (
    "CLOUD",
    "POSE",
    "DATASET.NUM_POINTS",
    "DATASET.CORRUPT",
    "DATASET.ROTATION",
    "SEARCHED",
    "SEARCH",
    "SPLIT",
)  # settings, and groups of them
NOT_PUBLISHED = {  # settings that may be "published" in other tasks: what they may be here
    "PROMPTS.FILE": "a file, or a bundled one such as modelnet40",
    "VIEW_WEIGHTS": "uniform, one number per view, or a published set's name such as modelnet40_vit_b16",
}


def detection_defaults() -> CfgNode:
    """The shared settings plus detection's."""
    c = defaults()
    c.DATASET.NAME = "synthetic_rooms"  # or "scanned_rooms", "scannet", "sunrgbd"; MAX_SHAPES limits the scenes
    c.ON_BAD_SHAPE = "skip"  # reports and counts a bad scene, and continues; "stop" ends the run

    c.PROJECTION.METHOD = "realistic"  # or "pointclip_v1", the baseline's: six perspective views

    c.SCENE = CfgNode()
    c.SCENE.NUM_POINTS = 40_000  # per scene, sampled at random with SEED, as in the published evaluations; 0 takes all
    c.SCENE.VOXEL_SIZE = 0.0  # metres; above 0, a scan is first thinned to one point per voxel, the mean
    c.SCENE.UP = "auto"  # the up axis of --input scans: x, y, z, -x, -y or -z; auto guesses it
    c.SCENE.UNIT = "auto"  # of --input scans: m, mm, cm, inch or ft; auto is m, but refuses what is no room in m
    c.SCENE.CAMERAS = 3  # of a synthetic room
    c.SCENE.NOISE = 0.004  # metres, of the points of a synthetic room

    c.PROPOSALS = CfgNode()
    c.PROPOSALS.METHOD = "clusters"  # or "combined", "sliding"; "files" reads PROPOSALS.FOLDER/<scene>.npz
    c.PROPOSALS.FOLDER = ""
    c.PROPOSALS.ORIENTATION = "oriented"  # of combined and clusters; "aligned" for axis-aligned boxes, like ScanNet's
    c.PROPOSALS.COLOURS = True  # whether combined's superpoints follow the colours of scans that have them
    c.PROPOSALS.MAX_BOXES = 128  # per scene, those of highest objectness

    c.CROPS = CfgNode()  # the points in a box, which are classified like a shape
    c.CROPS.MARGIN = 0.05  # metres around the box that are included
    c.CROPS.MIN_POINTS = 5  # boxes with fewer are dropped, except the best if all have fewer
    c.CROPS.NUM_POINTS = 2048  # per crop

    c.CLASSIFIER = CfgNode()
    c.CLASSIFIER.LOGITS = "mean"  # 100 × the mean cosine of the views; "published": classification's, √V times as large
    c.CLASSIFIER.BACKGROUND = ""  # comma-separated names for "none of the classes", such as "wall, floor, clutter"
    c.CLASSIFIER.SIZE_FILTER = 0.0  # T: a class needs T < extent / typical extent < 1 / T along every axis; 0 is off
    c.CLASSIFIER.TYPICAL_EXTENTS = ""  # a YAML file of typical extents; empty takes zeroshot_det/typical_extents.yaml

    c.NMS = CfgNode()
    c.NMS.IOU_THRESHOLD = 0.25  # IoU of axis-aligned bounds above which the box of lower objectness is dropped

    c.SCORING = CfgNode()
    c.SCORING.PER_CLASS_PROPOSALS = True  # every box counts for every class; False: only for its most probable class
    c.SCORING.OBJECTNESS_THRESHOLD = 0.05  # only boxes of higher objectness count
    c.SCORING.INTERPOLATION = "all"  # points of the curve; "11" is Pascal VOC 2007's
    c.SCORING.MEAN = "published"  # over classes with true boxes or predictions; or "with truth", "with both"
    return c


def load(config: str | Path, overrides: Sequence[str] = (), encoder: str = "") -> tuple[Config, CfgNode]:
    """The config at a path or of a name, and its settings with KEY VALUE overrides and an encoder preset applied.

    Raises:
        InputError: for settings that are out of range.
    """
    config, settings = load_run(detection_defaults(), config, overrides, encoder, CONFIGS)
    for name, known in CHOICES.items():
        if _value(settings, name) not in known:
            expected = ", ".join(map(repr, known))
            raise InputError(f"{name} is {_value(settings, name)!r}; expected one of {expected}.")
    for name, (smallest, largest) in RANGES.items():
        if not smallest <= _value(settings, name) <= largest:
            raise InputError(f"{name} is {_value(settings, name)}; expected {smallest} to {largest}.")
    if settings.PROPOSALS.METHOD == "files" and not settings.PROPOSALS.FOLDER:
        raise InputError("PROPOSALS.METHOD is 'files'; set PROPOSALS.FOLDER to the folder of the .npz files.")
    _check_unused(settings)
    return config, settings


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argument_parser(
        "Zero-shot 3-D object detection in scans of rooms with CLIP (PointCLIP V2).",
        EXAMPLES,
        searches=False,
        splits=False,
        up="auto looks for a floor (default)",
    )
    classes_help = (
        f"class names, or @FILE with one per line ({' '.join(class_lists())} for bundled lists); of a data set, the "
        "classes to score"
    )
    parser.add_argument("--classes", type=class_names, default=(), metavar="A,B,C", help=classes_help)
    parser.set_defaults(up=None)  # short for SCENE.UP
    parser.add_argument("--proposals", choices=CHOICES["PROPOSALS.METHOD"], help="short for PROPOSALS.METHOD")
    return parser


def class_lists() -> list[str]:
    """The bundled lists of class names, as --classes takes them: "@scannet200"."""
    return sorted(f"{LIST_MARK}{path.stem}" for path in CLASS_LISTS.glob("*.txt"))


def class_names(text: str) -> tuple[str, ...]:
    """--classes: names, @FILE, or the name of a bundled list if there is no such file."""
    if text in class_lists() and not Path(text[1:]).exists():
        text = f"{LIST_MARK}{CLASS_LISTS / text[1:]}.txt"
    return names_argument(text)


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run; see `pointclip.runs.arguments.parse_settings`."""
    task = TaskArguments(
        verb="detect objects in",
        base=detection_defaults(),
        load=load,
        configs=CONFIGS,
        own_config="own_scans",
        examples=EXAMPLES,
        flags={"proposals": "PROPOSALS.METHOD", "up": "SCENE.UP"},
        pairs=lambda args: [] if args.input or not args.classes else ["DATASET.CATEGORIES", ",".join(args.classes)],
        files=("PROPOSALS.FOLDER", "CLASSIFIER.TYPICAL_EXTENTS"),
        no_search="Detection has no --search; `pointclip search` is for classify and segment.",
        check=_check,
    )
    return parse_settings(parser(), task, words)


def _check(args: argparse.Namespace, settings: CfgNode) -> None:
    if settings.SCENE.UP != "auto" and not args.input:
        raise InputError("--up and SCENE.UP need files of your own (--input FILE…); a data set's up axis is known.")
    if settings.SCENE.UNIT != "auto" and not args.input:
        raise InputError("SCENE.UNIT needs files of your own (--input FILE…); data sets are in metres.")
    if args.input:
        prompts = open_prompts(settings.PROMPTS.FILE)
        classes, background = scan_classes(args, prompts), background_names(settings)
        class_sentences((*classes, *background), prompts, settings.PROMPTS.TEMPLATE)
        check_candidates(classes, background)


def check_candidates(classes: Sequence[str], background: Sequence[str]) -> None:
    """Raise an InputError for a single class without background."""
    if len(classes) + len(background) == 1:
        raise InputError(
            f"{classes[0]!r} is the only class, so every box would be one with 100 %; add classes, or set "
            'CLASSIFIER.BACKGROUND to what else there is: "wall, floor, clutter".'
        )


def scan_classes(args: argparse.Namespace, prompts: PromptFile) -> tuple[str, ...]:
    """The classes to detect in --input scans: --classes, or all of the prompt file's; () without --input."""
    classes = args.classes or tuple(prompts.entries)
    if args.input and not classes:
        raise InputError('There are no class names for your files; give them with --classes "chair, table, lamp".')
    return classes if args.input else ()


def background_names(settings: CfgNode) -> tuple[str, ...]:
    """The names of CLASSIFIER.BACKGROUND."""
    return tuple(name for name in names_or_list(settings.CLASSIFIER.BACKGROUND) if name)


def _check_unused(settings: CfgNode) -> None:
    """Raise an InputError for settings that only other tasks have a use for."""
    base = detection_defaults()
    for name in UNUSED:
        value, default = _value(settings, name), _value(base, name)
        if value != default:
            group = isinstance(value, CfgNode)
            changed = [f"{name}.{key}" for key in value if value[key] != default[key]] if group else [name]
            raise InputError(f"Detection has no use for {' and '.join(changed)}; leave it out.")
    for name, others in NOT_PUBLISHED.items():
        if _value(settings, name) == PUBLISHED:
            raise InputError(f"{name} is {PUBLISHED!r}, but nothing is published for detection; use {others}.")


def _value(settings: CfgNode, name: str) -> Any:
    return reduce(lambda group, key: group[key], name.split("."), settings)
