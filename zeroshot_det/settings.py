"""Detection's settings and arguments. Imports no torch, so that wrong ones are answered at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import defaults, load_config
from pointclip.config_files import Config, find_config
from pointclip.errors import InputError
from pointclip.prompts import PromptFile
from pointclip.runs.arguments import add_json, check_needs_input, make_folder, run_folder, split_settings
from pointclip.runs.inputs import names_argument
from pointclip.runs.whole import staging_place
from pointclip.utils.command import ArgumentParser

CONFIGS = Path(__file__).with_name("configs")
CHOICES = {
    "PROPOSALS.METHOD": ("clusters", "sliding", "files"),
    "PROPOSALS.ORIENTATION": ("oriented", "aligned"),
    "READING.LOGITS": ("mean", "published"),
    "SCORING.INTERPOLATION": ("all", "11"),
    "SCORING.MEAN": ("published", "with truth", "with both"),
}
RANGES = {  # smallest and largest
    "SCENE.POINTS": (0, 10_000_000),
    "SCENE.VOXEL": (0, 1),
    "PROPOSALS.MOST": (1, 4096),
    "READING.MARGIN": (0, 1),
    "READING.LEAST": (2, 10_000),
    "READING.POINTS": (64, 100_000),
    "READING.SIZE_FILTER": (0, 0.99),
    "SUPPRESSION.OVERLAP": (0, 1),
    "SCORING.CONFIDENCE": (0, 1),
}


def detection_defaults() -> CfgNode:
    """The shared settings and detection's own."""
    c = defaults()
    c.DATASET.NAME = "synthetic_rooms"  # or "scannet", "sunrgbd"; MAX_SHAPES takes only so many scenes
    c.ON_BAD_SHAPE = "skip"  # scenes: report and count a bad one, and go on; "stop" ends the run

    c.PROJECTION.METHOD = "realistic"  # or "pointclip_v1", the baseline's: six views in perspective

    c.SCENE = CfgNode()
    c.SCENE.POINTS = 40_000  # of a scene, drawn at random by SEED, as in the published evaluations; 0 takes all
    c.SCENE.VOXEL = 0.0  # metres; larger than 0, a scan becomes the means of its voxels first
    c.SCENE.CAMERAS = 3  # that see a synthetic room
    c.SCENE.NOISE = 0.004  # metres, in a synthetic room

    c.PROPOSALS = CfgNode()
    c.PROPOSALS.METHOD = "clusters"  # "sliding"; "files" reads PROPOSALS.FOLDER/<scene>.npz
    c.PROPOSALS.FOLDER = ""
    c.PROPOSALS.ORIENTATION = "oriented"  # of clusters; "aligned" for boxes along the axes, as ScanNet's are
    c.PROPOSALS.MOST = 128  # boxes of a scene, the best by objectness

    c.READING = CfgNode()
    c.READING.MARGIN = 0.05  # metres around a box that still belong to its crop
    c.READING.LEAST = 5  # points in a box; boxes with fewer are dropped, but for the best if all have fewer
    c.READING.POINTS = 2048  # of a crop at most
    c.READING.LOGITS = "mean"  # 100 × the mean cosine of the views; "published" is classification's, √V times as large
    c.READING.NOTHING = ""  # names between commas that together are "none of these", such as "wall, floor, clutter"
    c.READING.SIZE_FILTER = 0.0  # T: a class needs T < extent / typical extent < 1 / T along each axis; 0 is no filter
    c.READING.EXTENTS = ""  # a YAML file of typical extents; empty takes zeroshot_det/typical_extents.yaml

    c.SUPPRESSION = CfgNode()
    c.SUPPRESSION.OVERLAP = 0.25  # IoU of hulls above which the less likely of two boxes of one class goes

    c.SCORING = CfgNode()
    c.SCORING.EVERY_CLASS = True  # every box counts for every class; False: for its likeliest class alone
    c.SCORING.CONFIDENCE = 0.05  # objectness that a box must exceed to count
    c.SCORING.INTERPOLATION = "all"  # points of the curve; "11" is Pascal VOC 2007's
    c.SCORING.MEAN = "published"  # over classes with truth or predictions; "with truth", "with both"
    return c


def load(config: str | Path, overrides: Sequence[str] = (), encoder: str = "") -> tuple[Config, CfgNode]:
    """From a config's path or name, KEY VALUE words and an encoder preset to the config found and its settings.

    Raises:
        InputError: for settings that are out of range.
    """
    found = find_config(config, encoder, CONFIGS)
    settings = load_config(detection_defaults(), found, overrides)
    for name, known in CHOICES.items():
        if _value(settings, name) not in known:
            raise InputError(f"{name} is {_value(settings, name)!r}; {', '.join(map(repr, known))} were expected.")
    for name, (least, most) in RANGES.items():
        if not least <= _value(settings, name) <= most:
            raise InputError(f"{name} is {_value(settings, name)}; {least} to {most} was expected.")
    if settings.PROPOSALS.METHOD == "files" and not settings.PROPOSALS.FOLDER:
        raise InputError("PROPOSALS.METHOD is 'files'; set PROPOSALS.FOLDER to the folder of the .npz files.")
    if settings.DATASET.CATEGORIES or settings.DATASET.TURN != "none" or settings.SEARCHED:
        raise InputError("DATASET.CATEGORIES, DATASET.TURN and SEARCHED do nothing in detection; leave them out.")
    return found, settings


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = ArgumentParser(description="Zero-shot 3-D object detection in scans of rooms with CLIP (PointCLIP V2).")
    parser.add_argument("--config", required=True, metavar="FILE", help="a file of settings, such as configs/demo.yaml")
    what = "an encoder preset, such as vit_b16, instead of the config's encoder"
    parser.add_argument("--encoder", default="", metavar="NAME", help=what)
    what = "own scans instead of a data set: files, folders, patterns such as 'scans/*.ply', and @LIST, a file of them"
    parser.add_argument("--input", nargs="+", metavar="FILE", help=what)
    what = "class names for --input, or @FILE with one per line"
    parser.add_argument("--classes", type=names_argument, default=(), metavar="A,B,C", help=what)
    what = "the up axis of the --input files; auto, the default, looks for a floor"
    parser.add_argument("--up", choices=("auto", "x", "y", "z"), default="auto", help=what)
    add_json(parser)
    parser.add_argument("--proposals", choices=CHOICES["PROPOSALS.METHOD"], help="short for PROPOSALS.METHOD")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="settings that win over the config's")
    return parser


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run, whose folder is made; `words` are the process's own by default."""
    args = parser().parse_intermixed_args(words)
    if args.input:
        args.input, more = split_settings(args.input, detection_defaults())
        args.overrides = [*args.overrides, *more]
    if args.proposals:
        args.overrides = [*args.overrides, "PROPOSALS.METHOD", args.proposals]
    if args.classes and not args.input:
        raise InputError("--classes goes with --input FILE…; a data set brings its own classes.")
    if args.up != "auto" and not args.input:
        raise InputError("--up goes with --input FILE…; a data set brings its own up axis.")
    check_needs_input(args, "json")
    args.config, settings = load(args.config, args.overrides, args.encoder)
    args.search = ()  # nothing is searched by labels in this task
    args.folder = run_folder(args, settings)
    make_folder(args.folder, "OUTPUT")
    make_folder(staging_place(args.folder.resolve()), "OUTPUT")
    return args, settings


def own_classes(args: argparse.Namespace, prompts: PromptFile) -> tuple[str, ...]:
    """The classes of own scans: those given, or all of the prompt file's; () without --input."""
    classes = args.classes or tuple(prompts.entries)
    if args.input and not classes:
        raise InputError("No class names came for --input; name them with --classes a,b,c.")
    return classes if args.input else ()


def _value(settings: CfgNode, name: str) -> object:
    group, key = name.split(".")
    return settings[group][key]
