"""How often is `--up auto` right, and how often is it wrong without saying that it is unsure?

Run as `python benchmarks/up_axis.py` for bundled test shapes, or with `--input FILES --up z` for files with a known
axis. Each shape is guessed twice, with y and with z up, without its format; other axes are guessed only in a camera's
frame. With --encoder a model judges unsure shapes, on the bundled shapes only.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch

from benchmarks.machine import machine
from pointclip.bundled import prompt_files
from pointclip.datasets.axes import UPS, to_y_up, to_z_up
from pointclip.datasets.shape_files import ENDINGS
from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.datasets.shape_files.reading import read_geometry
from pointclip.datasets.shape_files.standing import guess_of
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.encoder import load_encoder
from pointclip.features import FeatureExtractor
from pointclip.prompts import class_sentences, open_prompts
from pointclip.runs.inputs import expand_inputs
from pointclip.runs.output import table
from pointclip.runs.poses import model_judge, together
from pointclip.utils.command import ArgumentParser, run_command
from zeroshot_cls.realistic_projection import RealisticProjection

PER_CLASS = 10


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--input", nargs="+", metavar="FILE", help="files and folders (default: bundled shapes)")
    parser.add_argument("--up", choices=UPS, default="y", help="their up axis (default: y)")
    parser.add_argument("--encoder", default="demo", metavar="NAME", help="the model (default: the bundled one)")
    args = parser.parse_args()
    print(machine())
    if args.input:
        shapes = [turned(read_geometry(path), args.up) for path in expand_inputs(args.input, ENDINGS)[0]]
        print(table(HEAD, [row("files", shapes)]))
        return
    synthetic = SyntheticShapes(split="test", per_class=PER_CLASS)
    shapes = [Geometry(synthetic[i].points.astype(float)) for i in range(len(synthetic))]
    judge = judge_of(args.encoder, synthetic.class_names)
    rows = [row("bundled test shapes", shapes), row(f"with the model {args.encoder}", shapes, judge)]
    print(table(HEAD, rows))


HEAD = [
    "shapes, in both poses",
    "count",
    "right, sure",
    "right, marked",
    "wrong, marked",
    "wrong, sure",
    "right %",
    "ms",
]


def row(name: str, shapes: list[Geometry], judge=None) -> list:
    """The guesses of shapes that are y up, in both poses, by whether they are right and sure; processor time of each.

    The time is that of a guess by shape, without the model.
    """
    counts, seconds = np.zeros((2, 2), int), 0.0  # [right, sure]
    for shape in shapes:
        for axis, points in (("y", shape.points), ("z", to_z_up(shape.points, "y"))):
            start = time.process_time()
            guess = guess_of(Geometry(points, shape.triangles), "")
            seconds += time.process_time() - start
            if judge and not guess.sure:
                guess = together(guess, judge([points]))
            counts[int(guess.axis == axis), int(guess.sure)] += 1
    right = 100 * counts[1].sum() / counts.sum()
    ms = f"{1000 * seconds / counts.sum():.1f}"
    return [name, counts.sum(), counts[1, 1], counts[1, 0], counts[0, 0], counts[0, 1], f"{right:.1f}", ms]


def turned(shape: Geometry, up: str) -> Geometry:
    """A file's content with y up."""
    return Geometry(to_y_up(shape.points, up), shape.triangles)


def judge_of(name: str, class_names: tuple[str, ...]):
    """The judge of an unsure up axis, with the bundled sentences of the synthetic classes."""
    extractor = FeatureExtractor(RealisticProjection(), load_encoder(name), progress=False)
    prompts = open_prompts(prompt_files()["synthetic"])
    features = extractor.class_features(class_sentences(class_names, prompts, "a depth map of a {}."))
    return model_judge(extractor, features, torch.ones(10), class_names)


if __name__ == "__main__":
    run_command(main)
