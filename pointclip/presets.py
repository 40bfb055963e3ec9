"""Encoder presets, the choices of --encoder, and the name of the encoder in a run's path."""

import re
from functools import cache
from pathlib import Path

import yaml

PRESETS = Path(__file__).with_name("encoder") / "presets"
WEIGHTS = (".pt", ".pth", ".bin", ".safetensors")  # extensions that are left out of names
MAX_NAME = 60  # characters; file systems allow 255 for the whole name


def preset_files() -> dict[str, Path]:
    """The file of each preset, by name."""
    return {path.stem: path for path in sorted(PRESETS.glob("*.yaml"))}


def encoder_in_path(name: str, pretrained: str) -> str:
    """The encoder as named in a run's path: its preset, such as vit_b16, or made of ENCODER.NAME and its weights.

    Weights in a file named like OpenAI's of the same model (ViT-B-16.pt) count as these.
    """
    weights = "openai" if pretrained == "auto" else pretrained
    presets = _encoders()
    if name == "demo" or (name, weights) in presets:
        return presets.get((name, weights), "demo")
    of_model = {model: preset for (model, _), preset in presets.items()}
    model = of_model.get(name) or _word(name)
    path = Path(weights)
    stem = path.stem if path.suffix.lower() in WEIGHTS else path.name
    if weights == "openai" or _letters(stem) in (_letters(name), f"{_letters(name)}px"):
        return model
    return f"{model}_{_word(stem)}"


@cache
def _encoders() -> dict[tuple[str, str], str]:
    """The preset of each pair of ENCODER.NAME and PRETRAINED."""
    read = {name: yaml.safe_load(path.read_text(encoding="utf-8"))["ENCODER"] for name, path in preset_files().items()}
    return {(values["NAME"], values.get("PRETRAINED", "openai")): name for name, values in read.items()}


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _word(text: str) -> str:
    """The text in the letters of a file name."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()[:MAX_NAME] or "other"
