"""CLIP weights from a file, read without ever unpickling arbitrary objects."""

import warnings
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pointclip.errors import InputError, first_line
from pointclip.utils.files import expanded

OPENAI_CONSTANTS = ("input_resolution", "context_length", "vocab_size")  # beside the weights in OpenAI's archives


def read_state_dict(path: str | Path) -> tuple[dict[str, Tensor], bool]:
    """Read the weights of a CLIP model.

    Takes OpenAI's TorchScript archives (ViT-B-16.pt and the like), pickled state dicts and training checkpoints
    (.pt, .pth, .bin; tensors only, `weights_only`), and safetensors.

    Returns:
        The state dict on the CPU, and whether the file shows that its weights are OpenAI's (which need QuickGELU).

    Raises:
        InputError: when there is no such file, or it is truncated or no such file of weights.
    """
    path = expanded(path)
    if not path.is_file():
        raise InputError(
            f"There is no weights file {path}; give a path to a .pt or .safetensors file, or an open_clip tag."
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path), False
        if _is_torchscript(path):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # TorchScript is on its way out; OpenAI's files stay
                weights = torch.jit.load(path, map_location="cpu").state_dict()
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise InputError(f"The weights file {path} is truncated or of another kind: {first_line(error)}.") from error
    except (
        Exception
    ) as error:  # pickle.UnpicklingError and what malformed pickles raise; none of it may pass as success
        raise InputError(
            f"The weights file {path} is damaged or holds more than tensors, and was not opened; get it again."
        ) from error
    return _tensors_of(weights, path)


def _is_torchscript(path: Path) -> bool:
    """A TorchScript archive is a zip that holds code beside its data; a pickled state dict holds none."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(Path(name).name == "constants.pkl" for name in archive.namelist())


def _tensors_of(weights: object, path: Path) -> tuple[dict[str, Tensor], bool]:
    """The state dict inside a checkpoint, without the wrappings that trainers put around it."""
    if isinstance(weights, dict) and isinstance(weights.get("state_dict"), dict):
        weights = weights["state_dict"]
    if not isinstance(weights, dict) or not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"The weights file {path} holds no state dict (names to tensors); is it a CLIP model's?")
    weights = {name.removeprefix("module."): value for name, value in weights.items()}
    is_openai = all(name in weights for name in OPENAI_CONSTANTS)
    return {name: value for name, value in weights.items() if name not in OPENAI_CONSTANTS}, is_openai
