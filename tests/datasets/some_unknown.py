"""A user-defined data set with some unknown labels."""

from pathlib import Path

TEXT = """
import numpy as np
from pointclip.datasets.base import Shape, register
from pointclip.datasets.synthetic import generate

@register("some_unknown")
class SomeUnknown:
    class_names, part_names, labels = ("mug", "table"), {"mug": ("body", "handle")}, np.array(LABELS)

    def __init__(self, root, split="test", num_points=None):
        pass

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        shape, label = generate("mug", index), int(self.labels[index])
        return Shape(shape.points, label, f"mug {index}", shape.parts if label == 0 else None)
"""


def write_some_unknown(folder: Path, labels: list[int]) -> Path:
    """Write a data set of mugs with these labels: 0 is a mug with parts, 1 a table without, -1 unknown."""
    path = folder / "some_unknown.py"
    path.write_text(TEXT.replace("LABELS", repr(labels)))
    return path
