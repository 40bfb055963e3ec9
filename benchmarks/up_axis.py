"""How often is `--up auto` right, without and with a model, for bundled shapes rotated in six directions?

Run as `python benchmarks/up_axis.py`. Only +y and +z are ever guessed, since files with another axis up are rare; an
undecided shape counts as +y.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch

from benchmarks.machine import machine
from pointclip.bundled import bundled
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.datasets.up_axis import guess_up
from pointclip.encoder import load_encoder
from pointclip.features import FeatureExtractor
from pointclip.prompts import class_sentences, open_prompts
from pointclip.runs.output import table
from pointclip.runs.poses import model_judge
from pointclip.utils.command import ArgumentParser, run_command
from zeroshot_cls.realistic_projection import RealisticProjection

PER_CLASS = 10
DIRECTIONS = [(axis, sign) for axis in range(3) for sign in (1, -1)]


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="demo", metavar="NAME", help="the model (default: the bundled one)")
    name = parser.parse_args().encoder
    print(machine())
    shapes = SyntheticShapes(split="test", per_class=PER_CLASS)
    judge = judge_of(name, shapes.class_names)
    rows = []
    for axis, sign in DIRECTIONS:
        right = np.zeros((2, len(shapes)), bool)  # without and with the model
        decided = np.zeros((2, len(shapes)), bool)
        for i in range(len(shapes)):
            cloud = turned(shapes[i].points, axis, sign).astype(np.float32)
            guess = guess_up(cloud)
            for way, found in enumerate((guess, guess if guess.decided else judge([cloud]))):
                right[way, i] = sign > 0 and "xyz"[axis] == found.axis
                decided[way, i] = found.decided
        cells = [f"{100 * share:.1f}" for way in (0, 1) for share in (right[way].mean(), decided[way].mean())]
        rows.append([f"{'+' if sign > 0 else '-'}{'xyz'[axis]}", *cells])
    print(table(["up axis", "right %", "decided %", "with the model right %", "decided %"], rows))
    print(f"{len(shapes)} synthetic test shapes; the model is {name}")


def judge_of(name: str, class_names: tuple[str, ...]):
    """The judge of an undecided up axis, with the bundled sentences of the synthetic classes."""
    extractor = FeatureExtractor(RealisticProjection(), load_encoder(name), progress=False)
    prompts = open_prompts(bundled("prompts/synthetic.json"))
    features = extractor.class_features(class_sentences(class_names, prompts, "a depth map of a {}."))
    return model_judge(extractor, features, torch.ones(10), class_names)


def turned(points: np.ndarray, axis: int, sign: int) -> np.ndarray:
    """Points [N, 3] rotated so that +y points along ±axis."""
    up = np.zeros(3)
    up[axis] = sign
    side = np.roll(np.abs(up), 1)
    return points @ np.stack([side, up, np.cross(side, up)])


if __name__ == "__main__":
    run_command(main)
