"""CLIP through open_clip: depth maps, their patches, and sentences become unit features in one space."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointclip.encoder.device import DTYPES
from pointclip.encoder.patches import patch_features
from pointclip.encoder.text import text_batches
from pointclip.encoder.tokenizer import Tokenizer, count_cut, load_tokenizer
from pointclip.errors import InputError


class Encoder(nn.Module):
    """A frozen CLIP with what the tasks ask of it; made by `load_encoder`.

    Images go in as they are: PointCLIP V2 feeds depth maps in [0, 1] without CLIP's mean and standard deviation, and so
    does every other encoder here, whatever mean and deviation it was trained with (MobileCLIP2 with none).

    Attributes:
        architecture: open_clip's name of the model.
        name: what was loaded, for reports.
        precision: "fp32", "bf16" or "fp16", the type of its weights; features always come as float32.
        image_size: rows (= columns) of its input; images of another size are resized to it.
        notes: what a reader of any result must know of its weights.
        context_length: tokens of a sentence that it reads, start and end marks included.
    """

    def __init__(self, model: nn.Module, architecture: str, name: str, precision: str, notes: Sequence[str] = ()):
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.architecture = architecture
        self.name = name
        self.precision = precision
        self.notes = tuple(notes)
        size = model.visual.image_size
        self.image_size = size if isinstance(size, int) else size[0]
        self.context_length = model.context_length

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Made when the first sentence comes: SigLIP's is fetched from the hub, and images need none."""
        return load_tokenizer(self.architecture)

    def encode_images(self, images: Tensor, unit: bool = True) -> Tensor:
        """Features of whole images: [n, 3, H, H] in [0, 1] -> [n, C] float32 of unit length.

        CLIP is frozen, but gradients pass through it to images that require them. Without `unit` the features keep the
        length that CLIP gives them, which PointCLIP V1's adapter sees.
        """
        features = self.model.encode_image(self._prepare(images))
        return self._unit(features) if unit else features.float()

    def encode_patches(self, images: Tensor) -> Tensor:
        """Features of an image's patches in the space of the sentences: [n, 3, H, H] in [0, 1] -> [n, P, C].

        Patches come row by row, float32, of unit length; how towers of each kind give them stands in `towers`.
        Gradients pass through as in `encode_images`.

        Raises:
            InputError: for towers whose patches cannot be read against text.
        """
        return self._unit(patch_features(self.model.visual, self._prepare(images), self.name))

    def encode_text(self, sentences: Sequence[str], batch_size: int = 256) -> Tensor:
        """Features of sentences: k strings -> [k, C] float32, unit length. What exceeds `context_length` is cut."""
        places, parts = zip(*self.encode_text_batches(sentences, batch_size), strict=True)
        return torch.cat(parts)[torch.cat(places).argsort()]

    @torch.no_grad()  # not inference mode: what is trained on top may save these features for its gradients
    def encode_text_batches(self, sentences: Sequence[str], batch_size: int = 256) -> Iterator[tuple[Tensor, Tensor]]:
        """The features of `encode_text` piece by piece, short sentences first.

        Yields:
            The places [b] of some sentences, on the CPU, and their features [b, C] float32, on the encoder's device.
        """
        _check_sentences(sentences)
        tokens = self.tokenizer(list(sentences)).to(self.device)
        for places, features in text_batches(self.model, tokens, batch_size):
            yield places, self._unit(features)

    def count_cut(self, sentences: Sequence[str]) -> int:
        """How many of the sentences are longer than `context_length`, so that `encode_text` cuts them."""
        _check_sentences(sentences)
        return count_cut(self.tokenizer, tuple(sentences), self.context_length)

    def _unit(self, features: Tensor) -> Tensor:
        """Features [..., C] as float32 of unit length. InputError where they are no finite numbers."""
        if not bool(features.isfinite().all()):
            raise InputError(
                f"The encoder {self.name} gave features that are not finite numbers in {self.precision}; set "
                "ENCODER.PRECISION fp32, or get other weights."
            )
        return F.normalize(features.float(), dim=-1)

    def _prepare(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise InputError(
                f"Images came as {images.dtype} {list(images.shape)}; floating point [n, 3, H, H] was expected."
            )
        if images.shape[-2:] != (self.image_size, self.image_size):
            images = F.interpolate(
                images.float(), size=(self.image_size, self.image_size), mode="bilinear", antialias=True
            )
        return images.to(self.device, DTYPES[self.precision])


def _check_sentences(sentences: Sequence[str]) -> None:
    if isinstance(sentences, str) or not all(isinstance(sentence, str) for sentence in sentences):
        raise InputError('Sentences came as something else than a list of strings; pass ["a chair"] for one.')
    if not sentences:
        raise InputError("No sentences came; at least one is needed.")
