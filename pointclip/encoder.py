"""CLIP through open_clip: depth maps, their patches, and sentences become unit features in one space."""

import logging
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import open_clip
import torch
import torch.nn.functional as F
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed
from torch import Tensor, nn

from pointclip.checkpoints import read_state_dict
from pointclip.errors import CannotFetch, InputError, first_line
from pointclip.files import expanded
from pointclip.tokenizer import Tokenizer, count_cut, load_tokenizer
from pointclip.towers import patch_features

DEMO_FOLDER = Path(__file__).resolve().parents[1] / "data" / "demo"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = ("auto", *DTYPES)


class Encoder(nn.Module):
    """A frozen CLIP with what the tasks ask of it; made by `load_encoder`.

    Images go in as they are: PointCLIP V2 feeds depth maps in [0, 1] without CLIP's mean and standard deviation, and so
    does every other encoder here, whatever mean and deviation it was trained with (MobileCLIP2 with none).

    Attributes:
        architecture: open_clip's name of the model.
        name: what was loaded, for reports.
        precision: "fp32", "bf16" or "fp16", the type of its weights; features always come as float32.
        image_size: rows (= columns) of its input; images of another size are resized to it.
        context_length: tokens of a sentence that it reads, start and end marks included.
    """

    def __init__(self, model: nn.Module, architecture: str, name: str, precision: str):
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.architecture = architecture
        self.name = name
        self.precision = precision
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

    def encode_images(self, images: Tensor) -> Tensor:
        """Features of whole images: [n, 3, H, H] in [0, 1] -> [n, C] float32 of unit length.

        CLIP is frozen, but gradients pass through it to images that require them.
        """
        features = self.model.encode_image(self._prepare(images))
        return F.normalize(features.float(), dim=-1)

    def encode_patches(self, images: Tensor) -> Tensor:
        """Features of an image's patches in the space of the sentences: [n, 3, H, H] in [0, 1] -> [n, P, C].

        Patches come row by row, float32, of unit length; how towers of each kind give them stands in `towers`.
        Gradients pass through as in `encode_images`.

        Raises:
            InputError: for towers whose patches cannot be read against text.
        """
        features = patch_features(self.model.visual, self._prepare(images), self.name)
        return F.normalize(features.float(), dim=-1)

    @torch.no_grad()  # not inference mode: what is trained on top may save these features for its gradients
    def encode_text(self, sentences: list[str], batch_size: int = 256) -> Tensor:
        """Features of sentences: k strings -> [k, C] float32, unit length. What exceeds `context_length` is cut."""
        _check_sentences(sentences)
        features = []
        for start in range(0, len(sentences), batch_size):
            tokens = self.tokenizer(list(sentences[start : start + batch_size])).to(self.device)
            features.append(F.normalize(self.model.encode_text(tokens).float(), dim=-1))
        return torch.cat(features)

    def count_cut(self, sentences: Sequence[str]) -> int:
        """How many of the sentences are longer than `context_length`, so that `encode_text` cuts them."""
        _check_sentences(sentences)
        return count_cut(self.tokenizer, tuple(sentences), self.context_length)

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


def load_encoder(
    name: str,
    pretrained: str | Path | None = "auto",
    device: str | torch.device = "cpu",
    precision: str = "auto",
    quick_gelu: bool | None = None,
) -> Encoder:
    """Load a CLIP: "demo" is the bundled stand-in, every other name is open_clip's.

    Args:
        name: "RN50", "RN101", "ViT-B-32", "ViT-B-16", …, any of open_clip's models, or "demo".
        pretrained: a tag such as "openai" (fetched from the hub once, with a progress bar, resumable), the path of a
            .pt or .safetensors file, or None for random weights (timings and tests). "auto" is "openai", or for "demo"
            what is bundled.
        device: where it runs.
        precision: "fp32", "bf16", "fp16", or "auto": the fastest that the device has natively (see `native_precision`).
        quick_gelu: whether a file's model was trained with QuickGELU, as OpenAI's were. None takes this from the tag,
            and for a file from the model's config or from its being one of OpenAI's own archives.

    Raises:
        InputError: for an unknown name, tag or precision, and a missing, truncated or unfitting file.
    """
    if precision not in PRECISIONS:
        raise InputError(f"The precision is {precision!r}, but the known ones are {', '.join(PRECISIONS)}.")
    device = check_device(device)
    precision = native_precision(device) if precision == "auto" else precision
    if name == "demo":
        if pretrained not in ("auto", "openai"):
            raise InputError(
                f"The encoder 'demo' brings its own weights, but {str(pretrained)!r} came; name its model too."
            )
        _add_demo_model()
        name, pretrained = "demo-clip", DEMO_FOLDER / "demo-clip.safetensors"
    pretrained = "openai" if pretrained == "auto" else pretrained
    if name not in open_clip.list_models():
        near = " or ".join(get_close_matches(name, [*open_clip.list_models(), "demo"])) or "RN50 or ViT-B-16"
        raise InputError(
            f"There is no CLIP {name!r}; did you mean {near} (see open_clip.list_models(); 'demo' is bundled)?"
        )
    if pretrained is None:
        weights, source = None, "random weights"
    elif tag := open_clip.get_pretrained_cfg(name, str(pretrained)):
        if quick_gelu not in (None, tag.get("quick_gelu", False)):
            raise InputError(f"The weights {pretrained!r} of {name} settle QuickGELU; leave it 'auto'.")
        weights, _ = read_state_dict(_fetch(name, str(pretrained), tag))
        source, quick_gelu = str(pretrained), tag.get("quick_gelu", False)
    elif Path(pretrained).suffix or expanded(pretrained).exists():
        weights, is_openai = read_state_dict(pretrained)
        source, quick_gelu = Path(pretrained).name, is_openai if quick_gelu is None else quick_gelu
    else:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise InputError(f"{name} has no weights {str(pretrained)!r}; its tags are {tags}, or give the path of a file.")
    model = _build(name, weights, source, bool(quick_gelu), precision, device)
    return Encoder(model, name, f"{name} ({source})", precision)


def native_precision(device: torch.device) -> str:
    """The fastest precision that the device computes in natively.

    "bf16" on GPUs since Ampere and CPUs with bf16 instructions (AMX, AVX-512 BF16), "fp16" on older GPUs, else "fp32":
    a CPU without such instructions emulates them, several times slower.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    if device.type == "cpu":
        able = getattr(torch.cpu, "get_capabilities", dict)()  # older releases of torch cannot tell
        return "bf16" if able.get("amx_bf16") or able.get("avx512_bf16") or able.get("bf16") else "fp32"
    return "fp32"


def check_device(device: str | torch.device) -> torch.device:
    """The device of that name; "auto" is the GPU if there is one, else the CPU. InputError where it is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"There is no device {device!r}; use 'auto', 'cpu', 'cuda' or 'cuda:N'.") from error
    if device.type not in ("cpu", "cuda"):
        raise InputError(
            f"The device {str(device)!r} is of a kind that is not tried here; use 'auto', 'cpu' or 'cuda'."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"The device {str(device)!r} is not here ({torch.cuda.device_count()} GPUs found); use 'auto' or 'cpu'."
        )
    return device


def _add_demo_model() -> None:
    """Make the bundled model's architecture known to open_clip under the name "demo-clip"."""
    if not (DEMO_FOLDER / "demo-clip.json").is_file():
        raise InputError(f"The bundled CLIP is not in {DEMO_FOLDER}; run from a full checkout of the repository.")
    if "demo-clip" not in open_clip.list_models():
        open_clip.add_model_config(DEMO_FOLDER / "demo-clip.json")


def _fetch(name: str, tag: str, entry: dict) -> str:
    """The file of a tag's weights, fetched from the hub (or its address) unless it is in the cache."""
    try:
        return open_clip.download_pretrained(entry)
    except (OSError, RuntimeError) as error:
        place = entry.get("hf_hub") or entry.get("url")
        raise CannotFetch(
            f"The weights {tag!r} of {name} could not be fetched from {place} ({first_line(error)}); "
            "try again (a broken download resumes), give the path of a file you have as ENCODER.PRETRAINED, or try "
            "ENCODER.NAME demo, which is bundled."
        ) from error


def _build(name: str, weights: dict | None, source: str, quick_gelu: bool, precision: str, device: torch.device):
    """The model of that name with these weights, in this precision."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)  # open_clip warns that no weights were loaded; they are, below
    try:
        model = open_clip.create_model(name, precision=precision, force_quick_gelu=quick_gelu, pretrained_text=False)
    finally:
        logging.disable(previous)
    if weights is not None:
        _fill(model, weights, name, source)
    return model.to(device)


def _fill(model: nn.Module, weights: dict[str, Tensor], name: str, source: str) -> None:
    try:
        weights = convert_state_dict(model, weights)
        if "positional_embedding" in weights and not hasattr(model, "positional_embedding"):
            weights = convert_to_custom_text_state_dict(weights)
        for scalar in {"logit_scale", "logit_bias"} & weights.keys():  # files have them with and without a dimension
            weights[scalar] = weights[scalar].reshape(getattr(model, scalar).shape)
        resize_pos_embed(weights, model)
        model.load_state_dict(weights)
    except (RuntimeError, KeyError, AttributeError) as error:
        raise InputError(
            f"The weights in {source} do not fit {name}: {' '.join(str(error).split())[:200]} …"
        ) from error
