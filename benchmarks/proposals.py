"""How many true boxes do the proposals reach, by number of boxes and by class, and what does each part of them do?

Scenes are bundled: rooms that look like scans (the test split; proposals were tuned on train) and the older synthetic
rooms, or with --sunrgbd or --scannet those of a folder. No classes and no encoder take part.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np

from benchmarks.machine import machine, positive
from pointclip.runs.output import table
from zeroshot_det.average_precision import THRESHOLDS, AveragePrecision
from zeroshot_det.boxes import iou
from zeroshot_det.proposals import clusters, combined
from zeroshot_det.proposals.base import Proposals
from zeroshot_det.proposals.structure import Room, room_of
from zeroshot_det.scenes.base import Scene, SceneSet, thinned
from zeroshot_det.scenes.rooms import SyntheticRooms
from zeroshot_det.scenes.scanned_rooms import ScannedRooms
from zeroshot_det.scenes.scannet import ScanNet
from zeroshot_det.scenes.sunrgbd import SunRgbd
from zeroshot_det.suppression import suppress

NUMBERS = (8, 16, 32, 64, 128, 256)  # boxes
METHODS: dict[str, Callable[[Room, str, int], Proposals]] = {"clusters": clusters.propose, "combined": combined.propose}


def main() -> None:
    parser = argparse.ArgumentParser(description="Recall of the proposals by number of boxes and by class.")
    parser.add_argument("--scenes", type=positive, default=24, help="of each set (default: 24)")
    parser.add_argument("--points", type=positive, default=40_000, help="per scene (default: 40,000)")
    parser.add_argument("--split", default="test", choices=("train", "val", "test"), help="of the bundled sets")
    parser.add_argument("--scannet", metavar="DIR", help="ScanNet's validation scenes instead")
    parser.add_argument("--sunrgbd", metavar="DIR", help="SUN RGB-D's training scenes instead")
    parser.add_argument("--parts", action="store_true", help="also leave out one part of the method at a time")
    args = parser.parse_args()
    print(machine())
    for name, scenes, orientation in scene_sets(args):
        read = [thinned(scenes[i], args.points, 1) for i in range(min(args.scenes, len(scenes)))]
        print(f"\n{name}: {len(read)} scenes, {sum(len(scene.boxes) for scene in read)} true boxes")
        by_method = {method: run(propose, read, orientation) for method, propose in METHODS.items()}
        rows = [[method, *summary(read, *result)] for method, result in by_method.items()]
        if args.parts:
            rows += [[f"without {part}", *summary(read, *result)] for part, result in ablation(read, orientation)]
        print(table(["recall25 / recall50 (%) of", *map(str, NUMBERS), "mAP25 / 50, true labels", "CPU s"], rows))
        print(table(["class", "boxes", *METHODS], by_class(read, scenes.class_names, by_method)))


def scene_sets(args: argparse.Namespace) -> list[tuple[str, SceneSet, str]]:
    """The scenes to measure, with the orientation of their boxes."""
    if args.scannet:
        return [("ScanNet, validation", ScanNet(args.scannet, "val"), "aligned")]
    if args.sunrgbd:
        return [("SUN RGB-D, training", SunRgbd(args.sunrgbd, "train"), "oriented")]
    return [
        (f"scanned rooms, {args.split}", ScannedRooms(args.split, args.scenes), "aligned"),
        (f"synthetic rooms, {args.split}", SyntheticRooms(args.split, args.scenes), "oriented"),
    ]


def run(
    propose: Callable[[Room, str, int], Proposals], scenes: Sequence[Scene], orientation: str
) -> tuple[list[Proposals], float]:
    """The boxes of every scene, and the mean CPU seconds of a scene, its planes included."""
    found, start = [], time.process_time()
    for scene in scenes:
        found.append(propose(room_of(scene.points, scene.colours), orientation, NUMBERS[-1]))
    return found, (time.process_time() - start) / len(scenes)


def ablation(scenes: Sequence[Scene], orientation: str) -> list[tuple[str, tuple[list[Proposals], float]]]:
    """The combined proposals without one part, or without colours."""
    results = []
    for part in combined.PARTS:
        without = frozenset([part])
        results.append((part, run(lambda *words, w=without: combined.propose(*words, w), scenes, orientation)))
    plain = [replace(scene, colours=None) for scene in scenes]
    return [*results, ("colours", run(combined.propose, plain, orientation))]


def summary(scenes: Sequence[Scene], proposals: Sequence[Proposals], seconds: float) -> list[str]:
    """Recall by number of boxes, mAP with true labels, seconds."""
    cells = []
    for number in NUMBERS:
        best = np.concatenate(best_overlaps(scenes, proposals, number))
        cells.append(" / ".join(f"{100 * np.mean(best > threshold):.1f}" for threshold in THRESHOLDS))
    meter = AveragePrecision(tuple(map(str, range(1 + max(scene.labels.max(initial=0) for scene in scenes)))))
    for scene, own in zip(scenes, proposals, strict=True):
        meter.add(*with_true_labels(scene, own), scene.boxes, scene.labels)
    means = [100 * np.nanmean(meter.scores(threshold).average_precision) for threshold in THRESHOLDS]
    return [*cells, " / ".join(f"{mean:.1f}" for mean in means), f"{seconds:.2f}"]


def best_overlaps(scenes: Sequence[Scene], proposals: Sequence[Proposals], number: int) -> list[np.ndarray]:
    """The highest IoU of each true box with one of the first `number` boxes of its scene."""
    return [
        iou(own.boxes[:number], scene.boxes).max(0, initial=0) for scene, own in zip(scenes, proposals, strict=True)
    ]


def with_true_labels(scene: Scene, proposals: Proposals) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes, labels and scores as a perfect classifier would give them: see `zeroshot_det.scores`."""
    if not len(scene.boxes) or not len(proposals):
        return np.zeros((0, 7)), np.zeros(0, np.int64), np.zeros(0)
    overlap = iou(proposals.boxes, scene.boxes)
    good = np.flatnonzero((overlap.max(1) > THRESHOLDS[0]) & (proposals.objectness > 0.05))
    labels = scene.labels[overlap[good].argmax(1)]
    kept = suppress(proposals.boxes[good], proposals.objectness[good], labels)
    return proposals.boxes[good][kept], labels[kept], proposals.objectness[good][kept]


def by_class(
    scenes: Sequence[Scene], names: Sequence[str], by_method: dict[str, tuple[list[Proposals], float]]
) -> list[list[str]]:
    """Recall of each class with all boxes."""
    labels = np.concatenate([scene.labels for scene in scenes])
    best = {
        method: np.concatenate(best_overlaps(scenes, found, NUMBERS[-1])) for method, (found, _) in by_method.items()
    }
    rows = []
    for k in np.unique(labels):
        cells = [
            " / ".join(f"{100 * np.mean(values[labels == k] > threshold):.0f}" for threshold in THRESHOLDS)
            for values in best.values()
        ]
        rows.append([names[k], int((labels == k).sum()), *cells])
    return rows


if __name__ == "__main__":
    main()
