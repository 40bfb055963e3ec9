"""CLIP features of sentences and of shapes, the next shapes being read and projected while these are encoded."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from pointclip.datasets.batches import Batch, BatchReader
from pointclip.encoder import Encoder, projection_device
from pointclip.errors import InputError
from pointclip.features.ahead import ahead
from pointclip.features.sentences import SentenceCache
from pointclip.features.store import FeatureStore, Forms

R = TypeVar("R")


class FeatureExtractor:
    """A projection and a frozen CLIP: from sentences and shapes to unit features.

    Args:
        projection: a task's projection, points [B, N, 3] -> whatever it gives; moved to where it runs best for the
            encoder's device.
        encoder: see `pointclip.encoder.load_encoder`.
        store: keeps features for later runs, and gives those that earlier ones kept; None does neither.
        progress: whether to show progress bars.
        sentence_cache: keeps sentences' features, one by one, in the store's place.
    """

    def __init__(
        self,
        projection: nn.Module,
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
        store = None if self.sentence_cache else self.store
        kept = {name: store.load_sentences(group) if store else None for name, group in sentences.items()}
        missing = {name: group for name, group in sentences.items() if kept[name] is None}
        found = self._features_of(dict.fromkeys(sentence for group in missing.values() for sentence in group))
        for name, group in missing.items():
            kept[name] = torch.stack([found[sentence] for sentence in group])
            if store:
                store.save_sentences(group, kept[name])
        return [features.to(self.device) for features in kept.values()]

    def _features_of(self, sentences: Iterable[str]) -> dict[str, Tensor]:
        """The feature [C] of each sentence, on the CPU; what is encoded is kept batch by batch."""
        found = self.sentence_cache.load(sentences) if self.sentence_cache else {}
        missing = [sentence for sentence in sentences if sentence not in found]
        quiet = not self.progress or not missing
        with tqdm(total=len(missing), desc="encode sentences", unit="sentence", disable=quiet) as bar:
            for places, features in self.encoder.encode_text_batches(missing) if missing else ():
                some, features = [missing[place] for place in places.tolist()], features.cpu()
                found |= zip(some, features, strict=True)
                if self.sentence_cache:
                    self.sentence_cache.save(some, features)
                bar.update(len(some))
        return found

    def class_features(self, sentences: Mapping[str, Sequence[str]]) -> Tensor:
        """One unit feature a name: the mean of its sentences' unit features, made unit length again, as CLIP does.

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
        """Yield every batch of the reader with its features, the next one being read and projected meanwhile.

        Args:
            reader: gives the batches; its `bad` afterwards holds what it left out.
            encode: what the projection gives -> features by name, [B, ...] each.
            forms: number of points -> the types and shapes of a shape's features, which kept ones are checked by.

        Raises:
            InputError: when no shape is left.
        """
        done = 0
        with tqdm(total=reader.total, unit="shape", desc="project, encode", disable=not self.progress) as bar:
            for batch, (features, projected) in ahead(lambda batch: self._prepare(batch, forms), reader):
                if features is None:
                    features = encode(projected)
                    if self.store:
                        self.store.save(_clouds(batch), features)
                yield batch, {name: tensor.to(self.device) for name, tensor in features.items()}
                done += len(batch.shapes)
                bar.update(done + len(reader.bad) - bar.n)
        if not done:
            reason = next(iter(reader.bad.values()), "the data set is empty")
            raise InputError(f"No shape is left ({reason.rstrip('.')}); check the input.")

    def view_features(self, reader: BatchReader) -> Iterator[tuple[Batch, Tensor]]:
        """Yield every batch with its views' unit features [B, V, C], for a projection that gives images."""
        forms = {"views": (torch.float32, (None, None))}

        def encode(images: Tensor) -> dict[str, Tensor]:
            return {"views": self.encode_views(images)}

        for batch, features in self.batches(reader, encode, lambda points: forms):
            yield batch, features["views"]

    def encode_views(self, images: Tensor, unit: bool = True) -> Tensor:
        """Features of every view, of unit length or not: images [B, V, 3, H, W] -> [B, V, C] float32."""
        return self.encoder.encode_images(images.flatten(0, 1), unit).unflatten(0, images.shape[:2])

    def encode_view_patches(self, images: Tensor) -> Tensor:
        """Unit features of every view's patches: images [B, V, 3, H, W] -> [B, V, P, C] float32."""
        return self.encoder.encode_patches(images.flatten(0, 1)).unflatten(0, images.shape[:2])

    def _prepare(self, batch: Batch, forms: Callable[[int], Forms] | None) -> tuple[dict[str, Tensor] | None, object]:
        """The features that the store has of a batch, or else its projection."""
        expected = forms(batch.points.shape[1]) if forms else None
        kept = self.store.load(_clouds(batch), expected) if self.store else None
        if kept is not None:
            return kept, None
        return None, self.projection(batch.points.to(projection_device(self.device)))


def _clouds(batch: Batch) -> list[np.ndarray]:
    return [shape.points for shape in batch.shapes]
