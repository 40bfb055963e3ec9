"""CLIP through open_clip: from depth maps, patches and sentences to unit features in a common space."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointclip.encoder.device import DTYPES
from pointclip.encoder.patches import patch_features
from pointclip.encoder.text import text_batches
from pointclip.encoder.tokenizer import Tokenizer, count_cut, load_tokenizer
from pointclip.errors import InputError


class Encoder(nn.Module):
    """A frozen CLIP with the methods that the tasks need; created by `load_encoder`.

    Images are not normalised: PointCLIP V2 uses depth maps in [0, 1] without CLIP's mean and standard deviation, and
    so do all encoders here, whatever normalisation they were trained with (MobileCLIP2: none).

    Attributes:
        architecture: the model's name in open_clip.
        name: model and weights, for reports.
        precision: "fp32", "bf16" or "fp16", the type of its weights; features are always float32.
        image_size: rows (= columns) of its input, to which images are resized.
        notes: notes on its weights for readers of any result.
        context_length: maximum number of tokens of a sentence, including start and end tokens.
    """

    model: Any  # open_clip's; its kinds have no common type

    def __init__(self, model: nn.Module, architecture: str, name: str, precision: str, notes: Sequence[str] = ()):
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.architecture = architecture
        self.name = name
        self.precision = precision
        self.notes = tuple(notes)
        size = self.model.visual.image_size
        self.image_size: int = size if isinstance(size, int) else size[0]
        self.context_length = self.model.context_length

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Created on first use: SigLIP's is downloaded from the hub, and images do not need one."""
        return load_tokenizer(self.architecture)

    def encode_images(self, images: Tensor, unit: bool = True) -> Tensor:
        """Features of whole images: [n, 3, H, H] in [0, 1] -> [n, C] float32 of unit length.

        CLIP is frozen, but gradients flow through it to images that require them. Without `unit` the features keep the
        length that CLIP gives them, which PointCLIP V1's adapter sees.
        """
        features = self.model.encode_image(self._prepare(images))
        return self._unit(features) if unit else features.float()

    def encode_patches(self, images: Tensor) -> Tensor:
        """Features of an image's patches in the space of the sentences: [n, 3, H, H] in [0, 1] -> [n, P, C].

        Patches are in row-major order, float32, of unit length; see `patches` for the towers. Gradients flow as in
        `encode_images`.

        Raises:
            InputError: for towers without patch features in the text space.
        """
        return self._unit(patch_features(self.model.visual, self._prepare(images), self.name))

    def encode_text(self, sentences: Sequence[str], batch_size: int = 256) -> Tensor:
        """Features of sentences: k strings -> [k, C] float32, unit length; long ones are truncated."""
        indices, parts = zip(*self.encode_text_batches(sentences, batch_size), strict=True)
        return torch.cat(parts)[torch.cat(indices).argsort()]

    @torch.no_grad()  # not inference mode: modules trained on top may need these features for their gradients
    def encode_text_batches(self, sentences: Sequence[str], batch_size: int = 256) -> Iterator[tuple[Tensor, Tensor]]:
        """The features of `encode_text` batch by batch, short sentences first.

        Yields:
            The indices [b] of a batch of sentences, on the CPU, and their features [b, C] float32, on `device`.
        """
        _check_sentences(sentences)
        tokens = self.tokenizer(list(sentences)).to(self.device)
        for indices, features in text_batches(self.model, tokens, batch_size):
            yield indices, self._unit(features)

    def count_cut(self, sentences: Sequence[str]) -> int:
        """The number of sentences that exceed `context_length`, which `encode_text` truncates."""
        _check_sentences(sentences)
        return count_cut(self.tokenizer, tuple(sentences), self.context_length)

    def _unit(self, features: Tensor) -> Tensor:
        """Features [..., C] as float32 of unit length. InputError if they are not finite."""
        if not bool(features.isfinite().all()):
            raise InputError(
                f"The encoder {self.name} returned features that are not finite in {self.precision}; set "
                "ENCODER.PRECISION fp32, or use other weights."
            )
        return F.normalize(features.float(), dim=-1)

    def _prepare(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise InputError(f"Images are {images.dtype} {list(images.shape)}; expected floating point [n, 3, H, H].")
        if images.shape[-2:] != (self.image_size, self.image_size):
            images = F.interpolate(
                images.float(), size=(self.image_size, self.image_size), mode="bilinear", antialias=True
            )
        return images.to(self.device, DTYPES[self.precision])


def _check_sentences(sentences: Sequence[str]) -> None:
    if isinstance(sentences, str) or not all(isinstance(sentence, str) for sentence in sentences):
        raise InputError('Sentences must be a list of strings; pass ["a chair"] for a single one.')
    if not sentences:
        raise InputError("There are no sentences; at least one is needed.")
