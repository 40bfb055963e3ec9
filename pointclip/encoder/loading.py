"""From a model's name and its weights to an `Encoder`."""

import logging
from pathlib import Path

import torch
from torch import Tensor, nn

from pointclip.encoder.checkpoints import read_state_dict
from pointclip.encoder.clip import Encoder
from pointclip.encoder.device import PRECISIONS, check_device, precision_on
from pointclip.encoder.hub import is_location, weights_at
from pointclip.encoder.installed import check_torchvision
from pointclip.encoder.reachable import check_reachable
from pointclip.errors import CannotFetch, InputError, first_line
from pointclip.utils.files import expanded
from pointclip.utils.hub import unknown_model

DEMO_FOLDER = Path(__file__).with_name("demo")


def load_encoder(
    name: str,
    pretrained: str | Path | None = "auto",
    device: str | torch.device = "cpu",
    precision: str = "auto",
    quick_gelu: bool | None = None,
) -> Encoder:
    """Load a CLIP: "demo" is the bundled stand-in, all other names are open_clip's.

    Args:
        name: "RN50", "RN101", "ViT-B-32", "ViT-B-16", …, any of open_clip's models, "demo", or a location with
            open_clip_config.json and weights: "hf-hub:organisation/repository" or "local-dir:folder".
        pretrained: a tag such as "openai" (downloaded once, with a progress bar, resumable), the path of a
            .pt or .safetensors file or of a folder with one, "hf-hub:organisation/repository", or None for random
            weights (timings and tests). "auto" is "openai", or the included weights for "demo" and locations.
        device: where it runs.
        precision: "fp32", "bf16", "fp16", "auto": the fastest with native support (see `native_precision`), or
            "published": fp16 on a CUDA GPU, else fp32.
        quick_gelu: whether a file's model was trained with QuickGELU, as OpenAI's were. None determines this from the
            tag, or for a file from the model's config or the file itself (see `read_state_dict`).

    Raises:
        InputError: for an unknown name, tag or precision, a missing, truncated or mismatching file, non-finite
            weights, or incompatible versions of torch and torchvision.
    """
    check_torchvision()
    import open_clip

    if precision not in PRECISIONS:
        raise InputError(f"Unknown precision {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    device = check_device(device)
    precision = precision_on(device, precision)
    if is_location(name):
        weights = None if pretrained is None else _weights_at_location(name, str(pretrained), quick_gelu)
        source = "random weights" if pretrained is None else "its own weights"
        return Encoder(_build(name, weights, source, False, precision, device), name, f"{name} ({source})", precision)
    if name == "demo":
        if pretrained not in ("auto", "openai"):
            raise InputError(
                f"The encoder 'demo' includes its weights, but {str(pretrained)!r} was given; name its model too."
            )
        _add_demo_model()
        name, pretrained = "demo-clip", DEMO_FOLDER / "demo-clip.safetensors"
    pretrained = "openai" if pretrained == "auto" else pretrained
    if name not in open_clip.list_models():
        raise unknown_model(name, open_clip.list_models())
    notes: list[str] = []
    if pretrained is None:
        weights, source = None, "random weights"
    elif tag := open_clip.get_pretrained_cfg(name, str(pretrained)):
        if quick_gelu not in (None, tag.get("quick_gelu", False)):
            raise InputError(f"The weights {pretrained!r} of {name} determine QuickGELU; leave it 'auto'.")
        weights, _ = read_state_dict(_fetch(name, str(pretrained), tag))
        source, quick_gelu = str(pretrained), tag.get("quick_gelu", False)
    elif is_location(str(pretrained)) or Path(pretrained).suffix or expanded(pretrained).exists():
        weights, shown = read_state_dict(weights_at(str(pretrained)) if is_location(str(pretrained)) else pretrained)
        source = str(pretrained) if is_location(str(pretrained)) else Path(pretrained).name
        quick_gelu = shown if quick_gelu is None else quick_gelu
        notes = _notes_on_quick_gelu(name, source, quick_gelu)
    else:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise InputError(f"{name} has no weights {str(pretrained)!r}; its tags are {tags}, or give the path of a file.")
    model = _build(name, weights, source, bool(quick_gelu), precision, device)
    return Encoder(model, name, f"{name} ({source})", precision, notes)


def _weights_at_location(name: str, pretrained: str, quick_gelu: bool | None) -> dict[str, Tensor]:
    """The weights of a model given by location, whose config determines everything else."""
    if pretrained not in ("auto", "openai") or quick_gelu is not None:
        raise InputError(f"{name} includes weights and config; leave ENCODER.PRETRAINED and QUICK_GELU 'auto'.")
    return read_state_dict(weights_at(name))[0]


def _notes_on_quick_gelu(name: str, source: str, quick_gelu: bool | None) -> list[str]:
    """A note if a file does not specify what OpenAI's weights of the model need."""
    import open_clip

    tag = open_clip.get_pretrained_cfg(name, "openai") or {}
    if quick_gelu is not None or not tag.get("quick_gelu"):
        return []
    return [
        f"{source} does not specify whether {name} uses QuickGELU, which OpenAI's weights need; it was run without "
        "(set ENCODER.QUICK_GELU yes or no)."
    ]


def _add_demo_model() -> None:
    """Register the bundled model's architecture with open_clip under the name "demo-clip"."""
    import open_clip

    if not (DEMO_FOLDER / "demo-clip.json").is_file():
        raise InputError(f"The bundled CLIP is not in {DEMO_FOLDER}; reinstall the package.")
    if "demo-clip" not in open_clip.list_models():
        open_clip.add_model_config(DEMO_FOLDER / "demo-clip.json")


def _fetch(name: str, tag: str, entry: dict) -> str:
    """The file of a tag's weights, downloaded unless cached."""
    import open_clip

    try:
        check_reachable(entry)
        return open_clip.download_pretrained(entry)
    except (OSError, RuntimeError) as error:
        place = entry.get("hf_hub") or entry.get("url")
        raise CannotFetch(
            f"The weights {tag!r} of {name} could not be downloaded from {place} ({first_line(error)}); "
            "try again (an interrupted download resumes), set ENCODER.PRETRAINED to a local file, or use ENCODER.NAME "
            "demo, which is bundled."
        ) from error


def _build(name: str, weights: dict | None, source: str, quick_gelu: bool, precision: str, device: torch.device):
    """The model of that name with these weights, in this precision."""
    import open_clip

    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)  # open_clip warns that no weights are loaded, which happens below
    try:
        if is_location(name) and "trust_remote_code" in str(open_clip.get_model_config(name)):
            raise InputError(
                f"The config of {name} asks to run code from its repository (trust_remote_code), which is not allowed; "
                "use another model."
            )
        model = open_clip.create_model(
            name, load_weights=False, precision=precision, force_quick_gelu=quick_gelu, pretrained_text=False
        )
    except (OSError, RuntimeError, ValueError) as error:
        if not is_location(name) or isinstance(error, InputError):
            raise
        raise InputError(
            f"{name} cannot be built ({first_line(error)[:200]}); check its open_clip_config.json."
        ) from error
    finally:
        logging.disable(previous)
    if weights is not None:
        _fill(model, weights, name, source)
    return model.to(device)


def _fill(model: nn.Module, weights: dict[str, Tensor], name: str, source: str) -> None:
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed

    try:
        weights = convert_state_dict(model, weights)
        if "positional_embedding" in weights and not hasattr(model, "positional_embedding"):
            weights = convert_to_custom_text_state_dict(weights)
        for scalar in {"logit_scale", "logit_bias"} & weights.keys():  # stored with or without a dimension
            weights[scalar] = weights[scalar].reshape(getattr(model, scalar).shape)
        resize_pos_embed(weights, model)
        model.load_state_dict(weights)
    except (RuntimeError, KeyError, AttributeError) as error:
        raise InputError(
            f"The weights in {source} do not match {name}: {' '.join(str(error).split())[:200]} …"
        ) from error
