"""A picture of V1's and V2's depth maps of any shapes, and of the similarity of their patches to a sentence.

Run as `pointclip figure [SHAPES…]`, or `python figure.py [SHAPES…]`. The similarity is the cosine of a patch's feature
and the sentence's (V1: its template; V2: the mean of the class's sentences), interpolated between patch centres. All
maps share one colour scale, so that V1 and V2 can be compared; if they differ so much that the patches of one map look
the same, --centred subtracts the mean from each map. CLIP also responds to the background: an empty patch can be as
similar as the object.
"""

if __name__ == "__main__":  # from a checkout, installed or not
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from pointclip.runs.start import run_script

    run_script("zeroshot_cls.figure:main", "set DATASET.NUM_POINTS to a smaller number, or draw fewer shapes")

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from yacs.config import CfgNode

from pointclip.config import own_outliers
from pointclip.datasets.shape_files import ShapeFiles
from pointclip.datasets.synthetic import generate
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.projection.points import check_points
from pointclip.prompts import PromptFile, check_names, class_sentences, key_of, open_prompts, spoken
from pointclip.report.pictures import save_picture
from pointclip.runs.arguments import UPS, with_values
from pointclip.runs.inputs import names_argument
from pointclip.runs.opening import open_encoder
from pointclip.runs.own_shapes import up_notes
from pointclip.runs.poses import find_up_axes
from pointclip.runs.reading import configure_reading
from pointclip.runs.words import check_files, files_and_settings
from pointclip.utils.command import ArgumentParser, typed
from pointclip.utils.files import expanded
from pointclip.utils.hub import check_encoder
from zeroshot_cls.perspective_projection import PerspectiveProjection
from zeroshot_cls.realistic_projection import RealisticProjection
from zeroshot_cls.settings import CONFIGS, classification_defaults, load
from zeroshot_cls.similarity_maps import Comparison, SimilarityMap, patch_grid, similarity_figure

V1_TEMPLATE = "point cloud depth map of a {}."
SIDES = 6  # V1's views; V2's views 4 to 9 show the same sides, slightly rotated
BUNDLED = (("chair", 2_000_002, 1), ("airplane", 2_000_001, 5), ("mug", 2_000_002, 0))  # test seeds, and a good side
MAX_SHAPES = 60
DEMO = Path(__file__).with_name("configs") / "demo.yaml"


def main(arguments: Sequence[str] | None = None) -> Path:
    """Draw the picture for the given command line words (default: sys.argv); returns its path."""
    # settings
    args, overrides = _parse(arguments)
    _, settings = load(args.config, overrides, args.encoder)
    if settings.SEARCHED:
        raise InputError("SEARCHED is set, but the figure averages the sentences of PROMPTS.FILE; leave SEARCHED out.")
    for name, default in (("METHOD", "realistic"), ("STEPS", "all"), ("VIEWS", "all")):
        value = settings.PROJECTION[name]
        if value != default:
            raise InputError(
                f"PROJECTION.{name} is {value!r}, but the figure always shows the full V1 and V2; leave it {default!r}."
            )
    output = args.output or expanded(settings.OUTPUT) / "v1_v2.png"
    if output.suffix.lower() != ".png":
        raise InputError(f"--output is {str(output)!r}, but the picture is a PNG file; give a name that ends in .png.")

    check_encoder(settings.ENCODER)

    # shapes
    names, shapes = _shapes(args, settings.DATASET.NUM_POINTS or None, settings)
    sides = _sides(args, len(names))
    sentences = figure_sentences(names, open_prompts(settings.PROMPTS.FILE), settings.PROMPTS.TEMPLATE)
    for shape in shapes:  # all can be read
        check_points(torch.from_numpy(shape.points)[None], [shape.name])

    # model
    encoder = open_encoder(settings)
    encoder.encode_patches(torch.zeros(1, 3, encoder.image_size, encoder.image_size))  # or an error that it has none
    if isinstance(shapes, ShapeFiles):
        _find_up_axes(shapes, sentences, encoder, settings)
    clouds = [torch.from_numpy(shape.points) for shape in shapes]

    # depth maps and similarity
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
    """V1's and V2's sentences for each name; V2 uses the template if the prompts contain none of the names."""
    unique = list(dict.fromkeys(names))  # several shapes may have the same class
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
) -> Comparison:
    """What CLIP sees of one shape from one side with V1 and with V2.

    Args:
        name: of its class.
        points: [N, 3] floating point, y up.
        sentences: V1's and V2's; each group is averaged.
        side: V1's view 0 to 5; V2's view of the same side has a number larger by 4.
        backend: V2's engine, see `pointclip.projection`.
        centred: whether to subtract the mean from each similarity map.

    Raises:
        InputError: for clouds that cannot be projected, or encoders without patch features.
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
    v1, v2 = (SimilarityMap(*fields) for fields in zip(maps, map(patch_grid, cosines), sentences, strict=True))
    return Comparison(name, v1, v2)


def _parse(arguments: Sequence[str] | None):
    """The arguments, and the KEY VALUE pairs among them."""
    parser = ArgumentParser(
        prog=typed("figure.py"),
        description="V1's and V2's depth maps of shapes, and their similarity to V1's template and V2's sentences.",
    )
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help="shape files (default: bundled shapes), "
                        "then KEY VALUE settings such as ENCODER.NAME ViT-B-16")  # fmt: skip
    parser.add_argument("--classes", type=names_argument, metavar="A,B,C",
                        help="the class of each shape, or one for all (default: from the file names)")  # fmt: skip
    parser.add_argument("--config", default=DEMO, help="a settings file, or its name (default: demo)")
    parser.add_argument("--encoder", default="", metavar="NAME",
                        help="an encoder preset, such as vit_b16 (`pointclip encoders` lists them)")  # fmt: skip
    parser.add_argument("--view", metavar="A,B,C", help="the side from which each shape is seen, or one for all: V1's "
                        "view 0 to 3 (around), 4 (below) or 5 (above), which is V2's 4 to 9 (default: 1)")  # fmt: skip
    what = "the up axis of the files; auto guesses it (default)"
    parser.add_argument("--up", choices=UPS, default="auto", help=what)
    parser.add_argument("--centred", action="store_true", help="subtract the mean from each similarity map")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the picture (default: OUTPUT/v1_v2.png)")
    args = parser.parse_intermixed_args(with_values(sys.argv[1:] if arguments is None else arguments))
    args.shapes, overrides = files_and_settings(args.shapes, classification_defaults())
    return args, overrides


def _shapes(args, num_points: int | None, settings: CfgNode) -> tuple[tuple[str, ...], Any]:
    """Class names and shapes of the files, or the bundled ones."""
    if not args.shapes:
        if args.up != "auto" or args.classes:
            raise InputError("--up and --classes need shape files; name the files first.")
        shapes = [generate(category, shape_seed) for category, shape_seed, _ in BUNDLED]
        return tuple(name for name, *_ in BUNDLED), [
            replace(shape, points=shape.points[:num_points]) for shape in shapes
        ]
    if len(args.shapes) > MAX_SHAPES:
        raise InputError(
            f"There are {len(args.shapes)} shapes, but a picture can show at most {MAX_SHAPES}; give fewer."
        )
    check_files(args.shapes, True, CONFIGS)
    names = _one_per_shape(
        "--classes", args.classes or [name_from_file(path) for path in args.shapes], len(args.shapes)
    )
    configure_reading(settings)
    own = {"columns": settings.READING.COLUMNS, "outliers": own_outliers(settings)}
    shapes = ShapeFiles(args.shapes, num_points, args.up, (), settings.SEED, **own)
    return tuple(names), shapes


def _find_up_axes(shapes: ShapeFiles, sentences: dict, encoder: Encoder, settings: CfgNode) -> None:
    """Find the files' up axes as classification does, with V2's sentences, and print them."""
    extractor = FeatureExtractor(RealisticProjection(settings.PROJECTION.BACKEND), encoder, progress=False)
    extractor.projection.to(encoder.device)
    texts = extractor.class_features({name: second for name, (_, second) in sentences.items()})
    weights = torch.ones(len(extractor.projection.rotations))
    find_up_axes(shapes, None, extractor, texts, weights, list(sentences))
    for note in up_notes(shapes):
        print(f"note: {note}")


def name_from_file(path: str | Path) -> str:
    """The class name in a file name: "night_stand-0003.off" -> "night stand"."""
    stem = Path(path).stem
    return spoken(re.sub(r"[-_ .]*\d+$", "", stem).replace("-", " ")) or stem


def _sides(args, count: int) -> list[int]:
    if args.view is None:
        return [1] * count if args.shapes else [side for *_, side in BUNDLED]
    words = [word.strip() for word in args.view.split(",")]
    if wrong := [word for word in words if word not in map(str, range(SIDES))]:
        raise InputError(f"--view has {wrong[0]!r}; expected comma-separated numbers from 0 to {SIDES - 1}.")
    return [int(word) for word in _one_per_shape("--view", words, count)]


def _one_per_shape(option: str, values: Sequence[str], count: int) -> list[str]:
    """One value for each shape; a single value applies to all."""
    if len(values) not in (1, count):
        raise InputError(f"{option} has {len(values)} entries for {count} shapes; give one for each, or one for all.")
    return list(values) * (count if len(values) == 1 else 1)
