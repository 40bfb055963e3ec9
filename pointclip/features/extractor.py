"""CLIP features of sentences and shapes; the next shapes are projected while the current ones are encoded."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from pointclip.datasets.batches import Batch, BatchReader, nothing_left
from pointclip.encoder import Encoder, projection_device
from pointclip.features.prefetch import prefetch
from pointclip.features.sentences import SentenceCache
from pointclip.features.store import FeatureStore, Forms
from pointclip.projection.view_projection import ViewProjection
from pointclip.utils import memory

R = TypeVar("R")
HAND_BACK_EVERY = 10.0  # seconds
BRIEF = 1.0  # seconds


class FeatureExtractor:
    """A projection and a frozen CLIP: from sentences and shapes to unit features.

    Args:
        projection: a task's projection, points [B, N, 3] -> images or more; moved to the matching device.
        encoder: see `pointclip.encoder.load_encoder`.
        store: caches the features of shapes across runs; None for no cache.
        progress: whether to show progress bars.
        sentence_cache: caches the features of single sentences; None for no cache.
    """

    def __init__(
        self,
        projection: ViewProjection,
        encoder: Encoder,
        store: FeatureStore | None = None,
        progress: bool = True,
        sentence_cache: SentenceCache | None = None,
    ):
        self.projection = projection.to(projection_device(encoder.device))
        self.encoder, self.store, self.progress, self.sentence_cache = encoder, store, progress, sentence_cache

    @property
    def device(self) -> torch.device:
        return self.encoder.device

    def sentence_features(self, sentences: Mapping[str, Sequence[str]]) -> list[Tensor]:
        """The unit features of each name's sentences.

        Args:
            sentences: K names, each with one sentence or more.

        Returns:
            K tensors [S, C] float32, on the encoder's device.
        """
        found = self._features_of(dict.fromkeys(sentence for group in sentences.values() for sentence in group))
        return [torch.stack([found[sentence] for sentence in group]).to(self.device) for group in sentences.values()]

    def _features_of(self, sentences: Iterable[str]) -> dict[str, Tensor]:
        """The feature [C] of each sentence, on the CPU; new ones are cached batch by batch."""
        found = self.sentence_cache.load(sentences) if self.sentence_cache else {}
        missing = [sentence for sentence in sentences if sentence not in found]
        quiet = not self.progress or not missing
        with tqdm(total=len(missing), desc="encode sentences", unit="sentence", disable=quiet) as bar:
            for indices, features in self.encoder.encode_text_batches(missing) if missing else ():
                batch, features = [missing[index] for index in indices.tolist()], features.cpu()
                found |= zip(batch, features, strict=True)
                if self.sentence_cache:
                    self.sentence_cache.save(batch, features)
                bar.update(len(batch))
        return found

    def class_features(self, sentences: Mapping[str, Sequence[str]]) -> Tensor:
        """One unit feature per name: the normalised mean of its sentences' unit features, as in CLIP.

        Returns:
            [K, C] float32, on the encoder's device.
        """
        return F.normalize(torch.stack([group.mean(0) for group in self.sentence_features(sentences)]), dim=-1)

    def batches(
        self,
        reader: BatchReader,
        encode: Callable[[R], dict[str, Tensor]],
        forms: Callable[[int], Forms] | None = None,
    ) -> Iterator[tuple[Batch, dict[str, Tensor]]]:
        """Yield every batch of the reader with its features; the next one is read and projected in the meantime.

        Args:
            reader: yields the batches; skipped shapes are listed in its `bad` afterwards.
            encode: the projection's output -> features by name, [B, ...] each.
            forms: number of points -> the expected types and shapes of a shape's cached features.

        Raises:
            InputError: if no shape is left.
        """
        done, start = 0, time.monotonic()
        handed_back = start
        with tqdm(total=reader.total, unit="shape", desc="project, encode", disable=not self.progress) as bar:
            for batch, (features, projected) in prefetch(lambda batch: self._prepare(batch, forms), reader):
                if features is None:
                    features = encode(projected)
                    if self.store:
                        self.store.save(_clouds(batch), features)
                yield batch, {name: tensor.to(self.device) for name, tensor in features.items()}
                done += len(batch.shapes)
                bar.update(done + len(reader.bad) - bar.n)
                if time.monotonic() - handed_back >= HAND_BACK_EVERY:
                    memory.hand_back()
                    handed_back = time.monotonic()
        if time.monotonic() - start >= BRIEF:  # which leaves little to hand back, and should answer at once
            memory.hand_back()
        if not done:
            raise nothing_left(reader)

    def view_features(self, reader: BatchReader, unit: bool = True) -> Iterator[tuple[Batch, Tensor]]:
        """Yield every batch with its views' features [B, V, C], of unit length or not; the projection returns images.

        A store keeps one kind of features: give each kind its own.
        """
        forms = {"views": (torch.float32, (None, None))}

        def encode(images: Tensor) -> dict[str, Tensor]:
            return {"views": self.encode_views(images, unit)}

        for batch, features in self.batches(reader, encode, lambda points: forms):
            yield batch, features["views"]

    def encode_views(self, images: Tensor, unit: bool = True) -> Tensor:
        """Features of every view, of unit length or not: images [B, V, 3, H, W] -> [B, V, C] float32."""
        return self.encoder.encode_images(images.flatten(0, 1), unit).unflatten(0, images.shape[:2])

    def encode_view_patches(self, images: Tensor) -> Tensor:
        """Unit features of every view's patches: images [B, V, 3, H, W] -> [B, V, P, C] float32."""
        return self.encoder.encode_patches(images.flatten(0, 1)).unflatten(0, images.shape[:2])

    def _prepare(self, batch: Batch, forms: Callable[[int], Forms] | None) -> tuple[dict[str, Tensor] | None, Any]:
        """The cached features of a batch, or else its projection."""
        expected = forms(batch.points.shape[1]) if forms else None
        cached = self.store.load(_clouds(batch), expected) if self.store else None
        if cached is not None:
            return cached, None
        return None, self.projection(batch.points.to(projection_device(self.device)))


def _clouds(batch: Batch) -> list[np.ndarray]:
    return [shape.points for shape in batch.shapes]
