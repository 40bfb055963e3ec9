"""What does it gain to encode sentences on as much of the context as they fill, and to keep their features?

The bundled sentences of ModelNet40 (or some of them) through a text tower with random weights: on the whole context, as
open_clip does; cut; and out of the cache, its fingerprint of the weights included.
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
from pointclip.bundled import PROMPTS
from pointclip.encoder import Encoder, load_encoder
from pointclip.features import SentenceCache
from pointclip.prompts import open_prompts
from pointclip.runs.output import table

BATCH = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", nargs="+", default=["ViT-B-16"], help="open_clip's names, or demo")
    parser.add_argument("--sentences", type=positive, default=256)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--repeats", type=positive, default=3)
    args = parser.parse_args()
    groups = open_prompts(PROMPTS / "modelnet40.json").entries.values()
    sentences = [sentence for group in groups for sentence in group]
    sentences = sentences[:: max(1, len(sentences) // args.sentences)][: args.sentences]
    print(machine())

    rows = []
    for name in args.encoder:
        torch.manual_seed(0)
        encoder = load_encoder(name, "auto" if name == "demo" else None, precision=args.precision)
        expected, cut = whole(encoder, sentences), encoder.encode_text(sentences)
        with tempfile.TemporaryDirectory() as folder:
            SentenceCache(folder, encoder).save(sentences, cut)
            ways = {
                "whole context": lambda encoder=encoder: whole(encoder, sentences),
                "cut": lambda encoder=encoder: encoder.encode_text(sentences),
                "kept": lambda encoder=encoder, folder=folder: SentenceCache(folder, encoder).load(sentences),
            }
            times = {way: best_time(work, args.repeats, budget=120) for way, work in ways.items()}
        for way, seconds in times.items():
            difference = "" if way == "whole context" else f"{(cut - expected).abs().max():.1e}"
            rows.append([f"{name}, {way}", f"{seconds:.2f}", f"{len(sentences) / seconds:.0f}", difference])
    print(table(["sentences", "s", "a second", "largest difference"], rows))
    print(f"{len(sentences)} sentences, {args.precision}; the difference is to the whole context, of unit features")


@torch.no_grad()
def whole(encoder: Encoder, sentences: list[str]) -> Tensor:
    """Unit features on the whole context, in the order of the sentences."""
    tokens = encoder.tokenizer(sentences).to(encoder.device)
    return F.normalize(torch.cat([encoder.model.encode_text(some).float() for some in tokens.split(BATCH)]), dim=-1)


if __name__ == "__main__":
    main()
