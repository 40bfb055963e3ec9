"""`pointclip.Segmenter`: labels the parts of shapes in a caller's program, as the command `segment` does for files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor
from yacs.config import CfgNode

from pointclip.datasets.up_axis import UpGuess
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.predicting import Given, Named, Names, Options, Predictor, aligned
from pointclip.prompts import given_prompts, part_sentences
from pointclip.runs.inputs import names_or_list
from zeroshot_seg.labelling import Category, category_features, check_encoder, file_labels, segment
from zeroshot_seg.projections import open_projection, open_view_weights
from zeroshot_seg.realistic_projection import RealisticProjection
from zeroshot_seg.settings import load, own_parts

if TYPE_CHECKING:
    from typing_extensions import Unpack

SHAPE = "shape"  # the category of shapes for which none is given


@dataclass(frozen=True, repr=False)
class PartAnswer:
    """The parts of a shape."""

    shape: str  # the file, or "cloud 0"
    category: str
    parts: tuple[str, ...]
    labels: np.ndarray  # [N] int16, the part of each point as given (of a mesh, each vertex); -1 for points with NaN
    triangles: np.ndarray | None  # [T] int16, the part of each triangle of a mesh; None for a cloud
    shares: Mapping[str, float]  # of each part, of the points or of a mesh's area
    unseen: int  # points read that no view sees; they have their nearest seen neighbour's part
    up: UpGuess  # the axis that was taken to point up, and why

    def mask(self, part: str) -> np.ndarray:
        """Which points are this part, [N] bool."""
        return self.labels == self.parts.index(part)

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.shares.items())
        unsure = "" if self.up.sure else f"; {self.up.axis} up is uncertain"
        return f"<{self.shape}: {len(self.labels):,} points, {shares}{unsure}>"


class Segmenter(Predictor):
    """Zero-shot part segmentation of point clouds by PointCLIP V2, with your own part names.

    >>> segmenter = Segmenter("ViT-B-16", ["seat", "back", "leg"], category="chair")
    >>> answers = segmenter(["a.ply", cloud])  # files, arrays [N, 3], tensors [B, N, 3]
    >>> answers[0].labels, answers[0].shares, answers[0].mask("seat")

    Args:
        encoder: see `pointclip.predicting.Predictor`.
        parts: their names, or {part: [sentence, …]}; without them, those of the bundled sentences for the category.
            They are kept with their features until others are set; a call can have its own.
        category: what the shapes are.
        options: see `pointclip.predicting.Predictor`.

    Raises:
        InputError: as `Predictor` and `set_parts`.
    """

    def __init__(
        self,
        encoder: str | Encoder = "ViT-B-16",
        parts: Names | None = None,
        *,
        category: str = "",
        **options: "Unpack[Options]",
    ):
        super().__init__(encoder, **options)
        if self.settings.POSE not in ("default", "as_is"):
            raise InputError(f"POSE is {self.settings.POSE!r}, but shapes of one category are read as they stand.")
        check_encoder(self.encoder, self.settings.FEATURES)
        self.category = SHAPE
        self._parts: Named | None = None
        if parts is not None or category:
            self.set_parts(parts, category)

    def load_settings(self, config: str, overrides: Sequence[str], encoder: str) -> CfgNode:
        return load(config, overrides, encoder)[1]

    def open_projection(self) -> RealisticProjection:
        return open_projection(self.settings)

    def open_view_weights(self, category: str) -> Tensor:
        return open_view_weights(self.settings, [category], searched=False)[category].values

    @property
    def parts(self) -> tuple[str, ...]:
        """The names that were set; () if none were."""
        return _plain(self._parts, self.category) if self._parts else ()

    def set_parts(self, parts: Names | None = None, category: str = "") -> None:
        """Keep the parts, and the features of their sentences, for all following calls.

        Raises:
            InputError: for no name, an empty one, one given twice, or a single one; and for sentences that are none.
        """
        self.category, self._parts = category or SHAPE, self._named(parts, category)

    def __call__(
        self, shapes: Given, parts: Names | None = None, *, category: str = "", up: str | None = None
    ) -> list[PartAnswer]:
        """The parts of each shape.

        Args:
            shapes: one or several of: files, folders and patterns; arrays [N, 3]; arrays and tensors [B, N, 3].
            parts, category: of this call, as for `set_parts`.
            up: the axis that points up in all of them, such as "z"; "auto" guesses it for each. By default it is
                guessed for files, and y for arrays and tensors.

        Returns:
            One answer a shape, in order; with the setting ON_BAD_SHAPE "skip", None for a shape that cannot be read.

        Raises:
            InputError: for shapes that are none, or cannot be read.
        """
        name = category or self.category
        named = self._parts if parts is None and not category and self._parts else self._named(parts, name)
        weights = self.view_weights(name).to(named.features.device)
        files = self.files(shapes, up, (name,), every_vertex=True)
        if name != SHAPE and not all(map(files.has_up, range(len(files)))):
            self.stand(files, category_features(self.extractor, [name]), weights, (name,))
        reader = self.reader(files)
        kept = _plain(named, name)
        categories = {name: Category(kept, named.features, weights)}
        c, answers = self.settings, {}
        for segmented in segment(reader, self.extractor, categories, c.PROTOCOL, c.FEATURES):
            found = file_labels(files, segmented, len(kept))
            shares = dict(zip(kept, found.shares.tolist(), strict=True))
            rest = found.points, found.triangles, shares, segmented.unseen, files.up_of(segmented.index)
            answers[segmented.index] = PartAnswer(segmented.name, name, kept, *rest)
        return aligned(reader, answers)

    def _named(self, parts: Names | None, category: str) -> Named:
        name, category = category or SHAPE, "" if category == SHAPE else category
        prompts = given_prompts({name: parts}) if isinstance(parts, Mapping) else self.prompts
        names = names_or_list(parts) if isinstance(parts, str) else tuple(parts or ())
        sentences = part_sentences({name: own_parts(names, category, prompts)}, prompts, self.settings.PROMPTS.TEMPLATE)
        return self.with_features(sentences.flat())


def _plain(named: Named, category: str) -> tuple[str, ...]:
    """The parts' names without the category: "seat of chair" -> "seat"."""
    return tuple(part.removesuffix(f" of {category}") for part in named.names)
