"""Draw the README's pictures from bundled shapes: `python docs/figures.py`."""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pointclip.datasets.synthetic import PART_NAMES, generate  # noqa: E402
from pointclip.report.pictures import part_colours  # noqa: E402
from pointclip.utils.files import atomic_path  # noqa: E402
from zeroshot_cls import figure as v1_v2  # noqa: E402
from zeroshot_seg.realistic_projection import RealisticProjection  # noqa: E402


def save(figure: Figure, name: str) -> None:
    with atomic_path(HERE / name) as path:
        figure.savefig(path, dpi=80, bbox_inches="tight", metadata={"Software": None})


def draw_lookups() -> None:
    """Where the corrected and the published lookup read the points of one shape."""
    shape = generate("chair", 2_000_002)
    figure = Figure(figsize=(12, 3.4))
    axes = figure.subplots(1, 5)
    for place, lookup in enumerate(("corrected", "published")):
        seen = RealisticProjection(lookup, views=(0, 5))(torch.from_numpy(shape.points[None]))
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
    draw_lookups()
    v1_v2.main(["--output", str(HERE / "v1_v2.png")])
