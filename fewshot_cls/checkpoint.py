"""Tensors and metadata in one safetensors file, written atomically."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pointclip.errors import InputError, first_line
from pointclip.utils.files import atomic_path

METADATA_KEY = "pointclip"  # in the file's header


def save_checkpoint(path: Path, tensors: dict[str, Tensor], metadata: dict) -> None:
    """Write tensors and metadata, which JSON must be able to hold, to a file.

    Raises:
        InputError: where the disk is full.
    """
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, {METADATA_KEY: json.dumps(metadata)})
        except SafetensorError as error:  # a full disk
            raise InputError(f"Cannot write {path} ({first_line(error)}); make room for it.") from error


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict]:
    """A file's tensors, on the CPU, and its metadata; both empty for a file that is missing, damaged or not ours."""
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {})[METADATA_KEY])
            if not isinstance(metadata, dict):
                return {}, {}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 - no dict
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError):  # RuntimeError also for deep nesting
        return {}, {}


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors named "prefix.NAME", by NAME."""
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
