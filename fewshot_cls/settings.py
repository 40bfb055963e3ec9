"""Few-shot classification's settings and arguments. Imports no torch, so that errors in them are reported at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from fewshot_cls.methods import METHODS
from pointclip.config import defaults, load_run, with_changes
from pointclip.config_files import Config
from pointclip.errors import InputError
from pointclip.runs.arguments import TaskArguments, add_threshold, argument_parser, check_threshold, parse_settings
from pointclip.runs.inputs import names_argument
from pointclip.utils.files import expanded
from zeroshot_cls.settings import PUBLISHED_SETS

TASK = "few-shot classification"
COMMAND = "fewshot"  # in the command `pointclip`
EXAMPLES = (
    ("chair.ply --train my_shapes/", "your own shapes, from a folder of shapes for each class"),
    ("chair.ply --head path/to/head.safetensors", "the same with a head that was trained before"),
    ("--train my_shapes/ --test my_test_shapes/", "how accurate a head of your own shapes is"),
    ("--config demo", "bundled shapes; needs no weights or data"),
    ("--config modelnet40 --shots 16 DATASET.ROOT /path/to/data", "a data set"),
)
CONFIGS = Path(__file__).with_name("configs")
PROTOCOLS = ("cross_validation", "validation", "fixed", "published")
CHOICES = {
    "METHOD": tuple(METHODS),
    "PROTOCOL": PROTOCOLS,
    "VIEW_FUSION": ("concat", "sum"),
    "DENSIFY": ("zeroshot", "paper"),
    "SMOOTHING.BATCH_NORM": ("frozen", "batch"),
    "SMOOTHING.FORM": ("paper", "compiled"),
    "ADAPTER.FEATURES": ("raw", "unit"),
    "TRAIN.PRECISION": ("fp32", "bf16", "fp16", "published"),
}


def fewshot_defaults() -> CfgNode:
    """The shared settings plus few-shot's."""
    c = defaults()
    c.PROJECTION.METHOD = "realistic"  # or "pointclip_v1" (six views), "pointclip_v1_fewshot" (V1's ten)
    c.METHOD = "kernel_ridge"  # one of METHODS
    c.CACHE = "auto"  # features in the user's cache folder, so that methods and numbers of shots share them; or "none"
    c.HEAD = ""  # file of a trained head to apply; nothing is trained then
    c.SHOTS = 16  # K, labelled training shapes per class; 0 takes all
    c.SHOTS_SPLIT = "train"  # the split that they are drawn from
    c.SHOTS_CLASSES = "all"  # the classes that get shots, or "half", the first half (base-to-new), or names; the others
    # are named by their sentences alone
    c.SEEDS = 1  # number of draws of the shots, with seeds SEED, SEED + 1 …; scores are their mean
    c.PROTOCOL = "cross_validation"  # selects hyperparameters on the shots themselves, and takes the last epoch;
    # "validation" selects both on min(K, 4) more training shapes per class; "fixed" takes those below and the last
    # epoch; "published" selects on the labels of the test split, as the papers did
    c.VIEW_FUSION = "concat"  # concatenates the features of a shape's views; "sum" adds them
    c.AUGMENT = 0  # randomly scaled and shifted copies added for every training shape, which are encoded once
    c.AUGMENT_ONLINE = False  # augments, projects and encodes every training shape anew in each epoch, as V1's training

    c.CLOSED_FORM = CfgNode()  # of the closed-form methods with PROTOCOL fixed; 0 for the method's own
    c.CLOSED_FORM.ALPHA = 0.0  # weight of their scores beside the zero-shot logits
    c.CLOSED_FORM.BETA = 0.0  # how fast a training shape's vote falls off with distance
    c.CLOSED_FORM.RIDGE = 0.0  # λ of kernel ridge
    c.CLOSED_FORM.C = 0.0  # of the linear probe, inverse regularisation strength as in scikit-learn

    c.ADAPTER = CfgNode()
    c.ADAPTER.SCALE = 0.5  # initial value of each view's learned scale
    c.ADAPTER.DROPOUT = 0.075  # V1's; V2's is 0.5
    c.ADAPTER.HIDDEN_DROPOUT = False  # also between the two layers of the view features
    c.ADAPTER.FEATURES = "raw"  # as CLIP returns them, as published, or "unit"

    c.DENSIFY = "zeroshot"  # windows before the learned smoothing; "paper" gives maps of 112 x 112, not 110 x 110
    c.SMOOTHING = CfgNode()
    c.SMOOTHING.LR_MULT = 0.001  # its learning rate as a fraction of TRAIN.LR; from 0.01 up the loss rises at once
    c.SMOOTHING.FORM = "paper"  # "compiled": initial weights, biases and division as in V2's compiled files
    c.SMOOTHING.BATCH_NORM = "frozen"  # its statistics; "batch" departs from zero-shot at the first step

    c.TRAIN = CfgNode()  # PointCLIP V1's published recipe
    c.TRAIN.EPOCHS = 250
    c.TRAIN.BATCH_SIZE = 32
    c.TRAIN.LR = 0.01
    c.TRAIN.WARMUP_EPOCHS = 1  # at a learning rate of 1e-5
    c.TRAIN.LABEL_SMOOTHING = 0.2  # share of each label that goes to the other classes
    c.TRAIN.OPTIMIZER = "sgd"  # or "adamw"
    c.TRAIN.WEIGHT_DECAY = 5e-4
    c.TRAIN.PATIENCE = 0  # stop after this many epochs without improvement; 0 never stops early
    c.TRAIN.PRECISION = (
        "fp32"  # "bf16" mixes precisions in the smoothing and CLIP; "fp16" is the adapter's weights', as
    )
    # V1's, and "published" that on a CUDA GPU, otherwise fp32
    c.TRAIN.CHUNK = 20  # views whose activations are kept at once where the smoothing learns; others are recomputed
    c.TRAIN.TENSORBOARD = False  # curves in <run folder>/tensorboard; pip install -e .[tensorboard]
    return c


def load(config: str | Path, overrides: Sequence[str] = (), encoder: str = "") -> tuple[Config, CfgNode]:
    """The config at a path or of a name, and its settings with KEY VALUE overrides and an encoder preset applied."""
    config, settings = load_run(fewshot_defaults(), config, overrides, encoder, CONFIGS)
    settings = PUBLISHED_SETS.with_view_weights(PUBLISHED_SETS.with_prompts(settings))
    _check(settings)
    if METHODS[settings.METHOD].smoothing:
        settings = with_changes(settings, {"ENCODER.PRECISION": "fp32"})  # gradients pass through it
    return config, settings


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argument_parser(
        "Few-shot classification of point clouds with CLIP (PointCLIP, PointCLIP V2).", EXAMPLES, searches=False
    )
    parser.add_argument("--shots", type=int, metavar="K", help="labelled shapes per class (SHOTS)")
    parser.add_argument("--seeds", type=int, metavar="N", help="number of draws of the shots (SEEDS)")
    train_help = "your training shapes: a folder with one subfolder per class, named after the class"
    parser.add_argument("--train", metavar="FOLDER", help=train_help)
    test_help = "your test shapes, as --train, with the classes of the head: gives its accuracy and a standard error"
    parser.add_argument("--test", metavar="FOLDER", help=test_help)
    new_help = "further classes for your shapes, without training shapes: their sentences alone name them; or @FILE"
    parser.add_argument("--new-classes", type=names_argument, default=(), metavar="A,B,C", help=new_help)
    head_help = "apply a trained head instead of training one, to your files or to the config's data set (HEAD)"
    parser.add_argument("--head", "--init", metavar="FILE", help=head_help)
    add_threshold(parser)
    return parser


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run; see `pointclip.runs.arguments.parse_settings`."""
    task = TaskArguments(
        verb="classify",
        base=fewshot_defaults(),
        load=load,
        configs=CONFIGS,
        own_config="own_shapes",
        examples=EXAMPLES,
        flags={"shots": "SHOTS", "seeds": "SEEDS", "head": "HEAD"},
        files=("SEARCHED", "HEAD"),
        no_search="--search belongs to zeroshot_cls; run it there, and set SEARCHED to the file it writes.",
        check=_check_arguments,
    )
    return parse_settings(parser(), task, words)


def _check(settings: CfgNode) -> None:
    """Raise an InputError for values that are invalid, alone or together."""
    if settings.POSE not in ("default", "as_is"):
        raise InputError(f"POSE is {settings.POSE!r}, but few-shot learns shapes as they stand; leave it out.")
    for name, known in CHOICES.items():
        value = settings
        for part in name.split("."):
            value = value[part]
        if value not in known:
            raise InputError(f"{name} is {value!r}; expected one of {', '.join(known)}.")
    for name, smallest in (("SHOTS", 0), ("SEEDS", 1), ("AUGMENT", 0)):
        if settings[name] < smallest:
            raise InputError(f"{name} is {settings[name]}; expected {smallest} or more.")
    if settings.PROTOCOL != "fixed" and (given := [name for name, value in settings.CLOSED_FORM.items() if value]):
        raise InputError(
            f"CLOSED_FORM.{given[0]} is given, but PROTOCOL {settings.PROTOCOL} selects it; set PROTOCOL fixed."
        )
    if not settings.SHOTS and settings.PROTOCOL == "validation":
        raise InputError(
            "SHOTS 0 takes all training shapes and leaves none to validate on; set PROTOCOL cross_validation."
        )
    if settings.TRAIN.CHUNK < 1:
        raise InputError(f"TRAIN.CHUNK is {settings.TRAIN.CHUNK}; expected 1 or more.")
    method = METHODS[settings.METHOD]
    if settings.AUGMENT_ONLINE and (method.smoothing or not method.trains or settings.AUGMENT):
        raise InputError(
            f"AUGMENT_ONLINE needs METHOD adapter or tip_adapter_f and AUGMENT 0, not METHOD {method.name} and AUGMENT "
            f"{settings.AUGMENT}; AUGMENT alone adds copies that are encoded once."
        )
    if settings.TRAIN.PRECISION not in (("fp32", "bf16") if method.smoothing else ("fp32", "fp16", "published")):
        raise InputError(
            f"TRAIN.PRECISION is {settings.TRAIN.PRECISION}, which METHOD {method.name} does not have; set it to fp32."
        )
    if method.batch_norm and settings.TRAIN.BATCH_SIZE == 1:
        raise InputError(f"TRAIN.BATCH_SIZE is 1; METHOD {method.name} has batch norm, which needs 2 or more.")
    if method.smoothing:
        if settings.PROJECTION.METHOD != "realistic" or settings.PROJECTION.STEPS != "all":
            raise InputError(
                f"METHOD {method.name} learns the smoothing of the realistic projection; set PROJECTION.METHOD "
                "realistic and PROJECTION.STEPS all."
            )
        if settings.ENCODER.PRECISION not in ("auto", "fp32"):
            raise InputError(
                f"METHOD {method.name} needs ENCODER.PRECISION fp32, not {settings.ENCODER.PRECISION}; to save "
                "memory set TRAIN.PRECISION bf16."
            )


def _check_arguments(args: argparse.Namespace, settings: CfgNode) -> None:
    check_threshold(args)
    if settings.HEAD and args.train:
        raise InputError("--train and --head were given together; train a head, or apply an existing one.")
    draws = not (args.train or settings.HEAD)  # from the data set
    if args.new_classes and not (args.input or args.test):
        raise InputError(
            "--new-classes are for your own shapes, and there are none; for a data set, SHOTS_CLASSES says which of "
            "its classes get shots."
        )
    if settings.SHOTS_CLASSES != "all" and (not draws or settings.PROTOCOL == "published"):
        raise InputError(
            f"SHOTS_CLASSES is {settings.SHOTS_CLASSES}, but "
            + ("the head has its classes" if not draws else "PROTOCOL published selects on all of the test split")
            + "; leave it out."
        )
    if draws and settings.SHOTS_SPLIT == settings.DATASET.SPLIT:
        raise InputError(
            f"SHOTS_SPLIT and DATASET.SPLIT are both {settings.SHOTS_SPLIT}; draw shots from another split."
        )
    if args.input and draws:
        raise InputError("Your files need a head; add --train FOLDER to train one, or --head FILE from an earlier run.")
    if args.train and settings.PROTOCOL == "published":
        raise InputError(
            "PROTOCOL published selects on a test split, and --train has none; set PROTOCOL cross_validation."
        )
    for flag, folder in (("train", args.train), ("test", args.test)):
        if folder and not expanded(folder).is_dir():
            raise InputError(f"--{flag} {folder} is not a folder; give one with a subfolder of shapes per class.")
    if args.test and args.input:
        raise InputError("--test and files of your own were given together; test a head, or classify with it.")
    if args.test and draws:
        raise InputError("--test needs a head; add --train FOLDER to train one, or --head FILE from an earlier run.")
    if (args.train or settings.HEAD) and settings.SEEDS > 1:
        raise InputError(f"SEEDS is {settings.SEEDS}, but --train and --head take a single draw; set SEEDS 1.")
