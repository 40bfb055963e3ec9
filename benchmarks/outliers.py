"""How accurate is zero-shot on clouds with stray points and clutter, with CLOUD.OUTLIERS off, auto and clutter?

Bundled shapes by the bundled encoder. Points are added to each on a sphere around it (stray), in a ball (clutter), or
in one group; distances are in half extents of the shape. `--files` takes clouds of your own instead, in a folder for
each class, as they are.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch

from benchmarks.machine import machine, positive
from fewshot_cls.training_shapes import FolderShapes
from pointclip.config_files import sentence_file
from pointclip.datasets.base import Shape, ShapeSet
from pointclip.datasets.batches import BatchReader, subset
from pointclip.datasets.outliers import without_outliers
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.datasets.wrapped import Wrapped
from pointclip.encoder import load_encoder
from pointclip.features import FeatureExtractor
from pointclip.prompts import class_sentences, open_prompts
from pointclip.runs.output import table
from pointclip.utils.command import run_command
from zeroshot_cls.classifier import extract_features, view_weighted_logits
from zeroshot_cls.realistic_projection import RealisticProjection

MODES = ("off", "auto", "clutter")
Added = Callable[[np.random.Generator], np.ndarray]  # -> [n, 3]


def directions(rng: np.random.Generator, count: int) -> np.ndarray:
    along = rng.standard_normal((count, 3))
    return along / np.linalg.norm(along, axis=1, keepdims=True)


def stray(count: int, reach: float) -> Added:
    return lambda rng: directions(rng, count) * reach


def clutter(count: int, reach: float) -> Added:
    return lambda rng: directions(rng, count) * reach * rng.random((count, 1)) ** (1 / 3)


def group(count: int, reach: float) -> Added:
    return lambda rng: directions(rng, 1) * reach + rng.normal(0, 0.03, (count, 3))


KINDS = {
    "as they are": stray(0, 1),
    "1 stray point at 2": stray(1, 2),
    "5 at 1.5": stray(5, 1.5),
    "10 at 4": stray(10, 4),
    "5 % clutter in a ball of 2": clutter(51, 2),
    "20 % in a ball of 1": clutter(205, 1),
    "20 % in a ball of 4": clutter(205, 4),
    "a group of 50 at 2": group(50, 2),
}


class WithPoints(Wrapped):
    """A data set whose shapes have points added."""

    def __init__(self, shapes: ShapeSet, added: Added):
        super().__init__(shapes)
        self._added = added

    def changed(self, shape: Shape, index: int) -> Shape:
        points = shape.points - (shape.points.max(0) + shape.points.min(0)) / 2
        points = points / np.abs(points).max()
        together = np.concatenate([points, self._added(np.random.default_rng(index))]).astype(np.float32)
        return replace(shape, points=together, parts=None)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy with stray points and clutter.")
    parser.add_argument("--shapes", type=positive, default=64)
    parser.add_argument("--files", type=Path, help="a folder with a subfolder of clouds for each class")
    args = parser.parse_args()
    print(machine())
    shapes = FolderShapes(args.files, 1024) if args.files else SyntheticShapes(split="val", num_points=1024)
    projection = RealisticProjection()
    extractor = FeatureExtractor(projection, load_encoder("demo", device="cpu", precision="fp32"), progress=False)
    prompts = open_prompts(sentence_file("" if args.files else "synthetic"))
    classes = extractor.class_features(class_sentences(shapes.class_names, prompts, "a depth map of a {}."))
    wanted = subset(len(shapes), 0 if args.files else args.shapes, 0)
    rows = []
    for name, added in list(KINDS.items())[: 1 if args.files else None]:
        row = [name]
        for mode in MODES:
            chosen = without_outliers(shapes if args.files else WithPoints(shapes, added), mode)
            seen = extract_features(reader := BatchReader(chosen, 4, "stop", wanted), extractor)
            answers = view_weighted_logits(seen.views, classes.cpu(), torch.ones(len(projection.rotations))).argmax(1)
            row.append(f"{100 * (answers == seen.labels).double().mean():.1f} ({len(reader.outliers)})")
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    print(f"Accuracy %, and of how many of {len(wanted)} shapes points are left out")
    print(table(["CLOUD.OUTLIERS", *MODES], rows))


if __name__ == "__main__":
    run_command(main)
