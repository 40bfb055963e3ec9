"""Pictures: depth maps, depth maps with part labels, confusion matrices, and point clouds that can be turned.

Everything is drawn on figures of its own, never through pyplot's global state, so that library users keep theirs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pointclip.errors import InputError
from pointclip.utils.files import atomic_path

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Red, green, blue in 0..255. Okabe and Ito's colours without black and yellow, which vanish on dark and on white
# pages, then four that stay apart from them for most kinds of colour blindness.
PART_COLOURS = (
    (0, 114, 178),  # blue
    (230, 159, 0),  # orange
    (0, 158, 115),  # green
    (204, 121, 167),  # pink
    (213, 94, 0),  # vermilion
    (86, 180, 233),  # sky blue
    (136, 34, 85),  # wine
    (153, 153, 51),  # olive
    (91, 80, 175),  # indigo
    (140, 86, 60),  # brown
)
UNKNOWN_COLOUR = (150, 150, 150)  # of points whose label is negative: not known

DPI = 100
TILE = 224  # pixels a depth map, CLIP's own image size
TITLE, GAP = 24, 8  # pixels
INK, LINE = "#3a3f47", "#d5d9df"
NAME_LENGTH = 22  # characters of a class name beside the matrix
COUNTED_CLASSES = 20  # up to here there is room for numbers in the matrix
CLOUD_SIZE = 1.7  # side of the box around a cloud, in plotly's units
EYE = (1.9, 1.7, 1.2)  # where the camera stands at first, in plotly's units and axes; far, so that lines look parallel
CLOUD_POINTS = 8192  # more would make the page heavy


def part_colours(labels: np.ndarray) -> np.ndarray:
    """The colour of each label: [N] int -> [N, 3] uint8; colours come round again after the last, negative is gray."""
    labels = np.asarray(labels)
    colours = np.array(PART_COLOURS, dtype=np.uint8)[labels % len(PART_COLOURS)]
    colours[labels < 0] = UNKNOWN_COLOUR
    return colours


def save_picture(path: str | os.PathLike, figure: Figure) -> None:
    """Write a figure as a PNG file; the same figure gives the same bytes.

    Raises:
        InputError: when the file cannot be written.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def depth_map_strip(maps: np.ndarray, titles: Sequence[str] | None = None, columns: int = 5) -> Figure:
    """Depth maps side by side in gray, as CLIP sees them.

    Args:
        maps: [V, H, W] in [0, 1], near is dark, background is 1.
        titles: a line above each map, "view 0", "view 1" … when left out.
        columns: maps a row.

    Raises:
        InputError: for maps of another shape, or a number of titles that is not V.
    """
    figure, tiles = _tiles(maps, titles, columns)
    for tile, image in zip(tiles, maps, strict=True):
        tile.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="bilinear")
    return figure


def labelled_depth_maps(
    maps: np.ndarray,
    pixel: np.ndarray,
    visible: np.ndarray,
    labels: np.ndarray,
    titles: Sequence[str] | None = None,
    columns: int = 5,
) -> Figure:
    """Depth maps, paler, with the points that are visible in them as dots in their parts' colours.

    Args:
        maps: [V, H, W] in [0, 1], the images that CLIP sees.
        pixel: [V, N, 2], (row, column) of each point in them; points outside of the image are not drawn.
        visible: [V, N] bool.
        labels: [N] int, the part of each point; negative is not known and drawn gray.

    Raises:
        InputError: for shapes that do not fit together.
    """
    pixel, visible, labels = np.asarray(pixel), np.asarray(visible, dtype=bool), np.asarray(labels)
    if pixel.shape != (len(maps), len(labels), 2) or visible.shape != pixel.shape[:2]:
        raise InputError(
            f"{len(maps)} maps and {len(labels)} labels need pixels [{len(maps)}, {len(labels)}, 2] and visibility "
            f"[{len(maps)}, {len(labels)}], but came with {list(pixel.shape)} and {list(visible.shape)}."
        )
    figure, tiles = _tiles(maps, titles, columns)
    colours = part_colours(labels) / 255
    for tile, image, where, seen in zip(tiles, maps, pixel, visible, strict=True):
        tile.imshow(0.72 + 0.28 * np.asarray(image), cmap="gray", vmin=0, vmax=1, interpolation="bilinear")
        limits = tile.get_xlim(), tile.get_ylim()  # those of the image, which dots must not stretch
        tile.scatter(where[seen, 1], where[seen, 0], s=6, c=colours[seen], linewidths=0)
        tile.set(xlim=limits[0], ylim=limits[1])
    return figure


def confusion_matrix(confusion: np.ndarray, class_names: Sequence[str]) -> Figure:
    """The confusion matrix, coloured by the share of each true class's shapes; counts are written into small ones.

    Args:
        confusion: [K, K] counts, K >= 1, rows are the truth, columns the prediction.
        class_names: K names; a name that the font lacks letters for is shown as its number.

    Raises:
        InputError: when matrix and names do not fit.
    """
    confusion, size = np.asarray(confusion), len(class_names)
    if size == 0 or confusion.shape != (size, size):
        raise InputError(
            f"A confusion matrix of shape {list(confusion.shape)} came with {size} class names; "
            f"expected [{size}, {size}] and at least one class."
        )
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    side = max(2.4, 0.17 * size + 1.5) if size > COUNTED_CLASSES else max(2.4, 0.42 * size)
    from matplotlib.colors import PowerNorm  # here, as it is slow to import and many runs need none of it
    from matplotlib.figure import Figure

    figure = Figure(figsize=(side + 2.6, side + 1.9), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    drawn = axes.imshow(100 * shares, cmap="Blues", norm=PowerNorm(0.6, 0, 100))  # so that small shares are seen
    names = [drawable(name, f"class {number + 1}") for number, name in enumerate(class_names)]
    font = {"fontsize": 9 if size <= COUNTED_CLASSES else 7, "parse_math": False, "color": INK}
    axes.set_xticks(range(size), names, rotation=90, **font)
    axes.set_yticks(range(size), names, **font)
    axes.set_xlabel("prediction", color=INK)
    axes.set_ylabel("truth", color=INK)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=LINE, linewidth=0.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_color(LINE)
    if size <= COUNTED_CLASSES:
        _write_counts(axes, confusion, shares)
    bar = figure.colorbar(drawn, ax=axes, shrink=min(1, 3 / side), pad=0.02)
    bar.set_label("% of the true class", color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK, length=0)
    return figure


def point_cloud(points: np.ndarray, labels: np.ndarray, part_names: Sequence[str]) -> go.Figure:
    """A cloud that can be turned, one colour a part, seen from the front, the right and above.

    Args:
        points: [N, 3], y up, any position and scale; of more than 8,192 an even choice is drawn.
        labels: [N] int, index into part_names; negative is not known and drawn gray.
        part_names: shown where the pointer is.
    """
    points, labels = np.asarray(points, dtype=np.float32), np.asarray(labels)
    chosen = drawn_points(len(points))
    points, labels = points[chosen], labels[chosen]
    low, high = points.min(0), points.max(0)
    points = np.round((points - (low + high) / 2) / max((high - low).max(), 1e-12), 4)
    # Plotly's cameras circle about z: handing it z, x, y as x, y, z turns about our y, without mirroring.
    x, y, z = points[:, 2], points[:, 0], points[:, 1]
    import plotly.graph_objects as go  # here, as it is slow to import and many runs need none of it

    figure = go.Figure()
    for label in np.unique(labels):
        here = labels == label
        colour = "rgb({}, {}, {})".format(*part_colours(labels[here][:1])[0])
        # names are the user's: plotly reads a little HTML in them, so its characters are written as entities
        name = part_names[label].replace("&", "&amp;").replace("<", "&lt;") if label >= 0 else "not known"
        marker = {"size": 3.2 if len(points) <= 4096 else 2.2, "color": colour, "opacity": 1}
        hover = "%{fullData.name}<extra></extra>"
        figure.add_scatter3d(
            x=x[here], y=y[here], z=z[here], mode="markers", name=name, marker=marker, hovertemplate=hover
        )
    axis = {"visible": False, "showspikes": False, "range": [-0.5, 0.5]}
    figure.update_layout(
        template="none",
        showlegend=False,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        scene={
            "xaxis": axis,
            "yaxis": axis,
            "zaxis": axis,
            "aspectmode": "manual",
            "aspectratio": dict.fromkeys("xyz", CLOUD_SIZE),
            "dragmode": "turntable",
            "bgcolor": "rgba(0,0,0,0)",
            "camera": {"eye": dict(zip("xyz", EYE, strict=True))},
        },
    )
    return figure


def drawn_points(count: int) -> np.ndarray:
    """Which of `count` points `point_cloud` draws: all, or an even choice of 8,192."""
    return np.unique(np.linspace(0, count - 1, min(count, CLOUD_POINTS)).round().astype(int))


def drawable(text: str, instead: str, length: int = NAME_LENGTH) -> str:
    """The text cut to length, or what stands instead of one that pictures' font lacks letters for."""
    import matplotlib  # here, as it is slow to import and many runs need none of it
    from matplotlib.ft2font import FT2Font

    font = FT2Font(os.path.join(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"))
    if not text.isprintable() or any(font.get_char_index(ord(letter)) == 0 for letter in text):
        return instead
    return text if len(text) <= length else text[: length - 1] + "…"


def _tiles(maps: np.ndarray, titles: Sequence[str] | None, columns: int) -> tuple[Figure, list[Axes]]:
    """A white figure with an axis-free tile for each map, and a title above it."""
    maps = np.asarray(maps)
    if maps.ndim != 3 or 0 in maps.shape:
        raise InputError(f"Depth maps of shape {list(maps.shape)} cannot be drawn; expected [views, height, width].")
    titles = [f"view {number}" for number in range(len(maps))] if titles is None else titles
    if len(titles) != len(maps):
        raise InputError(f"{len(titles)} titles came for {len(maps)} depth maps; give one for each.")
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    width, height = columns * (TILE + GAP) + GAP, rows * (TILE + TITLE + GAP) + GAP  # pixels
    from matplotlib.figure import Figure  # here, as it is slow to import and many runs need none of it

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    tiles = []
    for number, title in enumerate(titles):
        row, column = divmod(number, columns)
        left, top = GAP + column * (TILE + GAP), GAP + row * (TILE + TITLE + GAP) + TITLE
        tile = figure.add_axes((left / width, 1 - (top + TILE) / height, TILE / width, TILE / height))
        tile.set(xticks=[], yticks=[])
        tile.spines[:].set_color(LINE)
        tile.set_title(title, fontsize=10, color=INK, pad=5, parse_math=False)
        tiles.append(tile)
    return figure, tiles


def _write_counts(axes: Axes, confusion: np.ndarray, shares: np.ndarray) -> None:
    for row, column in np.argwhere(confusion > 0):
        colour = "white" if shares[row, column] > 0.45 else INK
        axes.text(column, row, str(confusion[row, column]), ha="center", va="center", fontsize=8, color=colour)
