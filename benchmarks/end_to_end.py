"""How is the time of a run spent, and does encoding hide the time of reading and projecting?

First the stages run one by one; then the pipeline as in the tasks, in which the next batch is read and projected while
one is encoded. Its throughput is compared with that of the encoder alone.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch
from torch import Tensor

import zeroshot_cls.realistic_projection
import zeroshot_seg.realistic_projection
from benchmarks.machine import clock, machine, positive
from pointclip.bundled import prompt_files
from pointclip.datasets.base import Shape
from pointclip.datasets.batches import Batch, BatchReader, usual_batch_size
from pointclip.datasets.synthetic import CATEGORIES, PART_NAMES, SyntheticShapes
from pointclip.encoder import PRECISIONS, Encoder, load_encoder
from pointclip.features import FeatureExtractor
from pointclip.prompts import class_sentences, open_prompts, part_sentences
from pointclip.runs.output import table
from pointclip.utils.command import run_command
from pointclip.view_weights import uniform_weights
from zeroshot_cls.classifier import extract_features, view_weighted_logits
from zeroshot_seg.labelling import label_batch, make_categories, segment
from zeroshot_seg.realistic_projection import ProjectedPoints


@dataclass(frozen=True)
class Task:
    """A task's stages, each of which can be run alone, and its pipeline."""

    name: str
    points: int  # per shape
    batch_size: int
    project: Callable[[Tensor], object]
    encode: Callable[[object], Tensor]
    score: Callable[[Batch, object, Tensor], None]
    pipeline: Callable[[BatchReader], None]
    sentences: int
    text_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of each stage and of the pipeline.")
    parser.add_argument("--shapes", type=positive, default=100)
    parser.add_argument("--encoder", nargs="+", default=["demo"], help="all but 'demo' get random weights")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--template", action="store_true", help="one sentence per name instead of the prompt file's")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    args = parser.parse_args()
    print(machine())

    for name in args.encoder:
        encoder = load_encoder(name, "auto" if name == "demo" else None, args.device, args.precision)
        for task in args.tasks:
            show(TASKS[task](encoder, args.template), encoder, args.shapes)


def show(task: Task, encoder: Encoder, shapes: int) -> None:
    """Measure one task with one encoder, and print its table."""
    data = Prepared(shapes, task.points)
    # warm-up: compiles, loads and allocates
    run_alone(task, BatchReader(data, task.batch_size, indices=range(min(shapes, task.batch_size))))
    stages = run_alone(task, BatchReader(data, task.batch_size))
    start = clock()
    task.pipeline(BatchReader(data, task.batch_size))
    pipelined = clock() - start

    total = sum(stages.values())
    rows = [[stage, f"{1000 * took / shapes:.1f}", f"{100 * took / total:.1f}"] for stage, took in stages.items()]
    rows.append(["sequential total", f"{1000 * total / shapes:.1f}", "100.0"])
    rows.append(["pipelined", f"{1000 * pipelined / shapes:.1f}", f"{100 * pipelined / total:.1f}"])
    where = f"{encoder.name}, {encoder.precision}, {encoder.device}"
    print(f"\n{task.name}, {where}: {shapes} shapes of {task.points} points")
    print(table(["stage", "ms per shape", "share %"], rows))
    alone = stages["encode"]
    share = f"{100 * alone / pipelined:.1f} % of the encoder alone ({shapes / alone:.2f} shapes/s)"
    print(f"pipelined {shapes / pipelined:.2f} shapes/s = {share}")
    print(f"projecting takes {100 * stages['project'] / alone:.1f} % of the time of encoding")
    print(f"once, before that: {task.text_seconds:.2f} s for {task.sentences} sentences")


def run_alone(task: Task, batches: Iterable[Batch]) -> Counter:
    """Seconds of each stage, run one by one."""
    seconds, batches = Counter(), iter(batches)
    while True:
        times = [clock()]
        for batch in islice(batches, 1):
            times.append(clock())
            projected = task.project(batch.points)
            times.append(clock())
            features = task.encode(projected)
            times.append(clock())
            task.score(batch, projected, features)
            times.append(clock())
        if len(times) == 1:
            return seconds
        for stage, start, end in zip(("read", "project", "encode", "score"), times[:-1], times[1:], strict=True):
            seconds[stage] += end - start


class Prepared:
    """The first synthetic test shapes, generated in advance, so that reading one takes no time."""

    def __init__(self, count: int, num_points: int):
        shapes = SyntheticShapes(per_class=-(-count // len(CATEGORIES)), num_points=num_points)
        self.class_names, self.part_names, self.labels = shapes.class_names, shapes.part_names, shapes.labels[:count]
        self._shapes = [shapes[index] for index in range(count)]

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, index: int) -> Shape:
        return self._shapes[index]


def classification(encoder: Encoder, template: bool) -> Task:
    extractor = FeatureExtractor(zeroshot_cls.realistic_projection.RealisticProjection(), encoder, progress=False)
    prompts = open_prompts("" if template else prompt_files()["synthetic"])
    sentences = class_sentences(CATEGORIES, prompts, "a depth map of a {}.")
    start = clock()
    classes = extractor.class_features(sentences).cpu()
    text_seconds = clock() - start

    def score(views: Tensor) -> None:
        view_weighted_logits(views, classes, torch.ones(views.shape[1])).softmax(1)

    return Task(
        name="classification",
        points=1024,
        batch_size=usual_batch_size(encoder.device),
        project=lambda points: extractor.projection(points.to(encoder.device)),
        encode=lambda images: extractor.encode_views(images).cpu(),
        score=lambda _batch, _images, views: score(views),
        pipeline=lambda batches: score(extract_features(batches, extractor).views),
        sentences=sum(map(len, sentences.values())),
        text_seconds=text_seconds,
    )


def segmentation(encoder: Encoder, template: bool) -> Task:
    extractor = FeatureExtractor(zeroshot_seg.realistic_projection.RealisticProjection(), encoder, progress=False)
    prompts = open_prompts("" if template else prompt_files()["shapenetpart"])
    sentences = part_sentences(PART_NAMES, prompts, "a depth map of the {} of a {category}.").flat()
    start = clock()
    weights = dict.fromkeys(PART_NAMES, uniform_weights(len(extractor.projection.rotations)))
    categories = make_categories(PART_NAMES, extractor.class_features(sentences), weights)
    text_seconds = clock() - start

    def score(batch: Batch, seen: ProjectedPoints, patches: Tensor) -> None:
        label_batch(batch, seen, patches, CATEGORIES, categories)

    return Task(
        name="segmentation",
        points=2048,
        batch_size=usual_batch_size(encoder.device),
        project=lambda points: extractor.projection(points.to(encoder.device)),
        encode=lambda seen: extractor.encode_view_patches(seen.images),
        score=score,
        pipeline=lambda batches: segment(batches, extractor, categories),
        sentences=sum(map(len, sentences.values())),
        text_seconds=text_seconds,
    )


TASKS = {"classification": classification, "segmentation": segmentation}


if __name__ == "__main__":
    run_command(main)
