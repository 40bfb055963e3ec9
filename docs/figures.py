"""Draw the README's pictures from bundled shapes: `python docs/figures.py`."""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pointclip.datasets.synthetic import PART_NAMES, generate  # noqa: E402
from pointclip.files import atomic_path  # noqa: E402
from pointclip.pictures import part_colours  # noqa: E402
from zeroshot_cls import figure as v1_v2  # noqa: E402
from zeroshot_cls.realistic_projection import RealisticProjection as ClassProjection  # noqa: E402
from zeroshot_seg.realistic_projection import RealisticProjection as PartProjection  # noqa: E402

SHAPES = (("chair", 2_000_002), ("airplane", 2_000_001), ("lamp", 2_000_005))  # test seeds
VIEWS = (0, 1, 4, 5, 9)


def save(figure: Figure, name: str) -> None:
    with atomic_path(HERE / name) as path:
        figure.savefig(path, dpi=80, bbox_inches="tight", metadata={"Software": None})


def draw_depth_maps() -> None:
    """Points, and what CLIP sees of them in five of the ten views."""
    figure = Figure(figsize=(12, 6.4))
    axes = figure.subplots(len(SHAPES), 1 + len(VIEWS), squeeze=False)
    for (category, seed), row in zip(SHAPES, axes, strict=True):
        shape = generate(category, seed)
        x, y, z = shape.points.T
        row[0].scatter(x * 0.8 + z * 0.6, y + x * 0.15 - z * 0.2, s=0.6, c=part_colours(shape.parts) / 255)
        row[0].set_aspect("equal")
        row[0].set_title(f"{category}: {len(x):,} points", fontsize=10)
        maps = ClassProjection(views=VIEWS).depth_maps(torch.from_numpy(shape.points[None, :1024]))[0]
        for view, depth_map, axis in zip(VIEWS, maps, row[1:], strict=True):
            axis.imshow(depth_map, cmap="gray", vmin=0, vmax=1)
            axis.set_title(f"view {view + 1}", fontsize=10)
    for axis in axes.flat:
        axis.axis("off")
    save(figure, "depth_maps.png")


def draw_lookups() -> None:
    """Where the corrected and the published lookup read the points of one shape."""
    shape = generate("chair", 2_000_002)
    figure = Figure(figsize=(12, 3.4))
    axes = figure.subplots(1, 5)
    for place, lookup in enumerate(("corrected", "published")):
        seen = PartProjection(lookup, views=(0, 5))(torch.from_numpy(shape.points[None]))
        for view in range(2):
            axis = axes[2 * place + view]
            pixel = seen.pixel[0, view].numpy()
            axis.imshow(seen.images[0, view, 0], cmap="gray", vmin=0, vmax=1)
            axis.scatter(pixel[:, 1], pixel[:, 0], s=0.8, c=part_colours(shape.parts) / 255)
            axis.set_title(f"{lookup}, {seen.visible[0, view].float().mean():.0%} visible", fontsize=10)
    for part, name in enumerate(PART_NAMES["chair"]):
        axes[4].scatter([], [], color=part_colours(np.array([part])) / 255, label=name)
    axes[4].legend(loc="center", frameon=False)
    for axis in axes:
        axis.axis("off")
    save(figure, "lookup.png")


if __name__ == "__main__":
    draw_depth_maps()
    draw_lookups()
    v1_v2.main(["--output", str(HERE / "v1_v2.png")])
