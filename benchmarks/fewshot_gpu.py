"""Does a training step of the learned smoothing fit into 16 GB on a GPU, and how long does it take?

One step of PointCLIP V2's few-shot (smoothing and adapter, through frozen CLIP) on synthetic shapes of ten views, in
fp32 and in mixed precision, for several numbers of views whose activations are kept at a time (TRAIN.CHUNK). CLIP has
random weights, which changes neither time nor memory.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.machine import best_time, machine, positive
from fewshot_cls.methods.adapter import AdaptedHead, InterViewAdapter
from fewshot_cls.realistic_projection import LearnedProjection
from fewshot_cls.recipe import Recipe
from fewshot_cls.smoothed_model import SmoothedModel
from fewshot_cls.training import train
from pointclip.datasets.synthetic import CATEGORIES, generate
from pointclip.encoder import Encoder, check_device, load_encoder
from pointclip.projection.images import CLIP_SIZE
from pointclip.runs.output import table
from pointclip.utils.command import run_command

GOAL = 16  # GB
CLASSES = 40  # ModelNet40's


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of a training step of the learned smoothing.")
    parser.add_argument("--encoder", default="ViT-B-16", help="with random weights, except for 'demo'")
    parser.add_argument("--batch", type=positive, default=32, help="shapes per step")
    parser.add_argument("--views", type=positive, default=10, help="views per shape, at most 10")
    parser.add_argument("--chunks", type=positive, nargs="+", default=[20, 10, 80, 320], help="TRAIN.CHUNK")
    parser.add_argument("--precisions", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"])
    parser.add_argument("--device", default="cuda", help="on 'cpu' only the time is measured")
    parser.add_argument("--repeats", type=positive, default=3)
    args = parser.parse_args()
    print(machine())
    if args.device == "cuda" and not torch.cuda.is_available():
        print("There is no GPU, so nothing was measured; use --device cpu to time a step.")
        return

    device = check_device(args.device)
    encoder = load_encoder(args.encoder, "auto" if args.encoder == "demo" else None, device, "fp32")
    clouds = [torch.from_numpy(generate(CATEGORIES[i % len(CATEGORIES)], i, 1024).points) for i in range(args.batch)]
    rows = [
        step_row(encoder, clouds, args.views, precision, chunk, args.repeats)
        for precision in args.precisions
        for chunk in args.chunks
    ]
    print(table(["precision", "TRAIN.CHUNK", "step s", "peak GB", "reserved GB", f"within {GOAL} GB", "loss"], rows))
    print(f"{encoder.name} on {device}, {args.batch} shapes of {args.views} views; peak and reserved include CLIP")


def step_row(encoder: Encoder, clouds: list[Tensor], views: int, precision: str, chunk: int, repeats: int) -> list[str]:
    """The time of a step, the peak of allocated and of reserved memory, and the first step's loss."""
    on_gpu = encoder.device.type == "cuda"
    try:
        model = start(encoder, views, precision, chunk)
        labels = torch.arange(len(clouds), device=encoder.device) % CLASSES
        once = Recipe(epochs=1, batch_size=len(clouds))  # a single step with all clouds

        def step() -> float:
            return (
                train(model, lambda indices: model([clouds[i] for i in indices.tolist()]), labels, once).epochs[0].loss
            )

        if on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        loss = step()
        seconds = best_time(step, repeats)
    except torch.cuda.OutOfMemoryError:
        return [precision, str(chunk), "out of memory", "-", "-", "no", "-"]
    finally:
        model = None  # freed before the next row's is made
    measured = ["-", "-", "-"]
    if on_gpu:
        peak, reserved = (read() / 1e9 for read in (torch.cuda.max_memory_allocated, torch.cuda.max_memory_reserved))
        measured = [f"{peak:.2f}", f"{reserved:.2f}", "yes" if reserved <= GOAL else "no"]
    return [precision, str(chunk), f"{seconds:.3f}", *measured, f"{loss:.4f}"]


def start(encoder: Encoder, views: int, precision: str, chunk: int) -> SmoothedModel:
    """The untrained model, on the encoder's device."""
    blank = torch.ones(1, 3, CLIP_SIZE, CLIP_SIZE, device=encoder.device)
    width = encoder.encode_images(blank).shape[1]
    classes = F.normalize(torch.randn(CLASSES, width, generator=torch.Generator().manual_seed(0)), dim=-1)
    head = AdaptedHead(InterViewAdapter(views, width, dropout=0.5), classes)
    projection = LearnedProjection(range(views))
    model = SmoothedModel(projection, head, encoder, unit=False, chunk=chunk, precision=precision)
    return model.to(encoder.device)


if __name__ == "__main__":
    run_command(main)
