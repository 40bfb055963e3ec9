"""CLIP features: of sentences, and of the views of batches of shapes, read and projected one step ahead of encoding."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from pointclip.datasets.batches import Batch, BatchReader
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.features.store import FeatureStore

T = TypeVar("T")
R = TypeVar("R")


def encode_views(images: Tensor, encoder: Encoder) -> Tensor:
    """Unit features of every view: images [B, V, 3, H, W] -> [B, V, C] float32."""
    return encoder.encode_images(images.flatten(0, 1)).unflatten(0, images.shape[:2])


def encode_view_patches(images: Tensor, encoder: Encoder) -> Tensor:
    """Unit features of every view's patches: images [B, V, 3, H, W] -> [B, V, P, C] float32."""
    return encoder.encode_patches(images.flatten(0, 1)).unflatten(0, images.shape[:2])


def text_features(
    sentences: Mapping[str, Sequence[str]],
    encoder: Encoder,
    progress: bool = False,
    store: FeatureStore | None = None,
) -> Tensor:
    """One unit feature a name: the mean of its sentences' unit features, made unit length again, as CLIP does.

    Returns:
        [K, C] float32, on the encoder's device; arguments as in `sentence_features`.
    """
    groups = sentence_features(sentences, encoder, progress, store)
    return F.normalize(torch.stack([group.mean(0) for group in groups]), dim=-1)


def sentence_features(
    sentences: Mapping[str, Sequence[str]],
    encoder: Encoder,
    progress: bool = False,
    store: FeatureStore | None = None,
) -> list[Tensor]:
    """The unit features of each name's sentences.

    Args:
        sentences: K names, each with one sentence or more.
        progress: whether to show a bar; a large CLIP on a CPU takes minutes for ten thousand sentences.
        store: keeps the features for later runs, and gives those that earlier ones kept; None does neither.

    Returns:
        K tensors [S, C] float32, on the encoder's device.
    """
    kept = {name: store.load_sentences(group) if store else None for name, group in sentences.items()}
    missing = {name: group for name, group in sentences.items() if kept[name] is None}
    flat = [sentence for group in missing.values() for sentence in group]
    chunks = [flat[start : start + 256] for start in range(0, len(flat), 256)]
    with tqdm(chunks, desc="encode sentences", unit=" batches of 256", disable=not progress or not chunks) as bar:
        encoded = [encoder.encode_text(chunk) for chunk in bar]
    new = torch.cat(encoded).split([len(group) for group in missing.values()]) if encoded else []
    for (name, group), features in zip(missing.items(), new, strict=True):
        kept[name] = features
        if store:
            store.save_sentences(group, features)
    return [features.to(encoder.device) for features in kept.values()]


def encoded_batches(
    reader: BatchReader,
    project: Callable[[Tensor], R],
    encode: Callable[[R], dict[str, Tensor]],
    encoder: Encoder,
    progress: bool = True,
    store: FeatureStore | None = None,
) -> Iterator[tuple[Batch, dict[str, Tensor]]]:
    """Yield every batch of the reader with its features, the next one being read and projected meanwhile.

    Args:
        reader: gives the batches; what it leaves out stands in its `bad` afterwards.
        project: a task's projection, points [B, N, 3] on the encoder's device -> R.
        encode: what `project` gives -> features by name, [B, ...] each.
        encoder: only asked for its device.
        progress: whether to show a bar with shapes/s.
        store: keeps the features for later runs, and gives those that earlier ones kept; None does neither.

    Raises:
        InputError: when no shape is left.
    """

    def prepare(batch: Batch) -> tuple[dict[str, Tensor] | None, R | None]:
        kept = store.load(_clouds(batch)) if store else None
        return (None, project(batch.points.to(encoder.device))) if kept is None else (kept, None)

    done = 0
    with tqdm(total=reader.total, unit="shape", desc="project, encode", disable=not progress) as bar:
        for batch, (features, projected) in ahead(prepare, reader):
            if features is None:
                features = encode(projected)
                if store:
                    store.save(_clouds(batch), features)
            yield batch, {name: tensor.to(encoder.device) for name, tensor in features.items()}
            done += len(batch.shapes)
            bar.update(done + len(reader.bad) - bar.n)
    if not done:
        reason = next(iter(reader.bad.values()), "the data set is empty")
        raise InputError(f"No shape is left ({reason.rstrip('.')}); check the input.")


def _clouds(batch: Batch) -> list[np.ndarray]:
    return [shape.points for shape in batch.shapes]


def ahead(work: Callable[[T], R], items: Iterable[T], depth: int = 1) -> Iterator[tuple[T, R]]:
    """Yield (item, work(item)) in order, while a thread already works on what comes next.

    `depth` finished results wait at most, besides the one being worked on. What the thread raises is raised here, at
    the item where it happened; leaving the loop early ends the thread.
    """
    results: queue.Queue = queue.Queue(maxsize=depth)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(results, stop, work, items), daemon=True)
    thread.start()
    try:
        while True:
            outcome = results.get()
            if outcome is _END:
                return
            if isinstance(outcome, _Failure):
                raise outcome.error
            yield outcome
    finally:
        stop.set()
        thread.join()


_END = object()


class _Failure:
    """What the thread could not do."""

    def __init__(self, error: BaseException):
        self.error = error


def _fill(results: queue.Queue, stop: threading.Event, work: Callable, items: Iterable) -> None:
    def put(outcome: object) -> None:
        while not stop.is_set():
            try:
                return results.put(outcome, timeout=0.1)
            except queue.Full:
                continue

    try:
        for item in items:
            if stop.is_set():
                return
            put((item, work(item)))
        put(_END)
    except BaseException as error:  # handed over, to be raised in the caller's thread
        put(_Failure(error))
