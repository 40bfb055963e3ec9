"""What is gained by truncating the text context to the sentences' length, and by caching text features?

The bundled sentences of ModelNet40 (or some of them) are encoded by a text tower with random weights: with the full
context, as in open_clip; with a truncated one; and read from the cache, including its fingerprint of the weights.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.machine import best_time, machine, positive
from pointclip.bundled import prompt_files
from pointclip.encoder import Encoder, load_encoder
from pointclip.features import SentenceCache
from pointclip.prompts import open_prompts
from pointclip.runs.output import table

BATCH = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", nargs="+", default=["ViT-B-16"], help="models of open_clip, or demo")
    parser.add_argument("--sentences", type=positive, default=256)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--repeats", type=positive, default=3)
    args = parser.parse_args()
    groups = open_prompts(prompt_files()["modelnet40"]).entries.values()
    sentences = [sentence for group in groups for sentence in group]
    sentences = sentences[:: max(1, len(sentences) // args.sentences)][: args.sentences]
    print(machine())

    rows = []
    for name in args.encoder:
        torch.manual_seed(0)
        encoder = load_encoder(name, "auto" if name == "demo" else None, precision=args.precision)
        expected, truncated = full_context(encoder, sentences), encoder.encode_text(sentences)
        with tempfile.TemporaryDirectory() as folder:
            SentenceCache(folder, encoder).save(sentences, truncated)
            ways = {
                "full context": lambda encoder=encoder: full_context(encoder, sentences),
                "truncated": lambda encoder=encoder: encoder.encode_text(sentences),
                "cached": lambda encoder=encoder, folder=folder: SentenceCache(folder, encoder).load(sentences),
            }
            times = {way: best_time(work, args.repeats, budget=120) for way, work in ways.items()}
        for way, seconds in times.items():
            difference = "" if way == "full context" else f"{(truncated - expected).abs().max():.1e}"
            rows.append([f"{name}, {way}", f"{seconds:.2f}", f"{len(sentences) / seconds:.0f}", difference])
    print(table(["sentences", "s", "per second", "largest difference"], rows))
    print(f"{len(sentences)} sentences, {args.precision}; difference of unit features from those with full context")


@torch.no_grad()
def full_context(encoder: Encoder, sentences: list[str]) -> Tensor:
    """Unit features computed with the full context, in the order of the sentences."""
    tokens = encoder.tokenizer(sentences).to(encoder.device)
    return F.normalize(torch.cat([encoder.model.encode_text(some).float() for some in tokens.split(BATCH)]), dim=-1)


if __name__ == "__main__":
    main()
