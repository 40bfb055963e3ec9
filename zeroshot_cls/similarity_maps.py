"""Pictures of what CLIP sees with PointCLIP V1 and V2: depth maps, overlaid with their similarity to a sentence."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pointclip.errors import InputError
from pointclip.report.pictures import INK, LINE, drawable

DPI = 160  # of the file; the sizes below are in units of 1/100 inch
TILE, GAP, BETWEEN, MARGIN, SIDE = 132, 6, 26, 10, 28  # SIDE is the space for labels left of a row
HEAD, TEXT, FOOT, CAPTION_LINE = 46, 62, 38, 14  # CAPTION_LINE is the line height below the colour scale
MAX_COLUMNS = 3  # shapes per row
LINE_LENGTH, LINES = 25, 4  # characters per line, and lines, of the sentence below a map
COLOURS = "viridis"  # perceptually uniform and suitable for colour-blind readers
TINT = (0.6, 0.36)  # how strongly V1's white dots and V2's dark surfaces tint the similarity's colours


@dataclass(frozen=True)
class SimilarityMap:
    """One image as CLIP sees it, and its patches' similarity to a class."""

    image: np.ndarray  # [H, W], background 0 (V1) or 1 (V2)
    similarity: np.ndarray  # [g, g] cosine of each patch
    sentences: Sequence[str]  # one, or several whose features are averaged


@dataclass(frozen=True)
class Comparison:
    """A shape as seen by V1 and by V2."""

    name: str
    v1: SimilarityMap
    v2: SimilarityMap


def patch_grid(values: np.ndarray) -> np.ndarray:
    """Arrange a square image's patches in rows and columns: [P], row-major -> [g, g].

    Raises:
        InputError: if P is not a square number.
    """
    side = isqrt(len(values))
    if side == 0 or side * side != len(values):
        raise InputError(f"There are {len(values)} patches; expected a square number of them.")
    return values.reshape(side, side)


def upsample(grid: np.ndarray, size: int) -> np.ndarray:
    """Interpolate to pixels: [g, g] -> [size, size], bilinear between patch centres."""
    grid = torch.from_numpy(np.asarray(grid, dtype=np.float32))[None, None]
    return F.interpolate(grid, size=(size, size), mode="bilinear", align_corners=False)[0, 0].numpy()


def overlay(similarity_map: SimilarityMap, low: float, high: float, background: float) -> np.ndarray:
    """The similarity's colours, overlaid with the depth map: [H, W, 3] in [0, 1].

    The background shows the colours of the scale. The object tints them by its difference from the background: towards
    white if the background is 0, towards black if it is 1.
    """
    image = similarity_map.image / max(float(similarity_map.image.max()), 1e-12)  # V1's depths reach 2.6
    scaled = (upsample(similarity_map.similarity, len(image)) - low) / max(high - low, 1e-12)
    colours = colormaps[COLOURS](scaled)[..., :3]  # [H, W, 3]
    strength = TINT[int(background)] * np.abs(image - background)[..., None]  # [H, W, 1]
    return colours * (1 - strength) + (1 - background) * strength


def similarity_figure(shapes: Sequence[Comparison], encoder: str, centred: bool = False) -> Figure:
    """Shapes side by side, V1 beside V2: depth maps, similarity maps on a common colour scale below, and sentences.

    Args:
        shapes: one or more; the scale of all maps ranges from the lowest to the highest cosine among them.
        encoder: its name, shown below the scale.
        centred: whether each map's mean was subtracted from it, for the caption of the scale.

    Raises:
        InputError: if there is no shape.
    """
    if not shapes:
        raise InputError("There are no shapes to draw; give at least one.")
    maps = [similarity_map for shape in shapes for similarity_map in (shape.v1, shape.v2)]
    cosines = np.concatenate([similarity_map.similarity.ravel() for similarity_map in maps])
    low, high = float(cosines.min()), float(cosines.max())
    columns = 2 if len(shapes) == 4 else min(MAX_COLUMNS, len(shapes))
    rows = -(-len(shapes) // columns)
    block, row_height = 2 * TILE + GAP, HEAD + 2 * TILE + GAP + TEXT
    width = SIDE + columns * (block + BETWEEN) - BETWEEN + MARGIN
    unit = f"cosine similarity of patch and sentence{', minus the mean of the map' if centred else ''}"
    caption = f"{unit}, one scale for all maps  ·  {drawable(encoder, 'encoder', 60)}"
    caption = textwrap.wrap(caption, width // 6, break_on_hyphens=False)
    height = rows * row_height + FOOT + CAPTION_LINE * len(caption)
    figure = Figure(figsize=(width / 100, height / 100), dpi=DPI, facecolor="white")
    canvas = _Canvas(figure, width, height)
    for number, shape in enumerate(shapes):
        left, top = SIDE + number % columns * (block + BETWEEN), number // columns * row_height
        _draw_shape(canvas, shape, number, left, top, (low, high))
        if number % columns == 0:
            for line, label in enumerate(("depth map", "similarity")):
                middle = top + HEAD + line * (TILE + GAP) + TILE / 2
                canvas.write(SIDE - 8, middle, label, 9, ha="right", va="center", rotation=90)
    _draw_scale(canvas, rows * row_height + 6, (low, high), caption)
    return figure


class _Canvas:
    """A figure with its own units and the origin at the top left."""

    def __init__(self, figure: Figure, width: float, height: float):
        self.figure, self.width, self.height = figure, width, height

    def axes(self, left: float, top: float, width: float, height: float):
        box = left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height
        return self.figure.add_axes(box, xticks=[], yticks=[])

    def write(self, left: float, top: float, text: str, size: float, **style: Any) -> None:
        look: dict[str, Any] = {"va": "top", "color": INK, "parse_math": False} | style
        self.figure.text(left / self.width, 1 - top / self.height, text, fontsize=size, **look)


def _draw_shape(
    canvas: _Canvas, shape: Comparison, number: int, left: float, top: float, scale: tuple[float, float]
) -> None:
    title = drawable(shape.name, f"shape {number + 1}")
    canvas.write(left + TILE + GAP / 2, top + 8, title, 11, ha="center", weight="bold")
    for column, (version, similarity_map) in enumerate((("V1", shape.v1), ("V2", shape.v2))):
        x, y = left + column * (TILE + GAP), top + HEAD
        canvas.write(x + TILE / 2, y - 18, f"PointCLIP {version}", 9, ha="center")
        tiles = [canvas.axes(x, y + row * (TILE + GAP), TILE, TILE) for row in range(2)]
        image = similarity_map.image
        tiles[0].imshow(image, cmap="gray", vmin=0, vmax=max(1, image.max()), interpolation="bilinear")
        tiles[1].imshow(overlay(similarity_map, *scale, background=float(column)), interpolation="bilinear")
        for tile in tiles:
            tile.spines[:].set(color=LINE, linewidth=0.6)
        for index, line in enumerate(_wrap(similarity_map.sentences)):
            canvas.write(x + 1, y + 2 * TILE + GAP + 14 + 12 * index, line, 7, va="baseline")


def _draw_scale(canvas: _Canvas, top: float, scale: tuple[float, float], caption: Sequence[str]) -> None:
    """The colour bar that all maps share, and its caption."""
    length = min(360, canvas.width - 2 * SIDE)
    axes = canvas.axes((canvas.width - length) / 2, top, length, 9)
    bar = canvas.figure.colorbar(ScalarMappable(Normalize(*scale), COLOURS), cax=axes, orientation="horizontal")
    bar.ax.tick_params(colors=INK, length=2, labelsize=8, pad=2)
    bar.outline.set_visible(False)
    for index, line in enumerate(caption):
        canvas.write(canvas.width / 2, top + 36 + CAPTION_LINE * index, line, 8, ha="center", va="baseline")


def _wrap(sentences: Sequence[str]) -> list[str]:
    """The first sentence wrapped to a few short lines, preceded by the number of sentences if there are several."""
    sentence = drawable(sentences[0], "a sentence with characters that the font lacks", 1000)
    head = [f"mean of {len(sentences):,} sentences:"] if len(sentences) > 1 else []
    return head + textwrap.wrap(f"“{sentence}”", LINE_LENGTH, max_lines=LINES - len(head), placeholder=" …")
