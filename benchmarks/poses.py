"""How accurate is zero-shot on turned shapes, by the number of views that compare a shape's poses (POSE search)?

Bundled validation shapes by the bundled encoder, turned freely and upright; none was used when the views and the factor
of the search were chosen. `--files` takes clouds of your own instead, in a folder for each class, as they are.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.machine import machine, positive
from fewshot_cls.training_shapes import FolderShapes
from pointclip.config_files import sentence_file
from pointclip.datasets.base import ShapeSet
from pointclip.datasets.batches import subset
from pointclip.datasets.posed import poses_of
from pointclip.datasets.rotated import rotated
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.encoder import load_encoder
from pointclip.features import FeatureExtractor
from pointclip.prompts import class_sentences, key_of, open_prompts
from pointclip.runs.output import table
from pointclip.runs.pose_search import SCREENING, SHARPNESS
from pointclip.utils.command import run_command
from zeroshot_cls.realistic_projection import RealisticProjection

LOGIT_SCALE = 100.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy by the number of views that compare poses.")
    parser.add_argument("--shapes", type=positive, default=64)
    parser.add_argument("--files", type=Path, help="a folder with a subfolder of clouds for each class")
    args = parser.parse_args()
    print(machine())
    projection = RealisticProjection()
    extractor = FeatureExtractor(projection, load_encoder("demo", device="cpu", precision="fp32"), progress=False)
    bundled = SyntheticShapes(split="val", num_points=1024)
    classes = extractor.class_features(
        class_sentences(bundled.class_names, open_prompts(sentence_file("synthetic")), "a depth map of a {}.")
    ).cpu()
    columns = {"turned freely": rotated(bundled, "so3"), "upright": bundled}
    if args.files:
        columns = {args.files.name: FolderShapes(args.files, 1024)}
    numbers = {key_of(name): number for number, name in enumerate(bundled.class_names)}
    found = []
    for name, shapes in columns.items():
        known = [i for i, label in enumerate(shapes.labels) if key_of(shapes.class_names[label]) in numbers]
        wanted = known if args.files else subset(len(known), args.shapes, 0)
        labels = torch.tensor([numbers[key_of(shapes.class_names[shapes.labels[i]])] for i in wanted])
        found.append(rows_of(cosines(shapes, tqdm(wanted, name), extractor, classes), labels))
        print(f"{name}: {len(wanted)} shapes", file=sys.stderr)
    rows = [[*row[:2], *(f"{column[place][2]:.1f}" for column in found)] for place, row in enumerate(found[0])]
    print(table(["poses are compared by", "views in all", *(f"{name} %" for name in columns)], rows))


@torch.no_grad()
def cosines(shapes: ShapeSet, wanted: Iterable[int], extractor: FeatureExtractor, classes: Tensor) -> Tensor:
    """Cosines of every shape in every pose, by view and class: [n, P, V, K]."""
    found = []
    for index in wanted:
        points = shapes[index].points
        posed = np.einsum("pij,nj->pni", poses_of(points, "search"), points).astype(np.float32)
        found.append(extractor.encode_views(extractor.projection(torch.from_numpy(posed))).cpu() @ classes.T)
    return torch.stack(found)


def rows_of(cosines: Tensor, labels: Tensor) -> list[tuple[str, int, float]]:
    """What compares the poses, how many views are encoded in all, and the accuracy in percent."""
    poses, views = cosines.shape[1:3]

    def accuracy(chosen: Sequence[int] | None, factor: float = SHARPNESS) -> float:
        """With the poses compared by some views; None takes the shapes as they are."""
        best = torch.zeros(len(labels), dtype=torch.long)
        if chosen is not None:
            logs = (factor * cosines[:, :, list(chosen)].mean(2)).log_softmax(-1)
            best = (-(logs.exp() * logs).sum(-1)).argmin(1)
        answers = cosines[torch.arange(len(labels)), best].mean(1).argmax(1)
        return 100 * (answers == labels).double().mean().item()

    def mean_of(count: int) -> float:
        return float(np.mean([accuracy(chosen) for chosen in combinations(range(views), count)]))

    return [
        ("nothing: as they are", views, accuracy(None)),
        ("one view (mean of all choices)", poses + views, mean_of(1)),
        ("two views (mean of all choices)", 2 * poses + views, mean_of(2)),
        (f"views {SCREENING[0]} and {SCREENING[1]}, as POSE search", 2 * poses + views, accuracy(SCREENING)),
        ("three views (mean of all choices)", 3 * poses + views, mean_of(3)),
        ("all views", poses * views, accuracy(range(views))),
        (f"all views, factor {LOGIT_SCALE:g}", poses * views, accuracy(range(views), LOGIT_SCALE)),
    ]


if __name__ == "__main__":
    run_command(main)
