"""Encoders that do not exist, and weights that cannot be downloaded: reported before the slow imports."""

import sys
from collections.abc import Collection
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from yacs.config import CfgNode

from pointclip.errors import CannotFetch, InputError
from pointclip.utils.files import expanded
from pointclip.utils.network import unreachable

FROM_HUB = ("auto", "openai")  # ENCODER.PRETRAINED that open_clip fetches from the hub for all models
FILES = (".pt", ".pth", ".bin", ".safetensors")
SECONDS = 3.0


def check_encoder(encoder: CfgNode) -> None:
    """Raise an InputError if the settings ENCODER name an unknown model or a missing file, without open_clip."""
    name, path = encoder.NAME, Path(encoder.PRETRAINED)
    models = model_names()
    if name != "demo" and ":" not in name and models and name not in models:
        raise unknown_model(name, models)
    if path.suffix.lower() in FILES and not expanded(path).exists():
        raise InputError(f"There is no weights file {path}; check ENCODER.PRETRAINED.")


def model_names() -> set[str]:
    """The models of open_clip, which are the names of its config files; empty if it is not installed."""
    if open_clip := sys.modules.get("open_clip"):  # where others may have been added
        return set(open_clip.list_models())
    spec = find_spec("open_clip")
    places = (spec.submodule_search_locations if spec else None) or ()
    return {path.stem for place in places for path in Path(place, "model_configs").glob("*.json")}


def unknown_model(name: str, known: Collection[str]) -> InputError:
    """The error for an unknown ENCODER.NAME."""
    near = " or ".join(get_close_matches(name, [*sorted(known), "demo"])) or "RN50 or ViT-B-16"
    return InputError(
        f"There is no CLIP {name!r}; did you mean {near}? See open_clip.list_models(); 'demo' is bundled."
    )


def check_weights(encoder: CfgNode) -> None:
    """Return unless weights have to be fetched from the hub, which does not answer.

    Without open_clip it is not known which repository has them, so this only applies if the hub's cache has no weights
    at all; `pointclip.encoder.reachable` asks later for a particular one.

    Args:
        encoder: the settings ENCODER.

    Raises:
        CannotFetch: if the cache is empty and the hub cannot be reached within `SECONDS`.
    """
    name, pretrained = encoder.NAME, encoder.PRETRAINED
    if name == "demo" or ":" in name or pretrained not in FROM_HUB or expanded(pretrained).exists():
        return
    from huggingface_hub import constants  # imported here since it is slow and often not needed

    if constants.HF_HUB_OFFLINE or any(Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*/*")):
        return
    if reason := unreachable(constants.ENDPOINT, SECONDS):
        raise CannotFetch(
            f"The weights of {name} are not on this machine, and {constants.ENDPOINT} cannot be reached ({reason}); "
            "try again, give the path of a file you have as ENCODER.PRETRAINED, or use ENCODER.NAME demo, which is "
            "bundled."
        )
