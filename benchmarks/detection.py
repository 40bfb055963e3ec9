"""How fast is each stage of detection, how much memory does a large scan take, and how fast is the evaluation?

Scenes are synthetic rooms; a large scan is many of them side by side, read from an .npy file.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch

from benchmarks.machine import best_time, machine, peak_memory, positive
from pointclip.datasets.voxels import voxels_of
from pointclip.encoder import load_encoder
from pointclip.features import FeatureExtractor
from pointclip.runs.output import table
from zeroshot_cls.realistic_projection import RealisticProjection
from zeroshot_det.average_precision import AveragePrecision, every_class
from zeroshot_det.crop_classifier import crop
from zeroshot_det.proposals import clusters, sliding
from zeroshot_det.proposals.structure import room_of
from zeroshot_det.scenes.rooms import make_room
from zeroshot_det.scenes.scan_files import ScanFiles
from zeroshot_det.suppression import suppress


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the stages of detection, a large scan, and the evaluation.")
    parser.add_argument("--encoder", default="demo", help="encoder to time (default: demo)")
    parser.add_argument("--boxes", type=positive, default=32, help="boxes per scene")
    parser.add_argument("--million", type=positive, default=10, help="size of the large scan, in millions of points")
    parser.add_argument(
        "--scenes", type=positive, default=1000, help="scenes to evaluate, 256 boxes and 18 classes each"
    )
    parser.add_argument("--repeats", type=positive, default=3)
    args = parser.parse_args()
    print(machine())
    print(table(["stage", "ms per scene"], stages(args)))
    print(f"one synthetic room of 40,000 points, {args.boxes} boxes, encoder {args.encoder}\n")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.npy"
        np.save(path, large_scan(args.million * 1_000_000))
        start = time.perf_counter()
        voxels = read_large_scan(str(path))()
        seconds = time.perf_counter() - start
        megabytes = peak_memory(read_large_scan, str(path))
    rows = [[f"{args.million} million", f"{voxels:,}", f"{seconds:.1f}", f"{megabytes:,.0f}"]]
    print(table(["points", "voxels of 2 cm", "read, thin, propose s", "peak MB"], rows))

    meter, seconds = AveragePrecision(tuple(map(str, range(18)))), 0.0
    for scene in range(args.scenes):
        boxes, truth, labels, probabilities, objectness = random_scene(scene)
        start = time.perf_counter()
        meter.add(*every_class(boxes, probabilities, objectness), truth, labels)
        seconds += time.perf_counter() - start
    start = time.perf_counter()
    means = [meter.scores(threshold).mean() for threshold in (0.25, 0.5)]
    seconds += time.perf_counter() - start
    print(f"\nevaluation: {args.scenes} scenes of 256 boxes in 18 classes, two thresholds: {seconds:.1f} s")
    print(f"mAP with boxes near the true ones and random labels: {100 * means[0]:.1f} and {100 * means[1]:.1f} %")


def stages(args: argparse.Namespace) -> list[list[str]]:
    """The time of each stage on one room."""
    scene = make_room(7)
    points = scene.points[:40_000]
    room = room_of(points)
    proposals = clusters.propose(room, max_boxes=args.boxes)
    boxes = np.resize(proposals.boxes, (args.boxes, 7))
    extractor = FeatureExtractor(RealisticProjection(), load_encoder(args.encoder), progress=False)
    crops = torch.from_numpy(np.stack([crop(points, box, 0.05, 2048) for box in boxes]))

    def project() -> list[torch.Tensor]:
        return [extractor.projection(batch.to(extractor.device)) for batch in crops.split(4)]

    images = project()
    work: dict[str, Callable[[], object]] = {
        "planes of the room": lambda: room_of(points),
        "boxes from clusters": lambda: clusters.propose(room, max_boxes=args.boxes),
        "boxes from a sliding window": lambda: sliding.propose(room),
        "crops": lambda: [crop(points, box, 0.05, 2048) for box in boxes],
        "project": project,
        "encode": lambda: [extractor.encode_views(batch) for batch in images],
        "suppress": lambda: suppress(boxes, np.ones(len(boxes)), np.zeros(len(boxes), int)),
    }
    return [[name, f"{1000 * best_time(step, args.repeats):.1f}"] for name, step in work.items()]


def large_scan(count: int) -> np.ndarray:
    """A scan of `count` points: rooms in a row, resampled with a small offset."""
    rng = np.random.default_rng(0)
    rooms = [make_room(number).points + np.array([6 * number, 0, 0], np.float32) for number in range(8)]
    points = np.concatenate(rooms)
    chosen = points[rng.integers(0, len(points), count)]
    return (chosen + rng.normal(0, 0.01, (count, 3))).astype(np.float32)


def read_large_scan(path: str) -> Callable[[], int]:
    """A function that reads a scan, thins it, proposes boxes and returns the number of voxels."""

    def work() -> int:
        scene = ScanFiles([path], "auto", "m", ("chair",))[0]
        thin = voxels_of(scene.points, 0.02)[0].astype(np.float32)
        clusters.propose(room_of(thin))
        return len(thin)

    return work


def random_scene(seed: int) -> tuple[np.ndarray, ...]:
    """256 boxes near 15 true ones: boxes, true boxes, true labels, random class probabilities and objectness."""
    rng = np.random.default_rng(seed)
    truth = np.column_stack([rng.uniform(0, 6, (15, 3)), rng.uniform(0.4, 2, (15, 3)), rng.uniform(-3, 3, 15)])
    boxes = truth[rng.integers(0, 15, 256)] + rng.normal(0, 0.1, (256, 7))
    return boxes, truth, rng.integers(0, 18, 15), rng.dirichlet(np.ones(18), 256), rng.random(256)


if __name__ == "__main__":
    main()
