"""Detection's settings and arguments. Imports no torch, so that errors in them are reported at once."""

import argparse
import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import defaults, load_config
from pointclip.config_files import PUBLISHED, Config, find_config
from pointclip.errors import InputError
from pointclip.prompts import PromptFile
from pointclip.runs.arguments import (
    UPS,
    add_json,
    check_needs_input,
    make_folder,
    run_folder,
    split_settings,
    with_values,
)
from pointclip.runs.atomic_folder import staging_place
from pointclip.runs.inputs import LIST_MARK, names_argument
from pointclip.utils.command import ArgumentParser

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
UNUSED = ("DATASET.NUM_POINTS", "DATASET.ROTATION", "SEARCHED", "SEARCH", "SPLIT")  # settings, and groups of them
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
    c.PROPOSALS.METHOD = "combined"  # or "clusters", "sliding"; "files" reads PROPOSALS.FOLDER/<scene>.npz
    c.PROPOSALS.FOLDER = ""
    c.PROPOSALS.ORIENTATION = "oriented"  # of combined and clusters; "aligned" for axis-aligned boxes, like ScanNet's
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
    config = find_config(config, encoder, CONFIGS)
    settings = load_config(detection_defaults(), config, overrides)
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
    parser = ArgumentParser(description="Zero-shot 3-D object detection in scans of rooms with CLIP (PointCLIP V2).")
    parser.add_argument("--config", required=True, metavar="FILE", help="a settings file, such as configs/demo.yaml")
    encoder_help = "an encoder preset, such as vit_b16, instead of the config's encoder"
    parser.add_argument("--encoder", default="", metavar="NAME", help=encoder_help)
    input_help = (
        "your scans, instead of a data set: files, folders, patterns such as 'scans/*.ply', and @LIST, a file of them"
    )
    parser.add_argument("--input", nargs="+", metavar="FILE", help=input_help)
    classes_help = (
        f"class names, or @FILE with one per line ({' '.join(class_lists())} for bundled lists); of a data set, the "
        "classes to score"
    )
    parser.add_argument("--classes", type=class_names, default=(), metavar="A,B,C", help=classes_help)
    parser.add_argument("--up", choices=UPS, help="short for SCENE.UP")
    add_json(parser)
    parser.add_argument("--proposals", choices=CHOICES["PROPOSALS.METHOD"], help="short for PROPOSALS.METHOD")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="settings that override the config's")
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
    """A run's arguments and settings, from `words` or the process's arguments; makes the run's folder."""
    args = parser().parse_intermixed_args(with_values(sys.argv[1:] if words is None else words, "SCENE.UP"))
    if args.input:
        args.input, more = split_settings(args.input, detection_defaults())
        args.overrides = [*args.overrides, *more]
    if args.proposals:
        args.overrides = [*args.overrides, "PROPOSALS.METHOD", args.proposals]
    if args.up:
        args.overrides = [*args.overrides, "SCENE.UP", args.up]
    if args.classes and not args.input:  # of a data set: which of its classes
        args.overrides = [*args.overrides, "DATASET.CATEGORIES", ",".join(args.classes)]
    check_needs_input(args, "json")
    args.config, settings = load(args.config, args.overrides, args.encoder)
    if settings.SCENE.UP != "auto" and not args.input:
        raise InputError("--up and SCENE.UP need --input FILE…; a data set's up axis is known.")
    if settings.SCENE.UNIT != "auto" and not args.input:
        raise InputError("SCENE.UNIT needs --input FILE…; data sets are in metres.")
    args.search = ()  # this task has no search
    args.folder = run_folder(args, settings)
    make_folder(args.folder, "OUTPUT")
    make_folder(staging_place(args.folder.resolve()), "OUTPUT")
    return args, settings


def scan_classes(args: argparse.Namespace, prompts: PromptFile) -> tuple[str, ...]:
    """The classes to detect in --input scans: --classes, or all of the prompt file's; () without --input."""
    classes = args.classes or tuple(prompts.entries)
    if args.input and not classes:
        raise InputError("No class names were given for --input; give them with --classes a,b,c.")
    return classes if args.input else ()


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


def _value(settings: CfgNode, name: str) -> object:
    return reduce(lambda group, key: group[key], name.split("."), settings)
