"""How long does the first prediction take from a fresh process, and where does the time go?

One synthetic chair is classified among 40 classes with the demo encoder and with CLIPs of random weights from a local
file, by the command that users run. For comparison, also --help and an invalid setting, which need no CLIP. Kernels are
compiled by a first run, which is not timed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file

from benchmarks.machine import machine, positive
from pointclip.datasets import open_dataset
from pointclip.prompts import open_prompts
from pointclip.runs.output import table

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("imports", "weights", "sentences", "shape", "rest", "all")
# Runs the classification command in a fresh process and times its stages.
TIMED_RUN = """
import json, os, sys, time
begun, done = float(os.environ["BEGUN"]), {}
sys.path.insert(0, os.environ["CHECKOUT"])
def timed(stage, module, name):
    work = getattr(module, name)
    def run(*args, **settings):
        start = time.time()
        try:
            return work(*args, **settings)
        finally:
            done[stage] = done.get(stage, 0) + time.time() - start
    setattr(module, name, run)
from zeroshot_cls import main
from pointclip.runs import opening
from pointclip.features import FeatureExtractor
done["imports"] = time.time() - begun
timed("weights", opening, "load_encoder")
timed("sentences", FeatureExtractor, "class_features")
timed("shape", main, "classify")
main.main(sys.argv[1:])
done["all"] = time.time() - begun
print(json.dumps(done))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    encoder_help = "encoders with random weights, in addition to the demo"
    parser.add_argument("--encoder", nargs="*", default=["ViT-B-16"], help=encoder_help)
    parser.add_argument("--sentences", action="store_true", help="240 sentences per class instead of the template")
    parser.add_argument("--checkout", type=Path, default=ROOT, metavar="FOLDER", help="the checkout to time")
    parser.add_argument("--repeats", type=positive, default=3)
    args = parser.parse_args()
    print(f"{machine()}\ncode in {args.checkout}; the fastest of {args.repeats} runs, seconds")

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        shapes = open_dataset("synthetic", Path(), "test", 1024)
        chair = next(i for i, label in enumerate(shapes.labels) if shapes.class_names[label] == "chair")
        np.save(folder / "chair.npy", shapes[chair].points)
        classes = ", ".join(open_prompts(ROOT / "zeroshot_cls" / "prompts" / "modelnet40.json").entries)
        words = ["--quiet", "--input", str(folder / "chair.npy"), "--classes", classes, "REPORT", "False"]
        words += [
            "--config",
            str(args.checkout / "zeroshot_cls" / "configs" / "own_shapes.yaml"),
            "OUTPUT",
            str(folder),
        ]
        if args.sentences:
            words += ["PROMPTS.FILE", str(ROOT / "zeroshot_cls" / "prompts" / "modelnet40.json")]

        rows = []
        for name in ["demo", *args.encoder]:
            run_words = [*words, "ENCODER.NAME", name]
            if name != "demo":
                run_words += ["ENCODER.PRETRAINED", str(random_weights(name, folder))]
            time_stages(args.checkout, run_words, folder / "warm")
            fresh = [time_stages(args.checkout, run_words, folder / f"{name} {i}") for i in range(args.repeats)]
            cached = [time_stages(args.checkout, run_words, folder / "warm") for _ in range(args.repeats)]
            for suffix, times in (("", fresh), (", sentences cached", cached)):
                best = min(times, key=lambda stages: stages["all"])
                rows.append([f"{name}{suffix}", *(f"{best[stage]:.1f}" for stage in STAGES)])
        print(table(["encoder", *STAGES], rows))
        commands = {"--help": ["--help"], "invalid setting": [*words, "SEEED", "1"]}
        rows = [
            [name, f"{min(time_command(args.checkout, command, args.repeats)):.2f}"]
            for name, command in commands.items()
        ]
    print(table(["command", "seconds"], rows))


def random_weights(name: str, folder: Path) -> Path:
    """Write random weights of one of open_clip's models to a file."""
    path = folder / f"{name}.safetensors"
    torch.manual_seed(0)
    save_file({key: value.contiguous() for key, value in open_clip.create_model(name).state_dict().items()}, path)
    return path


def time_stages(checkout: Path, words: list[str], cache: Path) -> dict[str, float]:
    """The seconds of each stage of one run with the cache folder `cache`."""
    environment = os.environ | {"CHECKOUT": str(checkout), "POINTCLIP_CACHE": str(cache), "BEGUN": str(time.time())}
    process = [sys.executable, "-c", TIMED_RUN, *words]
    done = subprocess.run(process, env=environment, cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    times = json.loads(done.stdout.splitlines()[-1])
    return times | {"rest": times["all"] - sum(times[stage] for stage in STAGES[:4])}


def time_command(checkout: Path, words: list[str], repeats: int) -> list[float]:
    """The seconds of a command that needs no CLIP."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "zeroshot_cls/main.py", *words], cwd=checkout, capture_output=True, check=False)
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
