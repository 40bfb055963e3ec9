"""Pictures of what CLIP sees by PointCLIP V1 and by V2: depth maps, and over them their similarity to a sentence."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pointclip.errors import InputError
from pointclip.report.pictures import INK, LINE, drawable

DPI = 160  # of the file; the sizes below are in units of 1/100 inch, so that the picture is sharp on fine screens
TILE, GAP, BETWEEN, MARGIN, SIDE = 132, 6, 26, 10, 28  # SIDE is left of a row, for its label
HEAD, TEXT, FOOT, WORDS = 46, 62, 38, 14  # WORDS: a line of those below the colour scale
ACROSS = 3  # shapes a row
LINE_LENGTH, LINES = 25, 4  # characters of the sentence below a map
COLOURS = "viridis"  # even steps of lightness, and told apart with any colour blindness
TINT = (0.6, 0.36)  # how much V1's white dots and V2's dark surfaces tint the similarity's colours


@dataclass(frozen=True)
class Seen:
    """One image as CLIP sees it, and how similar it is to a class."""

    image: np.ndarray  # [H, W], background 0 (V1) or 1 (V2)
    similarity: np.ndarray  # [g, g] cosine of each patch
    sentences: Sequence[str]  # one, or several whose features are averaged


@dataclass(frozen=True)
class Compared:
    """A shape by V1 and by V2."""

    name: str
    v1: Seen
    v2: Seen


def patch_grid(values: np.ndarray) -> np.ndarray:
    """A square image's patches in their rows and columns: [P] row by row -> [g, g].

    Raises:
        InputError: when P is no square.
    """
    side = isqrt(len(values))
    if side == 0 or side * side != len(values):
        raise InputError(f"{len(values)} patches came, but a square number of them was expected, row by row.")
    return values.reshape(side, side)


def upsample(grid: np.ndarray, size: int) -> np.ndarray:
    """A value for every pixel: [g, g] -> [size, size], bilinear between the middles of the patches."""
    grid = torch.from_numpy(np.asarray(grid, dtype=np.float32))[None, None]
    return F.interpolate(grid, size=(size, size), mode="bilinear", align_corners=False)[0, 0].numpy()


def overlay(seen: Seen, low: float, high: float, background: float) -> np.ndarray:
    """The similarity's colours over the depth map: [H, W, 3] in [0, 1].

    Background keeps the colour scale's own colours. The object tints them as it stands out from it: towards white
    above a background of 0, towards black below one of 1.
    """
    image = seen.image / max(float(seen.image.max()), 1e-12)  # V1's depths reach 2.6
    scaled = (upsample(seen.similarity, len(image)) - low) / max(high - low, 1e-12)
    colours = colormaps[COLOURS](scaled)[..., :3]  # [H, W, 3]
    strength = TINT[int(background)] * np.abs(image - background)[..., None]  # [H, W, 1]
    return colours * (1 - strength) + (1 - background) * strength


def similarity_figure(shapes: Sequence[Compared], encoder: str, centred: bool = False) -> Figure:
    """Shapes side by side, V1 beside V2: depth maps, below them similarity maps on one colour scale, and sentences.

    Args:
        shapes: one or more; all maps share the scale from the lowest to the highest cosine among them.
        encoder: its name, written below the scale.
        centred: whether each map's mean was subtracted from it, for the words below the scale.

    Raises:
        InputError: when no shape comes.
    """
    if not shapes:
        raise InputError("No shape came for the picture; give at least one.")
    cosines = np.concatenate([seen.similarity.ravel() for shape in shapes for seen in (shape.v1, shape.v2)])
    low, high = float(cosines.min()), float(cosines.max())
    across = 2 if len(shapes) == 4 else min(ACROSS, len(shapes))
    down = -(-len(shapes) // across)
    block, row = 2 * TILE + GAP, HEAD + 2 * TILE + GAP + TEXT
    width = SIDE + across * (block + BETWEEN) - BETWEEN + MARGIN
    unit = f"cosine similarity of patch and sentence{', less the mean of the map' if centred else ''}"
    words = f"{unit}, one scale for all maps  ·  {drawable(encoder, 'encoder', 60)}"
    words = textwrap.wrap(words, width // 6, break_on_hyphens=False)
    height = down * row + FOOT + WORDS * len(words)
    figure = Figure(figsize=(width / 100, height / 100), dpi=DPI, facecolor="white")
    canvas = _Canvas(figure, width, height)
    for number, shape in enumerate(shapes):
        left, top = SIDE + number % across * (block + BETWEEN), number // across * row
        _draw_shape(canvas, shape, number, left, top, (low, high))
        if number % across == 0:
            for place, label in enumerate(("depth map", "similarity")):
                middle = top + HEAD + place * (TILE + GAP) + TILE / 2
                canvas.write(SIDE - 8, middle, label, 9, ha="right", va="center", rotation=90)
    _draw_scale(canvas, down * row + 6, (low, high), words)
    return figure


class _Canvas:
    """A figure that is drawn on in its own units, from the top left."""

    def __init__(self, figure: Figure, width: float, height: float):
        self.figure, self.width, self.height = figure, width, height

    def axes(self, left: float, top: float, width: float, height: float):
        place = left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height
        return self.figure.add_axes(place, xticks=[], yticks=[])

    def write(self, left: float, top: float, text: str, size: float, **how) -> None:
        how = {"va": "top", "color": INK, "parse_math": False} | how
        self.figure.text(left / self.width, 1 - top / self.height, text, fontsize=size, **how)


def _draw_shape(
    canvas: _Canvas, shape: Compared, number: int, left: float, top: float, scale: tuple[float, float]
) -> None:
    title = drawable(shape.name, f"shape {number + 1}")
    canvas.write(left + TILE + GAP / 2, top + 8, title, 11, ha="center", weight="bold")
    for column, (version, seen) in enumerate((("V1", shape.v1), ("V2", shape.v2))):
        x, y = left + column * (TILE + GAP), top + HEAD
        canvas.write(x + TILE / 2, y - 18, f"PointCLIP {version}", 9, ha="center")
        tiles = [canvas.axes(x, y + place * (TILE + GAP), TILE, TILE) for place in range(2)]
        tiles[0].imshow(seen.image, cmap="gray", vmin=0, vmax=max(1, seen.image.max()), interpolation="bilinear")
        tiles[1].imshow(overlay(seen, *scale, background=float(column)), interpolation="bilinear")
        for tile in tiles:
            tile.spines[:].set(color=LINE, linewidth=0.6)
        for place, line in enumerate(_in_lines(seen.sentences)):
            canvas.write(x + 1, y + 2 * TILE + GAP + 14 + 12 * place, line, 7, va="baseline")


def _draw_scale(canvas: _Canvas, top: float, scale: tuple[float, float], words: Sequence[str]) -> None:
    """The colour bar, which all maps share, and below it what it measures."""
    length = min(360, canvas.width - 2 * SIDE)
    axes = canvas.axes((canvas.width - length) / 2, top, length, 9)
    bar = canvas.figure.colorbar(ScalarMappable(Normalize(*scale), COLOURS), cax=axes, orientation="horizontal")
    bar.ax.tick_params(colors=INK, length=2, labelsize=8, pad=2)
    bar.outline.set_visible(False)
    for place, line in enumerate(words):
        canvas.write(canvas.width / 2, top + 36 + WORDS * place, line, 8, ha="center", va="baseline")


def _in_lines(sentences: Sequence[str]) -> list[str]:
    """The sentence in a few short lines, after what was averaged if there are several."""
    sentence = drawable(sentences[0], "a sentence in letters that the font lacks", 1000)
    head = [f"mean of {len(sentences):,} sentences:"] if len(sentences) > 1 else []
    return head + textwrap.wrap(f"“{sentence}”", LINE_LENGTH, max_lines=LINES - len(head), placeholder=" …")
