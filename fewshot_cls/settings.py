"""Few-shot classification's settings and arguments. Imports no torch, so that wrong ones are answered at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import defaults, load_config, with_changes
from pointclip.config_files import Config, find_config
from pointclip.errors import InputError
from pointclip.runs.arguments import add_threshold, argument_parser, check_threshold, parse_settings
from zeroshot_cls.settings import PUBLISHED_SETS

CONFIGS = Path(__file__).with_name("configs")
CLOSED = ("tip_adapter", "gaussian_discriminant", "kernel_ridge", "linear_probe")  # without training
TRAINED = ("tip_adapter_f", "adapter", "smoothing", "adapter_smoothing")
METHODS = (*CLOSED, *TRAINED)
SMOOTHING = ("smoothing", "adapter_smoothing")  # those that learn V2's smoothing
PROTOCOLS = ("validation", "fixed", "published")
CHOICES = {
    "METHOD": METHODS,
    "PROTOCOL": PROTOCOLS,
    "VECTORS": ("joined", "pooled"),
    "DENSIFY": ("zeroshot", "paper"),
    "SMOOTHING.STATISTICS": ("frozen", "batch"),
    "ADAPTER.FEATURES": ("raw", "unit"),
    "TRAIN.PRECISION": ("fp32", "bf16"),
}


def fewshot_defaults() -> CfgNode:
    """The shared settings and few-shot's own."""
    c = defaults()
    c.PROJECTION.METHOD = "realistic"  # or "pointclip_v1" (six views), "pointclip_v1_fewshot" (V1's ten)
    c.METHOD = "kernel_ridge"  # one of METHODS
    c.HEAD = ""  # a trained head's file to score or to answer with; nothing is trained then
    c.SHOTS = 16  # K, labelled training shapes a class; 0 takes all
    c.SHOTS_SPLIT = "train"  # the split that they are drawn from
    c.SEEDS = 1  # so many draws of the shots, by SEED, SEED + 1 …; figures are their mean
    c.PROTOCOL = "validation"  # numbers and epoch are chosen on min(K, 4) further training shapes a class; "fixed"
    # takes those below and the last epoch; "published" chooses on the labels of the test split, as the papers did
    c.VECTORS = "joined"  # a shape is its views one after the other; "pooled" sums them
    c.AUGMENT = 0  # randomly scaled and shifted copies of every training shape, besides itself

    c.CLOSED = CfgNode()  # what the methods without training take where nothing chooses
    c.CLOSED.ALPHA = 100.0  # how much their scores, about 1, count beside zero-shot's logits, which spread by about 10
    c.CLOSED.BETA = 5.5  # how fast a training shape's vote fades
    c.CLOSED.RIDGE = 0.1  # λ of kernel ridge
    c.CLOSED.PENALTY = 30.0  # scikit-learn's C of the linear probe

    c.ADAPTER = CfgNode()
    c.ADAPTER.SCALE = 0.5  # what the learned scale of each view starts as
    c.ADAPTER.DROPOUT = 0.075  # V1's; V2's is 0.5
    c.ADAPTER.FEATURES = "raw"  # of the length that CLIP gives them, as published, or "unit"

    c.DENSIFY = "zeroshot"  # or "paper", of the learned smoothing: maps of 112 x 112 instead of 110 x 110
    c.SMOOTHING = CfgNode()
    c.SMOOTHING.RATE = 0.001  # its share of TRAIN.RATE; at 0.01 and more the loss rises from the first steps on
    c.SMOOTHING.STATISTICS = "frozen"  # of batch norm; "batch" leaves zero-shot's start at the first step

    c.TRAIN = CfgNode()  # PointCLIP V1's published recipe
    c.TRAIN.EPOCHS = 250
    c.TRAIN.BATCH = 32
    c.TRAIN.RATE = 0.01
    c.TRAIN.WARM_UP = 1
    c.TRAIN.SPREAD = 0.2
    c.TRAIN.OPTIMIZER = "sgd"  # or "adamw"
    c.TRAIN.DECAY = 5e-4  # weight decay
    c.TRAIN.PATIENCE = 0  # stop after so many epochs without a better one; 0 never does
    c.TRAIN.PRECISION = "fp32"  # or "bf16", for the smoothing and CLIP
    c.TRAIN.CHUNK = 20  # views whose activations are kept at once where the smoothing learns, the others' are remade
    c.TRAIN.TENSORBOARD = False  # curves in <run's folder>/tensorboard; pip install -e .[tensorboard]
    return c


def load(config: str | Path, overrides: Sequence[str] = (), encoder: str = "") -> tuple[Config, CfgNode]:
    """From a config's path or name, KEY VALUE words and an encoder preset to the config found and its settings."""
    found = find_config(config, encoder, CONFIGS)
    settings = PUBLISHED_SETS.with_prompts(load_config(fewshot_defaults(), found, overrides))
    settings = PUBLISHED_SETS.with_view_weights(settings)
    _check(settings)
    if settings.METHOD in SMOOTHING:
        settings = with_changes(settings, {"ENCODER.PRECISION": "fp32"})  # gradients pass through it
    return found, settings


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run; see `pointclip.runs.arguments.parse_settings`."""
    parser = argument_parser("Few-shot classification of point clouds with CLIP (PointCLIP, PointCLIP V2).")
    parser.add_argument("--shots", type=int, metavar="K", help="labelled shapes a class (SHOTS)")
    parser.add_argument("--seeds", type=int, metavar="N", help="draws of the shots (SEEDS)")
    what = "own training shapes, a folder of folders: one a class, named like it"
    parser.add_argument("--train", metavar="FOLDER", help=what)
    what = "use a trained head instead of training one, on --input files or on the config's data set (HEAD)"
    parser.add_argument("--head", "--init", metavar="FILE", help=what)
    add_threshold(parser)
    args, settings = parse_settings(parser, fewshot_defaults(), load, words)
    flags = {name: value for name in ("SHOTS", "SEEDS", "HEAD") if (value := getattr(args, name.lower())) is not None}
    settings = with_changes(settings, flags)
    _check(settings)
    check_threshold(args)
    _check_arguments(args, settings)
    return args, settings


def _check(settings: CfgNode) -> None:
    """Raise an InputError for values that no setting can have, or not together."""
    for name, known in CHOICES.items():
        value = settings
        for part in name.split("."):
            value = value[part]
        if value not in known:
            raise InputError(f"{name} is {value!r}; one of {', '.join(known)} was expected.")
    for name, smallest in (("SHOTS", 0), ("SEEDS", 1), ("AUGMENT", 0)):
        if settings[name] < smallest:
            raise InputError(f"{name} is {settings[name]}; {smallest} or more was expected.")
    if not settings.SHOTS and settings.PROTOCOL == "validation":
        raise InputError("SHOTS 0 takes all training shapes and leaves none to validate on; set PROTOCOL fixed.")
    if settings.SHOTS_SPLIT == settings.DATASET.SPLIT:
        raise InputError(f"SHOTS_SPLIT {settings.SHOTS_SPLIT} is the split that is reported; draw shots from another.")
    if settings.TRAIN.CHUNK < 1:
        raise InputError(f"TRAIN.CHUNK is {settings.TRAIN.CHUNK}; 1 or more was expected.")
    if settings.METHOD in SMOOTHING:
        if settings.PROJECTION.METHOD != "realistic" or settings.PROJECTION.STEPS != "all":
            raise InputError(
                f"METHOD {settings.METHOD} learns the smoothing of PROJECTION.METHOD realistic, all steps."
            )
        if settings.ENCODER.PRECISION not in ("auto", "fp32"):
            raise InputError(
                f"METHOD {settings.METHOD} needs ENCODER.PRECISION fp32; TRAIN.PRECISION bf16 saves memory."
            )


def _check_arguments(args: argparse.Namespace, settings: CfgNode) -> None:
    if args.search:
        raise InputError("--search is zeroshot_cls's; run it there, and name the file that it writes in SEARCHED.")
    if settings.HEAD and args.train:
        raise InputError("--train and --head came together; train a head, or use one that there is.")
    if args.input and not (args.train or settings.HEAD):
        raise InputError("--input came without training shapes; add --train FOLDER, or --head FILE of an earlier run.")
    if args.train and settings.PROTOCOL == "published":
        raise InputError("PROTOCOL published chooses on a test split, which own shapes do not have; set it fixed.")
    if (args.train or settings.HEAD) and settings.SEEDS > 1:
        raise InputError("SEEDS goes with a data set, where every draw is scored; leave it 1 with --train and --head.")
