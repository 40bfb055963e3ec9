"""A user-defined data set in one file, to be given as DATASET.NAME: pins and plates."""

import numpy as np

from pointclip.datasets.base import Shape, register


@register("toy")
class Toy:
    class_names = ("pin", "plate")

    def __init__(self, root, split: str = "test", num_points: int | None = None):
        """`root` is DATASET.ROOT, where a real data set has its files; `split` is DATASET.SPLIT."""
        self.part_names = {"pin": ("head", "needle"), "plate": ("rim", "middle")}  # {} for a data set without parts
        self.labels = np.array([0, 1] * 4)  # of every shape, known without reading any
        self.split, self.num_points = split, num_points or 2048

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Shape:
        rng = np.random.default_rng([index, len(self.split)])
        angle, share = rng.uniform(0, 2 * np.pi, self.num_points), rng.uniform(0, 1, self.num_points)
        if self.labels[index] == 0:  # y is up; position and scale do not matter
            radius, height, parts = np.where(share > 0.8, 0.3, 0.05), share, (share < 0.8).astype(int)
        else:
            radius, height, parts = np.sqrt(share), 0.1 * share, (share < 0.7).astype(int)
        points = np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1)
        return Shape(points.astype(np.float32), int(self.labels[index]), f"toy/{self.split}/{index}", parts)
