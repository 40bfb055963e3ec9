"""What does linearity gain in the search for sentences and view weights, at the published sizes?

Random features of the published sizes: ModelNet40's test split (2,468 shapes, ten views, 40 classes of 1,000
sentences), and ShapeNetPart's largest categories (704 shapes of 2,048 points, four parts of 700 sentences). The
published procedure is measured for a few candidates, in full for classification and on a few shapes for segmentation,
and extrapolated to the number of candidates (and shapes) that it evaluates.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.machine import best_time, machine, peak_memory
from pointclip.runs.output import table
from pointclip.search import (
    PUBLISHED_WEIGHT,
    Choice,
    Classification,
    Segmentation,
    search_sentences,
    search_weights,
    weight_sets,
)
from tests.zeroshot_seg.literal import literal_logits, random_inputs

VIEWS, WIDTH, SWEEPS = 10, 512, 2
TASKS = {  # classes, sentences per class, points per shape
    "classification": (40, 1000, 1),
    "segmentation": (4, 700, 2048),
}

FIXED = {"classification": 3, "segmentation": 4}  # number of views with fixed weights, as published


def main() -> None:
    parser = argparse.ArgumentParser(description="Search by linearity against the published procedure.")
    parser.add_argument("--task", choices=TASKS, nargs="+", default=list(TASKS))
    parser.add_argument("--what", choices=["sentences", "weights"], nargs="+", default=["sentences", "weights"])
    parser.add_argument("--shapes", type=int, nargs=2, default=[2468, 704], help="of classification, of segmentation")
    parser.add_argument(
        "--candidates", type=int, default=10, help="number for which the published procedure is measured"
    )
    args = parser.parse_args()
    print(machine())

    rows = []
    for task in args.task:
        shapes = args.shapes[list(TASKS).index(task)]
        candidate = literal_seconds(task, shapes, args.candidates)
        for what in args.what:
            prepare(task, what, 8)()  # compiles
            search = prepare(task, what, shapes)
            seconds = best_time(search, repeats=0)  # one call
            del search
            megabytes = peak_memory(prepare_and_search, task, what, shapes)
            count = tried(task, what)
            rows.append([task, what, count, f"{seconds:.1f}", f"{megabytes:.0f}", f"{candidate * count:,.0f}"])
    print(table(["task", "search", "candidates", "s", "peak MB", "published procedure, s"], rows))
    print("peak MB: features, sentences and search, beyond a process that has loaded the library")
    print(f"published procedure: measured per candidate (mean of {args.candidates}) × count, not run in full")


def tried(task: str, what: str) -> int:
    """The number of candidates that the published procedure evaluates."""
    classes, sentences, _ = TASKS[task]
    return SWEEPS * classes * sentences if what == "sentences" else 4 ** (VIEWS - FIXED[task])


def prepare_and_search(task: str, what: str, shapes: int) -> Callable[[], Choice]:
    """The search including the creation of its features, so that both count as memory."""
    return lambda: prepare(task, what, shapes)()


def prepare(task: str, what: str, shapes: int) -> Callable[[], Choice]:
    """A search on random features, ready to run."""
    classes, sentences, points = TASKS[task]
    g = torch.Generator().manual_seed(0)
    candidates = list(crowded(g, classes * sentences).split(sentences))
    texts = torch.stack([sentences[0] for sentences in candidates])
    if task == "classification":
        labels = torch.randint(classes, (shapes,), generator=g)
        features = crowded(g, shapes * VIEWS).unflatten(0, (shapes, VIEWS)) + 0.2 * texts[labels][:, None]
        problem = Classification(F.normalize(features, dim=2), labels)
    else:
        truth = torch.randint(classes, (shapes, points), generator=g)
        features, logits = torch.empty(0), torch.empty(0)
        if what == "sentences":
            features = torch.empty(shapes, points, WIDTH, dtype=torch.float16)
            for shape_features in features:
                shape_features.copy_(3 * crowded(g, points))
        else:
            logits = 0.3 + 0.02 * torch.randn(shapes, points, VIEWS, classes, generator=g)
            logits *= torch.rand(shapes, points, VIEWS, 1, generator=g) < 0.5  # visible
        problem = Segmentation(truth, VIEWS, lambda weights: features, lambda texts: logits)
    if what == "sentences":
        return lambda: search_sentences(problem, candidates, torch.full((VIEWS,), 0.75), sweeps=SWEEPS)
    return lambda: search_weights(
        problem, texts, weight_sets(VIEWS, fixed=dict.fromkeys(range(FIXED[task]), PUBLISHED_WEIGHT))
    )


def crowded(g: torch.Generator, count: int) -> Tensor:
    """Unit vectors [count, C] as close together as CLIP's, with cosines of about 0.7."""
    centre = torch.randn(WIDTH, generator=g)
    return F.normalize(centre + 0.65 * torch.randn(count, WIDTH, generator=g), dim=1)


def literal_seconds(task: str, shapes: int, count: int) -> float:
    """Seconds that the published procedure takes for one candidate: a full evaluation."""
    classes, _, points = TASKS[task]
    g = torch.Generator().manual_seed(0)
    weights = torch.full((VIEWS,), 0.75)
    if task == "segmentation":
        patches, seen, _, parts = random_inputs(0, 1, VIEWS, 14, points, WIDTH, classes)
        evaluate = lambda: literal_logits(patches, seen, weights, parts).argmax(2)  # noqa: E731
        return shapes * mean_time(evaluate, count)
    features = crowded(g, shapes * VIEWS).unflatten(0, (shapes, VIEWS))
    labels, texts = torch.randint(classes, (shapes,), generator=g), crowded(g, classes)

    def evaluate() -> float:
        weighted = (features * weights[:, None]).flatten(1)  # [n, V · C]
        logits = 100 / VIEWS**0.5 * weighted @ texts.repeat(1, VIEWS).T
        return float((logits.argmax(1) == labels).float().mean())

    return mean_time(evaluate, count)


def mean_time(work: Callable[[], object], count: int) -> float:
    work()  # warm-up

    def repeat() -> None:
        for _ in range(count):
            work()

    return best_time(repeat, repeats=0) / count


if __name__ == "__main__":
    main()
