"""How often is `--up auto` right, for bundled shapes rotated so that each of six directions points up?

Run as `python benchmarks/up_axis.py`. Only +y and +z are ever guessed, since files with another axis up are rare; an
undecided shape counts as +y.
"""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np

from benchmarks.machine import machine
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.datasets.up_axis import guess_up
from pointclip.runs.output import table
from pointclip.utils.command import run_command

PER_CLASS = 10
DIRECTIONS = [(axis, sign) for axis in range(3) for sign in (1, -1)]


def main() -> None:
    print(machine())
    shapes = SyntheticShapes(split="test", per_class=PER_CLASS)
    rows = []
    for axis, sign in DIRECTIONS:
        counts = Counter()
        for i in range(len(shapes)):
            guess = guess_up(turned(shapes[i].points, axis, sign))
            right = sign > 0 and "xyz"[axis] == guess.axis
            counts[(guess.decided, right)] += 1
        decided = counts[True, True] + counts[True, False]
        right = counts[True, True] + counts[False, True]
        rows.append([f"{'+' if sign > 0 else '-'}{'xyz'[axis]}", f"{100 * right / len(shapes):.1f}"])
        rows[-1] += [f"{100 * decided / len(shapes):.1f}", f"{100 * counts[True, True] / max(decided, 1):.1f}"]
    print(table(["up axis", "right %", "decided %", "right where decided %"], rows))
    print(f"{len(shapes)} synthetic test shapes")


def turned(points: np.ndarray, axis: int, sign: int) -> np.ndarray:
    """Points [N, 3] rotated so that +y points along ±axis."""
    up = np.zeros(3)
    up[axis] = sign
    side = np.roll(np.abs(up), 1)
    return points @ np.stack([side, up, np.cross(side, up)])


if __name__ == "__main__":
    run_command(main)
