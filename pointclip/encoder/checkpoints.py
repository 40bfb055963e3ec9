"""CLIP weights from a file or folder, read without ever executing code in them."""

import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pointclip.encoder.archives import is_archive, read_archive
from pointclip.encoder.hugging_face import from_hugging_face
from pointclip.errors import InputError, first_line
from pointclip.utils.file_errors import cannot_open, check_head
from pointclip.utils.files import expanded

OPENAI_CONSTANTS = ("input_resolution", "context_length", "vocab_size")  # beside the weights in OpenAI's archives
CONTAINERS = ("state_dict", "model_state_dict", "model")  # keys of the weights in training checkpoints
CLIP_PREFIXES = (
    "visual",
    "text",
    "transformer",
    "vision_model",
    "text_model",
)  # first parts of the names in a CLIP
FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
    "pytorch_model.bin",
)  # looked for in a folder of weights, in this order


def read_state_dict(path: str | Path) -> tuple[dict[str, Tensor], bool | None]:
    """Read the weights of a CLIP model.

    Takes OpenAI's TorchScript archives (ViT-B-16.pt and the like), pickled state dicts and training checkpoints
    (tensors and numbers only), safetensors, and folders with one of `FILES`. The type is detected from the first
    bytes, not the extension. Hugging Face's CLIPModel layout is converted to OpenAI's.

    Returns:
        The state dict on the CPU, and whether its model has QuickGELU: True for OpenAI's archives, as in
        config.json for Hugging Face's files, None if unknown.

    Raises:
        InputError: if the file does not exist, is truncated or not a weights file, would execute code, or has weights
            that are not finite.
    """
    path = expanded(path)
    if path.is_dir():
        path = _file_in(path)
    if not path.exists():
        raise InputError(
            f"There is no weights file {path}; give a path to a .pt or .safetensors file, or an open_clip tag."
        )
    check_head(path)
    try:
        weights = _tensors_of(_load(path), path)
    except (SafetensorError, RuntimeError, EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        if isinstance(error, PermissionError):
            raise cannot_open(path, error) from error
        raise InputError(f"The weights file {path} is truncated or has another format: {first_line(error)}.") from error
    except Exception as error:  # pickle.UnpicklingError and others raised by malformed pickles
        raise InputError(
            f"The weights file {path} is damaged or contains more than tensors, and was not loaded; download it again."
        ) from error
    is_openai = all(name in weights for name in OPENAI_CONSTANTS)
    weights = {name: value for name, value in weights.items() if name not in OPENAI_CONSTANTS}
    if "vision_model.embeddings.class_embedding" in weights:
        return from_hugging_face(weights, path), _hidden_act(path.with_name("config.json"))
    return weights, True if is_openai else None


def _file_in(folder: Path) -> Path:
    found = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if found is None:
        shards = next(iter(sorted(folder.glob("*.index.json"))), None)
        what = f"weights in several files ({shards.name})" if shards else "no weights file"
        raise InputError(f"The folder {folder} has {what}; expected one of {', '.join(FILES)}.")
    return found


def _load(path: Path) -> object:
    with open(path, "rb") as file:
        head = file.read(9)
    if len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return load_file(path)
    if is_archive(path):
        return read_archive(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                raise InputError(f"The weights file {path} is compressed, unlike torch's files; unpack it first.")
    with open(path, "rb") as file, warnings.catch_warnings(), torch.serialization.safe_globals(_NUMPY):
        warnings.simplefilter("ignore", UserWarning)  # about pickle protocols other than torch's
        return torch.load(file, map_location="cpu", weights_only=True)  # given a path, torch would use the extension


class _Type:
    """A stand-in for numpy.dtype in pickled numpy numbers, as in training checkpoints (epoch, best accuracy)."""

    def __init__(self, code: str, *_: object):
        if not isinstance(code, str) or code[:1] not in "biufcSU":
            raise pickle.UnpicklingError("a numpy type that is not a number")
        self.code = code

    def __setstate__(self, state: object) -> None:
        pass  # its byte order, which is not needed


def _number(kind: _Type, content: bytes) -> float:
    """A stand-in for a numpy number, whose value is not needed."""
    return 0.0


_NUMPY: list[Any] = [
    (_Type, "numpy.dtype"),
    (_number, "numpy.core.multiarray.scalar"),
    (_number, "numpy._core.multiarray.scalar"),
    _Type,
    *{type(np.dtype(code)) for code in "fdilqBb?"},
]


def _tensors_of(weights: object, path: Path) -> dict[str, Tensor]:
    """The state dict inside a checkpoint, without the wrappers added by training code."""
    for _ in CONTAINERS:
        inner = [weights[key] for key in CONTAINERS if isinstance(weights, dict) and isinstance(weights.get(key), dict)]
        weights = inner[0] if inner else weights
    if not isinstance(weights, dict) or not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"The weights file {path} has no state dict (names to tensors); is it a CLIP model's?")
    if wrong := [name for name in weights if not isinstance(name, str)]:
        raise InputError(f"The weights file {path} has a tensor whose name is not text: {wrong[0]!r:.40}.")
    weights, size = _without_prefix(weights), path.stat().st_size
    for name, value in weights.items():
        if value.is_meta or value.is_quantized or value.layout != torch.strided:
            kind = "meta" if value.is_meta else "quantized" if value.is_quantized else "sparse"
            raise InputError(f"The weights file {path} has a {kind} tensor {name}; expected plain numbers.")
        if not 0 <= value.numel() * value.itemsize <= value.untyped_storage().nbytes() <= size:
            raise InputError(
                f"The weights file {path} has a tensor {name} that is larger than its record; download it again."
            )
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise InputError(
                f"The weights file {path} has NaN or infinite values in {name}; download or train it again."
            )
    return weights


def _without_prefix(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove a prefix common to all names, such as module., _orig_mod. or clip_model."""
    while len(weights) > 1:
        firsts = {name.partition(".")[0] if "." in name else "" for name in weights}
        if len(firsts) > 1 or firsts & {"", *CLIP_PREFIXES}:
            break
        weights = {name.partition(".")[2]: value for name, value in weights.items()}
    return weights


def _hidden_act(config: Path) -> bool | None:
    """Whether Hugging Face's config.json specifies QuickGELU; None if there is no such file."""
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
        towers = [values.get(f"{tower}_config") or {} for tower in ("vision", "text")]
        return all(tower.get("hidden_act", "quick_gelu") == "quick_gelu" for tower in towers)  # transformers' default
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{config} cannot be read ({first_line(error)[:120]}); download it again.") from error
