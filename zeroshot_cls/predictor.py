"""`pointclip.Classifier`: names shapes in a caller's program, as the command `classify` names files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor
from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.predicting import ClassAnswer, ClassPredictor, Given, Named, Names, aligned
from pointclip.projection.view_projection import ViewProjection
from pointclip.runs.pose_search import in_surest_poses
from zeroshot_cls.calibration import open_calibration
from zeroshot_cls.classifier import cosine_margins, view_weighted_logits
from zeroshot_cls.projections import open_projection, open_view_weights
from zeroshot_cls.settings import check_candidates, load


@dataclass(frozen=True)
class ViewAnswer:
    """What one view says."""

    label: str
    probability: float  # of the label, by this view alone, in [0, 1]
    cosine: float  # of the view's feature and the label's sentences'


@dataclass(frozen=True, repr=False)
class ViewedAnswer(ClassAnswer):
    """What a shape is, and what each view says."""

    margin: float  # of the first class over the second in mean cosine
    cosines: np.ndarray  # [V, K] float32, of every view and class
    view_shares: np.ndarray  # [V, K] float32, the classes' probabilities by each view alone

    @cached_property
    def views(self) -> tuple[ViewAnswer, ...]:
        """What each of the V views says by itself."""
        best = enumerate(self.cosines.argmax(1).tolist())
        return tuple(
            ViewAnswer(self.classes[k], float(self.view_shares[v, k]), float(self.cosines[v, k])) for v, k in best
        )

    @property
    def remark(self) -> str:
        agree = sum(view.label == self.label for view in self.views)
        return f"{agree} of {len(self.views)} views say {self.label}"


class Classifier(ClassPredictor):
    """Zero-shot classification of point clouds by PointCLIP V2, with your own class names.

    >>> classifier = Classifier("ViT-B-16", ["chair", "sofa", "bench"])
    >>> answers = classifier(["a.ply", cloud])  # files, arrays [N, 3], tensors [B, N, 3]
    >>> answers[0].label, answers[0].probability, answers[0].views

    See `pointclip.predicting.ClassPredictor` for its arguments.
    """

    def load_settings(self, config: str, overrides: Sequence[str], encoder: str) -> CfgNode:
        return load(config, overrides, encoder)[1]

    def open_projection(self) -> ViewProjection:
        return open_projection(self.settings)

    def check_names(self, names: Sequence[str]) -> None:
        check_candidates(names)

    def open_view_weights(self, category: str) -> Tensor:
        return open_view_weights(self.settings, searched=False).values

    def __call__(self, shapes: Given, classes: Names | None = None, *, up: str | None = None) -> list[ViewedAnswer]:
        """What each shape is.

        Args:
            shapes: one or several of: files, folders and patterns; arrays [N, 3]; arrays and tensors [B, N, 3]. Of a
                cloud with more points than the setting DATASET.NUM_POINTS (1024) a random subset is taken, as of files.
            classes: the candidates of this call, as for `set_classes`.
            up: the axis that points up in all of them, such as "z"; "auto" guesses it for each. By default it is
                guessed for files, and y for arrays and tensors.

        Returns:
            One answer a shape, in order; with the setting ON_BAD_SHAPE "skip", None for a shape that cannot be read.

        Raises:
            InputError: for shapes that are none, or cannot be read.
        """
        named = self.named(classes)
        files = self.files(shapes, up, named.names)
        self.stand(files, named.features, self.view_weights(), named.names)
        by = self.extractor, named.features, self.view_weights()
        reader = in_surest_poses(self.reader(files), self.settings.POSE, *by)
        return aligned(reader, self._answers(reader, named))

    def _answers(self, reader: BatchReader, named: Named) -> dict[int, ViewedAnswer]:
        """The answers by the shapes' places in the reader."""
        calibration = open_calibration(self.settings)
        temperature = calibration.temperature if calibration else 1.0
        encoder = f"{self.encoder.name}, {self.encoder.precision}"
        calibrated = calibration is not None and calibration.covers(named.names, encoder)
        answers = {}
        for batch, views in self.extractor.view_features(reader):
            logits = view_weighted_logits(views, named.features, self.view_weights())
            shares = (logits / temperature).softmax(1).cpu().numpy()
            margins = cosine_margins(logits, views.shape[1])
            cosines = (views @ named.features.T).cpu()  # [B, V, K]
            of_views = (100 * cosines / temperature).softmax(2).numpy()
            for b, place in enumerate(batch.indices):
                answers[place] = ViewedAnswer(
                    batch.shapes[b].name,
                    named.names,
                    shares[b],
                    calibrated,
                    reader.files.up_of(place),
                    float(margins[b]),
                    cosines[b].numpy(),
                    of_views[b],
                )
        return answers
