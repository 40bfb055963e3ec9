"""From settings to the objects of a run: shapes, encoder, feature extractor, and the result of a search."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from pointclip.config import own_outliers, with_changes
from pointclip.datasets import ShapeFiles, ShapeSet, open_dataset
from pointclip.datasets.base import Shapes
from pointclip.datasets.batches import BatchReader, subset, usual_batch_size
from pointclip.datasets.corrupted import corrupted
from pointclip.datasets.outliers import without_outliers
from pointclip.datasets.rotated import rotated
from pointclip.datasets.shape_files import ENDINGS
from pointclip.datasets.shape_files.pieces import Split
from pointclip.encoder import Encoder, check_device, load_encoder, projection_device
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor, FeatureStore, SentenceCache
from pointclip.projection.view_projection import ViewProjection
from pointclip.prompts import key_of
from pointclip.runs.arguments import cache_folder
from pointclip.runs.inputs import expand_inputs
from pointclip.runs.reading import configure_reading
from pointclip.search.result import SearchResult
from pointclip.utils.caches import sentence_cache_folder, warn_if_shared
from pointclip.utils.command import names_from
from pointclip.utils.files import expanded


def open_shapes(
    settings: CfgNode,
    args: argparse.Namespace,
    class_names: Sequence[str] = (),
    parts_wanted: bool = False,
    every_vertex: bool = False,
) -> BatchReader:
    """A reader of the settings' data set, or of the --input files.

    Args:
        class_names: the candidate classes of --input files.
        parts_wanted: whether a data set's shape counts as bad if none of its part labels is known.
        every_vertex: whether the points of an --input mesh include its vertices; see `ShapeFiles`.
    """
    if not args.input:
        return open_split(settings, parts_wanted)
    configure_reading(settings)
    files, notes = expand_inputs(args.input, ENDINGS)
    split = Split(args.split, settings.SPLIT.MAX_PIECES, settings.SPLIT.MIN_EXTENT) if args.split else None
    num_points, columns = settings.DATASET.NUM_POINTS or None, settings.READING.COLUMNS
    outliers = own_outliers(settings)
    shapes = ShapeFiles(
        files, num_points, args.up, tuple(class_names), settings.SEED, split, every_vertex, columns, outliers=outliers
    )
    shapes.notes = notes
    return _reader(shapes, settings, list(range(len(shapes))), False)


def open_split(settings: CfgNode, parts_wanted: bool = False) -> BatchReader:
    """A reader of the selected shapes of the settings' data set and split."""
    configure_reading(settings)
    c = settings.DATASET
    shapes = rotated(open_dataset(c.NAME, expanded(c.ROOT), c.SPLIT, c.NUM_POINTS or None), c.ROTATION, settings.SEED)
    shapes = corrupted(shapes, c.CORRUPT, settings.SEED)
    if settings.CLOUD.OUTLIERS not in ("default", "off"):
        shapes = without_outliers(shapes, settings.CLOUD.OUTLIERS)
    of_categories = _of_categories(shapes, c.CATEGORIES)
    wanted = of_categories[subset(len(of_categories), c.MAX_SHAPES, settings.SEED)].tolist()
    return _reader(shapes, settings, wanted, parts_wanted)


def search_settings(settings: CfgNode, split: str) -> CfgNode:
    """The settings of a search on a split: with that split as DATASET.SPLIT, and SEARCH.MAX_SHAPES if set."""
    count = settings.SEARCH.MAX_SHAPES or settings.DATASET.MAX_SHAPES
    return with_changes(settings, {"DATASET.SPLIT": split, "DATASET.MAX_SHAPES": count})


def open_extractor(settings: CfgNode, projection: ViewProjection, args: argparse.Namespace) -> FeatureExtractor:
    """A feature extractor with the settings' encoder and caches."""
    if not args.quiet:
        print(f"loading the encoder {settings.ENCODER.NAME} …", file=sys.stderr, flush=True)
    encoder = open_encoder(settings)
    folder = cache_folder(settings, bool(args.search))
    store = FeatureStore(folder, encoder, projection.to(projection_device(encoder.device))) if folder else None
    sentences = sentence_cache_folder(settings.SENTENCE_CACHE)
    cache = SentenceCache(sentences, encoder) if sentences else None
    for place in filter(None, (folder, sentences)):
        warn_if_shared(Path(place))
    return FeatureExtractor(projection, encoder, store, progress=not args.quiet, sentence_cache=cache)


def open_encoder(settings: CfgNode) -> Encoder:
    """The settings' encoder, on their device."""
    c = settings.ENCODER
    known = {"auto": None, "yes": True, "no": False}
    if c.QUICK_GELU not in known:
        raise InputError(f"ENCODER.QUICK_GELU is {c.QUICK_GELU!r}; expected 'auto', 'yes' or 'no'.")
    return load_encoder(c.NAME, c.PRETRAINED, settings.DEVICE, c.PRECISION, known[c.QUICK_GELU])


def keep_result(result: SearchResult, settings: CfgNode, args: argparse.Namespace, measure: str) -> CfgNode:
    """Print what a search chose, and return settings with SEARCHED set to its file, which `Run.publish` will write.

    `measure` is the name of its score.
    """
    path = args.folder / "searched.yaml"
    print(
        f"{result.words}: {result.what}, {measure} {result.score:.2f} % there; will be written to {path}\n", flush=True
    )
    return with_changes(settings, {"SEARCHED": str(path)})


def _reader(shapes: Shapes, settings: CfgNode, wanted: list[int], parts_wanted: bool) -> BatchReader:
    batch_size = settings.BATCH_SIZE or usual_batch_size(check_device(settings.DEVICE))
    on_bad = settings.ON_BAD_SHAPE
    if on_bad == "auto":  # one bad file among several of a user's should not stop the run
        on_bad = "skip" if isinstance(shapes, ShapeFiles) else "stop"
    return BatchReader(shapes, batch_size, on_bad, wanted, parts_wanted)


def _of_categories(shapes: ShapeSet, categories: str) -> np.ndarray:
    """Indices of the shapes of the named categories, or of all shapes if none is named."""
    if not categories:
        return np.arange(len(shapes))
    numbers = {key_of(name): number for number, name in enumerate(shapes.class_names)}
    wanted = [numbers.get(key_of(name), -1) for name in names_from(categories)]
    if -1 in wanted:
        known = ", ".join(shapes.class_names)
        raise InputError(f"DATASET.CATEGORIES is {categories!r}; expected names out of {known}.")
    return np.flatnonzero(np.isin(shapes.labels, wanted))
