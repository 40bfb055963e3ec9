"""How long does each few-shot method take at ModelNet40's size?

Random features: 40 classes of 16 shots, 4 more to validate on, ten views of width C, 2,468 test shapes. Methods that
train are timed for one step and extrapolated to all epochs of their recipe; the learned smoothing, for one shape's ten
views through the convolutions only, forward and backward.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.machine import best_time, machine, positive
from fewshot_cls.grid_search import grid_search
from fewshot_cls.methods import METHODS, Method
from fewshot_cls.methods.adapter import AdaptedHead, InterViewAdapter
from fewshot_cls.methods.tip_adapter_f import TipAdapterF
from fewshot_cls.methods.zero_shot import ZeroShot
from fewshot_cls.realistic_projection import LearnedProjection
from fewshot_cls.recipe import Recipe
from fewshot_cls.training import train
from pointclip.datasets.synthetic import generate
from pointclip.runs.output import table
from pointclip.utils.command import run_command

VIEWS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of each few-shot method on random features.")
    parser.add_argument("--classes", type=positive, default=40)
    parser.add_argument("--shots", type=positive, default=16)
    parser.add_argument("--test", type=positive, default=2468, help="test shapes")
    parser.add_argument("--width", type=positive, default=512, help="C, feature width")
    parser.add_argument("--views", type=positive, default=VIEWS, help="views to time the smoothing on")
    parser.add_argument("--repeats", type=positive, default=3)
    args = parser.parse_args()
    print(machine())

    zero = ZeroShot(unit(args.classes, args.width), torch.ones(VIEWS))
    support, validation = (labelled(args.classes, count, args.width) for count in (args.shots, min(args.shots, 4)))
    test = unit(args.test, VIEWS, args.width)
    closed = [method for method in METHODS.values() if not method.trains]
    rows = [closed_row(method, zero, support, validation, test, args.repeats) for method in closed]
    adapter = AdaptedHead(InterViewAdapter(VIEWS, args.width), zero.classes)
    fine_tuned = TipAdapterF.fit(zero, *support)
    rows.append(trained_row("tip_adapter_f", fine_tuned, support, test, TipAdapterF.recipe, args.repeats))
    rows.append(trained_row("adapter", adapter, support, test, Recipe(), args.repeats))
    print(table(["method", "fit or step s", "grid search or all epochs s", f"classify {args.test} shapes s"], rows))
    print(f"smoothing: {smoothing(args.views, args.repeats):.2f} s for {args.views} views, forward and backward")


def closed_row(
    method: Method,
    zero: ZeroShot,
    support: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    test: Tensor,
    repeats: int,
) -> list[str]:
    """Seconds of a closed-form method: to fit, to search its grid, to classify the test shapes."""
    head = method.head.fit(zero, *support)
    fit = best_time(lambda: method.head.fit(zero, *support), repeats)
    search = best_time(lambda: grid_search(method.head, zero, support, validation), 1)
    return [method.name, f"{fit:.3f}", f"{search:.1f}", f"{classify(head, test, repeats):.2f}"]


def trained_row(
    method: str, model: nn.Module, support: tuple[Tensor, Tensor], test: Tensor, recipe: Recipe, repeats: int
) -> list[str]:
    """Seconds of a trained method: a step, all epochs at that rate, classifying the test shapes."""
    views, labels = support
    once = Recipe(epochs=1, batch_size=recipe.batch_size, optimizer=recipe.optimizer)
    steps = max(len(labels) // recipe.batch_size, 1)
    seconds = best_time(lambda: train(model, lambda places: model(views[places]), labels, once), repeats) / steps
    classified = classify(model, test, repeats)
    return [method, f"{seconds:.3f}", f"{seconds * steps * recipe.epochs:.1f}", f"{classified:.2f}"]


@torch.no_grad()
def classify(head: nn.Module, test: Tensor, repeats: int) -> float:
    return best_time(lambda: head(test), repeats)


def smoothing(views: int, repeats: int) -> float:
    """Seconds of the convolutions on a shape's views, with gradients."""
    projection = LearnedProjection(range(views))
    grids = projection.grids(torch.from_numpy(generate("chair", 0, 1024).points)[None])[0]
    return best_time(lambda: projection.images(grids).mean().backward(), repeats)


def labelled(classes: int, count: int, width: int) -> tuple[Tensor, Tensor]:
    labels = torch.arange(classes).repeat_interleave(count)
    return unit(len(labels), VIEWS, width), labels


def unit(*shape: int) -> Tensor:
    """Random vectors of unit length."""
    return F.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))), dim=-1)


if __name__ == "__main__":
    run_command(main)
