"""What is gained by sampling patches at the points' coordinates, instead of smoothing and upsampling maps of logits?

Both turn one shape's patch features (ten views of 14 x 14 patches) into logits of its points; the literal version is
the tests' oracle. Points can sample features, which serve any number of sentences, or logits, faster for a few of them.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from torch import Tensor

from benchmarks.machine import best_time, machine, peak_memory, positive
from pointclip.runs.output import table
from tests.zeroshot_seg.literal import literal_logits, random_inputs
from zeroshot_seg.segmenter import part_logits, read_points

VIEWS, GRID, WIDTH = 10, 14, 512


def main() -> None:
    parser = argparse.ArgumentParser(description="Fused sampling at points against the literal version.")
    parser.add_argument("--points", type=positive, default=2048)
    parser.add_argument("--sentences", type=positive, nargs="+", default=[4, 512])
    parser.add_argument("--repeats", type=positive, default=5)
    args = parser.parse_args()
    print(machine())

    rows = []
    for count in args.sentences:
        orders = {order: prepare(order, args.points, count) for order in ("features", "logits", "literal")}
        literal = orders["literal"]()
        for order, work in orders.items():
            difference = (work() - literal).abs().max()
            milliseconds = 1000 * best_time(work, args.repeats)
            megabytes = peak_memory(prepare, order, args.points, count)
            rows.append([order, count, f"{milliseconds:.1f}", f"{megabytes:.0f}", f"{difference:.1e}"])
    print(table(["reading", "sentences", "ms per shape", "peak MB", "largest difference"], rows))
    print(f"one shape of {args.points} points, {VIEWS} views of {GRID} x {GRID} patches, {WIDTH} features per patch")


def prepare(order: str, points: int, sentences: int) -> Callable[[], Tensor]:
    """A function that computes the logits [N, K] of one synthetic shape in this way."""
    patches, seen, weights, parts = random_inputs(0, 1, VIEWS, GRID, points, WIDTH, sentences)
    if order == "features":
        return lambda: part_logits(read_points(patches, seen, weights)[0], parts)
    if order == "logits":
        return lambda: read_points(part_logits(patches, parts), seen, weights)[0]
    return lambda: literal_logits(patches, seen, weights, parts)[0]


if __name__ == "__main__":
    main()
