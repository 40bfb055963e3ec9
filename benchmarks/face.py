"""What does the face cost beyond the projection and the encoder?

`Classifier` projects and encodes one cloud, and answers; the same projection and encoder are timed without it.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch

from benchmarks.machine import best_time, machine, positive
from pointclip import Classifier
from pointclip.datasets.synthetic import generate
from pointclip.runs.output import table

CLASSES = {"few classes": 3, "40 classes": 40}


def main() -> None:
    parser = argparse.ArgumentParser(description="One cloud through the face, and through its parts.")
    parser.add_argument("--encoder", default="demo")
    parser.add_argument("--points", type=positive, default=1024)
    parser.add_argument("--repeats", type=positive, default=10)
    parser.add_argument("--threads", type=positive, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(machine())

    classifier, cloud = Classifier(args.encoder), generate("chair", 1, args.points).points
    batch = torch.from_numpy(cloud)[None]

    def projection() -> torch.Tensor:
        return classifier.projection(batch)

    images = projection()
    parts = {"projection": projection, "encoder": lambda: classifier.extractor.encode_views(images)}
    rows = [[name, "", f"{1000 * best_time(work, args.repeats):.1f}"] for name, work in parts.items()]
    together = best_time(lambda: classifier.extractor.encode_views(projection()), args.repeats)
    rows.append(["both", "", f"{1000 * together:.1f}"])
    for name, count in CLASSES.items():
        classifier.set_classes([f"class {number}" for number in range(count)])
        seconds = best_time(lambda: classifier(cloud), args.repeats)
        rows.append([f"Classifier, {name}", f"{1000 * (seconds - together):+.1f}", f"{1000 * seconds:.1f}"])
    print(table(["one cloud", "beyond both, ms", "ms"], rows))


if __name__ == "__main__":
    main()
