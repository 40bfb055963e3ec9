"""Pictures: depth maps, depth maps with part labels, confusion matrices, and interactive point clouds.

Figures are created directly, never through pyplot, so that its global state is left to library users.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pointclip.errors import InputError
from pointclip.utils.files import atomic_path

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# RGB in 0..255. Okabe and Ito's palette without black and yellow, which are hard to see on dark and on white pages,
# followed by four colours that remain distinguishable from them for most kinds of colour blindness.
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
UNKNOWN_COLOUR = (150, 150, 150)  # of unlabelled points (negative labels)

DPI = 100
TILE = 224  # side of a depth map in pixels, CLIP's image size
TITLE, GAP = 24, 8  # pixels
INK, LINE = "#3a3f47", "#d5d9df"
NAME_LENGTH = 22  # characters of a class name beside the matrix
COUNTED_CLASSES = 20  # up to this many classes, counts are written into the matrix
CLOUD_SIZE = 1.7  # side of the box around a cloud, in plotly's units
EYE = (1.9, 1.7, 1.2)  # initial camera position in plotly's units and axes; far away for little perspective
CLOUD_POINTS = 8192  # more would make the page too large
SHAPE_POINTS = 2048  # the same, where a page may have a hundred shapes
HEIGHTS = (0, 2, 1)  # indices of PART_COLOURS from the lowest point to the highest: blue, green, orange


def part_colours(labels: np.ndarray) -> np.ndarray:
    """The colour of each label: [N] int -> [N, 3] uint8; the palette repeats, negative labels are gray."""
    labels = np.asarray(labels)
    colours = np.array(PART_COLOURS, dtype=np.uint8)[labels % len(PART_COLOURS)]
    colours[labels < 0] = UNKNOWN_COLOUR
    return colours


def save_picture(path: str | os.PathLike, figure: Figure) -> None:
    """Write a figure as a PNG file; identical figures give identical files.

    Raises:
        InputError: if the file cannot be written.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def depth_map_strip(maps: np.ndarray, titles: Sequence[str] | None = None, columns: int = 5) -> Figure:
    """Depth maps side by side in gray, as CLIP sees them.

    Args:
        maps: [V, H, W] in [0, 1], near is dark, background is 1.
        titles: a line above each map, by default "view 0", "view 1" …
        columns: maps per row.

    Raises:
        InputError: for maps of another shape, or if the number of titles is not V.
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
    """Faded depth maps, with the visible points as dots in the colours of their parts.

    Args:
        maps: [V, H, W] in [0, 1], the images that CLIP sees.
        pixel: [V, N, 2], (row, column) of each point in them; points outside the image are not drawn.
        visible: [V, N] bool.
        labels: [N] int, the part of each point; unlabelled points (negative) are drawn gray.

    Raises:
        InputError: for shapes that do not match.
    """
    pixel, visible, labels = np.asarray(pixel), np.asarray(visible, dtype=bool), np.asarray(labels)
    if pixel.shape != (len(maps), len(labels), 2) or visible.shape != pixel.shape[:2]:
        raise InputError(
            f"Pixels have shape {list(pixel.shape)} and visibility {list(visible.shape)}; expected "
            f"[{len(maps)}, {len(labels)}, 2] and [{len(maps)}, {len(labels)}] for {len(maps)} maps and {len(labels)} "
            "labels."
        )
    figure, tiles = _tiles(maps, titles, columns)
    colours = part_colours(labels) / 255
    for tile, image, positions, shown in zip(tiles, maps, pixel, visible, strict=True):
        tile.imshow(0.72 + 0.28 * np.asarray(image), cmap="gray", vmin=0, vmax=1, interpolation="bilinear")
        limits = tile.get_xlim(), tile.get_ylim()  # of the image, which the dots must not change
        tile.scatter(positions[shown, 1], positions[shown, 0], s=6, c=colours[shown], linewidths=0)
        tile.set(xlim=limits[0], ylim=limits[1])
    return figure


def confusion_matrix(confusion: np.ndarray, class_names: Sequence[str]) -> Figure:
    """The confusion matrix, coloured by row-normalised shares; small matrices show the counts.

    Args:
        confusion: [K, K] counts, K >= 1, rows are the truth, columns the prediction.
        class_names: K names; a name with characters that the font lacks is replaced by the class number.

    Raises:
        InputError: if matrix and names do not match.
    """
    confusion, size = np.asarray(confusion), len(class_names)
    if size == 0 or confusion.shape != (size, size):
        raise InputError(
            f"The confusion matrix has shape {list(confusion.shape)}; expected [{size}, {size}] for {size} class "
            "names, and at least one class."
        )
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    side = max(2.4, 0.17 * size + 1.5) if size > COUNTED_CLASSES else max(2.4, 0.42 * size)
    from matplotlib.colors import PowerNorm  # imported here since it is slow and often not needed
    from matplotlib.figure import Figure

    figure = Figure(figsize=(side + 2.6, side + 1.9), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    drawn = axes.imshow(100 * shares, cmap="Blues", norm=PowerNorm(0.6, 0, 100))  # makes small shares visible
    names = [drawable(name, f"class {number + 1}") for number, name in enumerate(class_names)]
    font: dict[str, Any] = {"fontsize": 9 if size <= COUNTED_CLASSES else 7, "parse_math": False, "color": INK}
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
    """An interactive cloud, one colour per part, initially seen from the front, right and above.

    Args:
        points: [N, 3], y up, any position and scale; of more than 8,192 points an even subset is drawn.
        labels: [N] int, index into part_names; unlabelled points (negative) are drawn gray.
        part_names: shown on hover.
    """
    labels = np.asarray(labels)
    chosen = drawn_points(len(points))
    (x, y, z), labels = _plotly_axes(np.asarray(points)[chosen]), labels[chosen]
    figure = _empty_scene()
    for label in np.unique(labels):
        mask = labels == label
        colour = "rgb({}, {}, {})".format(*part_colours(labels[mask][:1])[0])
        # names are user input, and plotly interprets some HTML in them, so it is escaped
        name = part_names[label].replace("&", "&amp;").replace("<", "&lt;") if label >= 0 else "not known"
        marker = {"size": 3.2 if len(labels) <= 4096 else 2.2, "color": colour, "opacity": 1}
        hover = "%{fullData.name}<extra></extra>"
        figure.add_scatter3d(
            x=x[mask], y=y[mask], z=z[mask], mode="markers", name=name, marker=marker, hovertemplate=hover
        )
    return figure


def shape_cloud(points: np.ndarray) -> go.Figure:
    """An interactive cloud without parts, coloured by height: [N, 3], y up, of which at most 2,048 points are drawn."""
    x, y, z = _plotly_axes(np.asarray(points)[even_choice(len(points), SHAPE_POINTS)])
    scale = [[k / 2, "rgb({}, {}, {})".format(*PART_COLOURS[colour])] for k, colour in enumerate(HEIGHTS)]
    marker = {"size": 3.2, "opacity": 1, "color": z, "colorscale": scale}
    figure = _empty_scene()
    figure.add_scatter3d(x=x, y=y, z=z, mode="markers", marker=marker, hoverinfo="skip")
    return figure


def figure_json(figure: go.Figure) -> str:
    """A figure for a script element of a page: without "<", so that nothing can close the element."""
    return figure.to_json().replace("<", "\\u003c")


def _plotly_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in a unit cube, as plotly's x, y, z.

    Its camera orbits about z: passing z, x, y makes it orbit about our y, without mirroring.
    """
    points = points.astype(np.float32)
    low, high = points.min(0), points.max(0)
    points = np.round((points - (low + high) / 2) / max((high - low).max(), 1e-12), 4)
    return points[:, 2], points[:, 0], points[:, 1]


def _empty_scene() -> go.Figure:
    import plotly.graph_objects as go  # imported here since it is slow and often not needed

    axis = {"visible": False, "showspikes": False, "range": [-0.5, 0.5]}
    figure = go.Figure()
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
    """Indices of the points that `point_cloud` draws: all, or an even subset of 8,192."""
    return even_choice(count, CLOUD_POINTS)


def even_choice(count: int, most: int) -> np.ndarray:
    """At most `most` of the indices 0 … count − 1, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def drawable(text: str, instead: str, length: int = NAME_LENGTH) -> str:
    """The text shortened to `length`, or `instead` if the pictures' font lacks some of its characters."""
    import matplotlib  # imported here since it is slow and often not needed
    from matplotlib.ft2font import FT2Font

    font = FT2Font(os.path.join(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"))
    if not text.isprintable() or any(font.get_char_index(ord(letter)) == 0 for letter in text):
        return instead
    return text if len(text) <= length else text[: length - 1] + "…"


def _tiles(maps: np.ndarray, titles: Sequence[str] | None, columns: int) -> tuple[Figure, list[Axes]]:
    """A white figure with a tile without axes for each map, and its title above."""
    maps = np.asarray(maps)
    if maps.ndim != 3 or 0 in maps.shape:
        raise InputError(f"The depth maps have shape {list(maps.shape)}; expected [views, height, width].")
    titles = [f"view {number}" for number in range(len(maps))] if titles is None else titles
    if len(titles) != len(maps):
        raise InputError(f"There are {len(titles)} titles for {len(maps)} depth maps; give one for each.")
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    width, height = columns * (TILE + GAP) + GAP, rows * (TILE + TITLE + GAP) + GAP  # pixels
    from matplotlib.figure import Figure  # imported here since it is slow and often not needed

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
