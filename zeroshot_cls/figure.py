"""V1's and V2's depth maps of any shapes, and the similarity of their patches to a sentence, as one picture.

Run as `python figure.py [SHAPES…]`. The similarity is the cosine of a patch's feature and the sentence's (V1: its
template; V2: the mean of the class's sentences), bilinear between the middles of patches. One colour scale, from the
lowest to the highest value, serves all maps, so that V1 and V2 can be compared; where they differ so much that the
patches of one map look alike, --centred subtracts its mean from each map. CLIP reads background too: a patch without
a point can be as similar as the object.
"""

import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # the imports take seconds; Ctrl-C ends them without a stack trace
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch

from pointclip.datasets.shape_files import ShapeFiles
from pointclip.datasets.synthetic import generate
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.projection.points import check_points
from pointclip.prompts import PromptFile, check_names, class_sentences, key_of, open_prompts, spoken
from pointclip.report.pictures import save_picture
from pointclip.runs.arguments import split_settings
from pointclip.runs.opening import open_encoder
from pointclip.utils.command import ArgumentParser, names_from, run_command
from pointclip.utils.files import expanded
from zeroshot_cls.perspective_projection import PerspectiveProjection
from zeroshot_cls.realistic_projection import RealisticProjection
from zeroshot_cls.settings import classification_defaults, load
from zeroshot_cls.similarity_maps import Compared, Seen, patch_grid, similarity_figure

V1_TEMPLATE = "point cloud depth map of a {}."
SIDES = 6  # V1's views; V2 sees the same sides, a little turned, in its views 4 to 9
BUNDLED = (("chair", 2_000_002, 1), ("airplane", 2_000_001, 5), ("mug", 2_000_002, 0))  # test seeds, and a telling side
MOST_SHAPES = 60
DEMO = Path(__file__).with_name("configs") / "demo.yaml"


def main(arguments: Sequence[str] | None = None) -> Path:
    """Draw the picture that the command line words ask for (the process's own when None); returns its path."""
    # settings
    args, overrides = _parse(arguments)
    _, settings = load(args.config, overrides, args.encoder)
    if settings.SEARCHED:
        raise InputError("SEARCHED is set, but the figure averages the sentences of PROMPTS.FILE; leave SEARCHED out.")
    for name, rest in (("METHOD", "realistic"), ("STEPS", "all"), ("VIEWS", "all")):
        value = settings.PROJECTION[name]
        if value != rest:
            raise InputError(
                f"PROJECTION.{name} is {value!r}, but the figure shows V1 and V2 as they are; leave it {rest!r}."
            )
    output = args.output or expanded(settings.OUTPUT) / "v1_v2.png"
    if output.suffix.lower() != ".png":
        raise InputError(f"The picture is to be {str(output)!r}, but it is a PNG file; let the name end in .png.")

    # shapes
    names, clouds = _shapes(args, settings.DATASET.NUM_POINTS or None, settings.SEED)
    sides = _sides(args, len(names))
    prompts = open_prompts(settings.PROMPTS.FILE)

    # model
    encoder = open_encoder(settings)
    sentences = figure_sentences(names, prompts, settings.PROMPTS.TEMPLATE)

    # answer
    rows = [
        compare(name, points, sentences[name], side, encoder, settings.PROJECTION.BACKEND, args.centred)
        for name, points, side in zip(names, clouds, sides, strict=True)
    ]
    save_picture(output, similarity_figure(rows, encoder.name, args.centred))
    print(f"{output}: {', '.join(names)} seen by {encoder.name}")
    return output


def figure_sentences(
    names: Sequence[str], prompts: PromptFile, template: str
) -> dict[str, tuple[list[str], list[str]]]:
    """V1's and V2's sentences of each name; V2 has its template's where the prompts know none of the names."""
    unique = list(dict.fromkeys(names))  # several shapes may be of one class
    check_names(unique)
    known = {key_of(name) for name in prompts.entries}
    prompts = prompts if known & {key_of(name) for name in unique} else PromptFile()
    first, second = class_sentences(unique, PromptFile(), V1_TEMPLATE), class_sentences(unique, prompts, template)
    return {name: (first[name], second[name]) for name in unique}


def compare(
    name: str,
    points: torch.Tensor,
    sentences: tuple[list[str], list[str]],
    side: int,
    encoder: Encoder,
    backend: str = "auto",
    centred: bool = False,
) -> Compared:
    """What CLIP sees of one shape from one side, by V1 and by V2.

    Args:
        name: of its class.
        points: [N, 3] floating point, y up.
        sentences: V1's and V2's; each group is averaged.
        side: V1's view 0 to 5; V2's view of the same side is 4 more.
        backend: V2's engine, see `pointclip.projection`.
        centred: whether to subtract its mean from each map of similarities.

    Raises:
        InputError: for clouds that cannot be projected, and encoders whose patches cannot be read.
    """
    points = points[None].to(encoder.device)  # [1, N, 3]
    projections = PerspectiveProjection(views=(side,)), RealisticProjection(backend, views=(4 + side,))
    images = torch.cat([projection.to(encoder.device)(points)[0] for projection in projections])  # [2, 3, 224, 224]
    patches = encoder.encode_patches(images)  # [2, P, C]
    extractor = FeatureExtractor(projections[1], encoder, progress=False)
    texts = extractor.class_features({"V1": sentences[0], "V2": sentences[1]})  # [2, C]
    cosines = (patches @ texts[:, :, None]).squeeze(-1).cpu().numpy()  # [2, P]
    cosines = cosines - cosines.mean(1, keepdims=True) if centred else cosines
    maps = images[:, 0].cpu().numpy()  # [2, 224, 224]
    seen = [Seen(*both) for both in zip(maps, map(patch_grid, cosines), sentences, strict=True)]
    return Compared(name, *seen)


def _parse(arguments: Sequence[str] | None):
    """The arguments, and the KEY VALUE pairs among them."""
    parser = ArgumentParser(
        prog="figure.py",
        description="V1's and V2's depth maps of shapes, and their similarity to V1's template and V2's sentences.",
    )
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help="shape files (bundled shapes when left out), "
                        "then KEY VALUE settings such as ENCODER.NAME ViT-B-16")  # fmt: skip
    parser.add_argument("--classes", type=names_from, metavar="A,B,C",
                        help="the class of each shape, or one for all (default: from the files' names)")  # fmt: skip
    parser.add_argument("--config", default=DEMO, help="a file of settings (default: configs/demo.yaml)")
    parser.add_argument("--encoder", default="", metavar="NAME", help="an encoder preset, such as vit_b16")
    parser.add_argument("--view", metavar="A,B,C", help="the side that each shape is seen from, or one for all: V1's "
                        "view 0 to 3 (around), 4 (below) or 5 (above), which is V2's 4 to 9 (default: 1)")  # fmt: skip
    parser.add_argument("--up", choices=("y", "z"), default="y", help="the up axis of the files (default: y)")
    parser.add_argument("--centred", action="store_true", help="subtract its mean from each map of similarities")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the picture (default: OUTPUT/v1_v2.png)")
    args = parser.parse_intermixed_args(arguments)
    args.shapes, overrides = split_settings(args.shapes, classification_defaults())
    return args, overrides


def _shapes(args, num_points: int | None, seed: int) -> tuple[tuple[str, ...], list[torch.Tensor]]:
    """Class names and clouds [N, 3] of the files, or of the bundled shapes."""
    if not args.shapes:
        if args.up != "y" or args.classes:
            raise InputError("--up and --classes go with shape files, but none came; name the files first.")
        shapes = [generate(category, shape_seed) for category, shape_seed, _ in BUNDLED]
        return tuple(name for name, *_ in BUNDLED), [torch.from_numpy(shape.points[:num_points]) for shape in shapes]
    if len(args.shapes) > MOST_SHAPES:
        raise InputError(f"{len(args.shapes)} shapes came, but a picture holds at most {MOST_SHAPES}; name fewer.")
    names = _one_each("--classes", args.classes or [name_from_file(path) for path in args.shapes], len(args.shapes))
    clouds = [torch.from_numpy(shape.points) for shape in ShapeFiles(args.shapes, num_points, args.up, (), seed)]
    for cloud, path in zip(clouds, args.shapes, strict=True):
        check_points(cloud[None], [path])
    return tuple(names), clouds


def name_from_file(path: str | Path) -> str:
    """The class that a file's name tells: "night_stand-0003.off" -> "night stand"."""
    stem = Path(path).stem
    return spoken(re.sub(r"[-_ .]*\d+$", "", stem).replace("-", " ")) or stem


def _sides(args, count: int) -> list[int]:
    if args.view is None:
        return [1] * count if args.shapes else [side for *_, side in BUNDLED]
    words = [word.strip() for word in args.view.split(",")]
    if wrong := [word for word in words if word not in map(str, range(SIDES))]:
        raise InputError(f"--view holds {wrong[0]!r}; numbers from 0 to {SIDES - 1} between commas were expected.")
    return [int(word) for word in _one_each("--view", words, count)]


def _one_each(option: str, values: Sequence[str], count: int) -> list[str]:
    """One value for each shape; a single one serves all."""
    if len(values) not in (1, count):
        raise InputError(f"{option} holds {len(values)} entries for {count} shapes; give one for each, or one for all.")
    return list(values) * (count if len(values) == 1 else 1)


if __name__ == "__main__":
    run_command(main, "set DATASET.NUM_POINTS to a smaller number, or draw fewer shapes")
