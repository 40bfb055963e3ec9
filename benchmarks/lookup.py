"""What does it cost to look up points with row and column swapped, as in the published segmentation code?

Both lookups on the synthetic test shapes with the same encoder and sentences and uniform view weights; nothing is
tuned.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
from torch import Tensor

from benchmarks.machine import machine
from pointclip.bundled import prompt_files
from pointclip.datasets.batches import BatchReader, subset
from pointclip.datasets.synthetic import PART_NAMES, SyntheticShapes
from pointclip.encoder import load_encoder
from pointclip.features import FeatureExtractor
from pointclip.prompts import open_prompts, part_sentences
from pointclip.runs.output import table
from pointclip.utils.command import run_command
from pointclip.view_weights import uniform_weights
from zeroshot_seg.labelling import make_categories, segment
from zeroshot_seg.realistic_projection import LOOKUPS, ProjectedPoints, RealisticProjection
from zeroshot_seg.results import category_rows
from zeroshot_seg.scores import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description="Segmentation's corrected lookup against the published one.")
    parser.add_argument("--shapes", type=int, default=0, help="of the 320 test shapes; 0 takes all")
    parser.add_argument("--encoder", default="demo")
    parser.add_argument("--pretrained", default="auto", help="as ENCODER.PRETRAINED")
    parser.add_argument("--template", action="store_true", help="one sentence per name instead of the prompt file's")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    print(machine())

    data = SyntheticShapes()
    indices = subset(len(data), args.shapes, seed=0)
    encoder = load_encoder(args.encoder, args.pretrained, args.device)
    prompts = open_prompts("" if args.template else prompt_files()["shapenetpart"])
    sentences = part_sentences(PART_NAMES, prompts, "a depth map of the {} of a {category}.").flat()
    features = FeatureExtractor(RealisticProjection(), encoder).class_features(sentences)
    categories = make_categories(PART_NAMES, features, dict.fromkeys(PART_NAMES, uniform_weights(10)))

    rows = []
    for lookup in LOOKUPS:
        projection = Counted(lookup)
        results = segment(BatchReader(data, 4, indices=indices), FeatureExtractor(projection, encoder), categories)
        scores = evaluate(results, data.part_names, "standard", seed=0)
        by_category = np.mean([row["mIoU"] for row in category_rows(results, scores)])
        shares = [100 * projection.count[what] / projection.count["read"] for what in ("visible", "background")]
        unseen = 100 * sum(result.unseen for result in results) / sum(len(result.labels) for result in results)
        rows.append([lookup, *(f"{value:.1f}" for value in (scores.iou.mean(), by_category, *shares, unseen))])
    guesses = {"largest part": scores.largest, "chance": scores.chance}
    for name, values in guesses.items():
        by_category = np.mean([row[name] for row in category_rows(results, scores)])
        rows.append([f"({name})", f"{values.mean():.1f}", f"{by_category:.1f}", "-", "-", "-"])
    header = ["lookup", "instance mIoU", "category mIoU", "visible %", "on background %", "in no view %"]
    print(table(header, rows))
    print(f"{encoder.name}, {encoder.precision}; {len(results)} shapes; % of points and views, the last one of points")


class Counted(RealisticProjection):
    """The projection, also counting how often a point is visible in a view, and how often its pixel is background."""

    def __init__(self, lookup: str):
        super().__init__(lookup)
        self.count = Counter()

    def forward(self, points: Tensor) -> ProjectedPoints:
        seen = super().forward(points)
        pixel_index = seen.pixel[..., 0] * seen.images.shape[-1] + seen.pixel[..., 1]  # [B, V, N]
        depths = seen.images[:, :, 0].flatten(2).gather(2, pixel_index)
        background = int((depths == 1).sum())  # 1 is the background's depth
        self.count.update(read=depths.numel(), visible=int(seen.visible.sum()), background=background)
        return seen


if __name__ == "__main__":
    run_command(main)
