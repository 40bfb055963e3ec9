"""From a model's name and its weights to an `Encoder`."""

import logging
from difflib import get_close_matches
from pathlib import Path

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed
from torch import Tensor, nn

from pointclip.bundled import bundled
from pointclip.encoder.checkpoints import read_state_dict
from pointclip.encoder.clip import Encoder
from pointclip.encoder.device import PRECISIONS, check_device, native_precision
from pointclip.encoder.hub import check_reachable
from pointclip.errors import CannotFetch, InputError, first_line
from pointclip.utils.files import expanded

DEMO_FOLDER = bundled("data/demo")


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


def _add_demo_model() -> None:
    """Make the bundled model's architecture known to open_clip under the name "demo-clip"."""
    if not (DEMO_FOLDER / "demo-clip.json").is_file():
        raise InputError(f"The bundled CLIP is not in {DEMO_FOLDER}; install the package again.")
    if "demo-clip" not in open_clip.list_models():
        open_clip.add_model_config(DEMO_FOLDER / "demo-clip.json")


def _fetch(name: str, tag: str, entry: dict) -> str:
    """The file of a tag's weights, fetched from the hub (or its address) unless it is in the cache."""
    try:
        check_reachable(entry)
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
