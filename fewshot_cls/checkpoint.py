"""Tensors with facts about them as one safetensors file, written whole or not at all."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pointclip.errors import InputError, first_line
from pointclip.utils.files import atomic_path

FACTS = "pointclip"  # the key of the file's metadata


def save_checkpoint(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write tensors and facts (as JSON writes them) to a file.

    Raises:
        InputError: where there is no room for it.
    """
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, {FACTS: json.dumps(facts)})
        except SafetensorError as error:  # a full disk
            raise InputError(f"Cannot write {path} ({first_line(error)}); make room for it.") from error


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict]:
    """A file's tensors, on the CPU, and its facts; both empty where it is not there, damaged, or another's."""
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})[FACTS])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118 - no dict
    except (SafetensorError, OSError, KeyError, ValueError):
        return {}, {}
