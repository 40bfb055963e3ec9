"""How much faster is a lower precision, and does it change the predictions?

For each precision: the time for one shape's ten views, and on the synthetic test shapes the accuracy, the share of
predictions that agree with fp32 (it should be at least 99 %), and how far logits are from fp32's.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch
from torch import Tensor

from benchmarks.machine import best_time, machine, positive
from pointclip.bundled import prompt_files
from pointclip.datasets.batches import BatchReader, subset
from pointclip.datasets.synthetic import CATEGORIES, SyntheticShapes
from pointclip.encoder import DTYPES, Encoder, check_device, load_encoder, native_precision
from pointclip.features import FeatureExtractor
from pointclip.prompts import Sentences, class_sentences, open_prompts
from pointclip.runs.output import table
from pointclip.utils.command import run_command
from zeroshot_cls.classifier import view_weighted_logits
from zeroshot_cls.realistic_projection import RealisticProjection


def main() -> None:
    parser = argparse.ArgumentParser(description="fp32 against bf16 and fp16: time and predictions.")
    parser.add_argument("--shapes", type=int, default=0, help="of the 320 test shapes; 0 takes all")
    parser.add_argument("--encoder", default="demo")
    parser.add_argument(
        "--pretrained", default="auto", help="like ENCODER.PRETRAINED, or 'random' to measure times only"
    )
    parser.add_argument("--precisions", nargs="+", choices=DTYPES, help="default: all, except fp16 on a CPU (slow)")
    parser.add_argument("--template", action="store_true", help="one sentence per name instead of the prompt file's")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=positive, default=5)
    args = parser.parse_args()
    print(machine())

    device = check_device(args.device)
    weights = None if args.pretrained == "random" else args.pretrained
    projection = RealisticProjection().to(device)
    data = SyntheticShapes(num_points=1024)
    precisions = args.precisions or (["fp32", "bf16"] if device.type == "cpu" else list(DTYPES))
    encoders = {
        name: load_encoder(args.encoder, weights, device, name) for name in dict.fromkeys(["fp32", *precisions])
    }
    images = projection(torch.from_numpy(data[0].points)[None].to(device))[0]  # [10, 3, 224, 224]
    seconds = {name: best_time(lambda e=e: e.encode_images(images), args.repeats) for name, e in encoders.items()}
    reader = BatchReader(data, 16, indices=subset(len(data), args.shapes, seed=0))
    file = "" if args.template else prompt_files()["synthetic"]
    sentences = class_sentences(CATEGORIES, open_prompts(file), "a depth map of a {}.")
    logits, truth = classify(reader, projection, encoders, sentences)

    rows = []
    for name, of_shapes in logits.items():
        answers, difference = of_shapes.argmax(1), (of_shapes - logits["fp32"]).abs()
        equal, correct = ((answers == other).float().mean() for other in (logits["fp32"].argmax(1), truth))
        rows.append([name, f"{1000 * seconds[name]:.1f}", f"{seconds['fp32'] / seconds[name]:.2f}"])
        rows[-1] += [f"{100 * equal:.2f}", f"{100 * correct:.2f}"]
        rows[-1] += [f"{difference.median():.3f}", f"{difference.max():.3f}"]
    head = ["precision", "ms for ten views", "x fp32", "same predictions %", "accuracy %"]
    print(table([*head, "logits differ: median", "max"], rows))
    print(f"{encoders['fp32'].name} on {device}, {len(truth)} shapes")
    print(f"'auto' selects {native_precision(device)} here: {why(device)}")


def classify(
    reader: BatchReader,
    projection: RealisticProjection,
    encoders: dict[str, Encoder],
    sentences: Sentences,
) -> tuple[dict[str, Tensor], Tensor]:
    """Each encoder's logits [n, K], and the true classes [n]."""
    extractors = {name: FeatureExtractor(projection, encoder) for name, encoder in encoders.items()}
    classes = {name: extractor.class_features(sentences).cpu() for name, extractor in extractors.items()}
    answers, truth = {name: [] for name in encoders}, []

    def encode(images: Tensor) -> dict[str, Tensor]:
        return {name: extractor.encode_views(images) for name, extractor in extractors.items()}

    for batch, features in extractors["fp32"].batches(reader, encode):
        truth += [shape.label for shape in batch.shapes]
        for name, views in features.items():
            weights = torch.ones(views.shape[1])
            answers[name].append(view_weighted_logits(views.cpu(), classes[name], weights))
    return {name: torch.cat(parts) for name, parts in answers.items()}, torch.tensor(truth)


def why(device: torch.device) -> str:
    """The reason for the choice of "auto"."""
    lower = native_precision(device) != "fp32"
    if device.type == "cuda":
        capability = ".".join(map(str, torch.cuda.get_device_capability(device)))
        return f"the GPU's compute capability is {capability}, and bf16 needs 8.0"
    if device.type == "cpu":
        return f"the CPU {'has' if lower else 'has no'} bf16 instructions (AMX or AVX-512 BF16) known to torch"
    return "fp32 is the default for such a device"


if __name__ == "__main__":
    run_command(main)
