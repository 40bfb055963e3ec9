"""Where an encoder runs, and in which precision."""

import torch

from pointclip.errors import InputError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = ("auto", *DTYPES)


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
    """The device of that name; "auto" is the GPU if there is one, else the CPU.

    Raises:
        InputError: for a device that is not there or of an unknown kind.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps() else "cpu")
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"There is no device {device!r}; use 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'.") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"The device {str(device)!r} is not supported; use 'auto', 'cpu', 'cuda' or 'mps'.")
    if device.type == "mps" and not has_mps():
        raise InputError("The device 'mps' is not here, which takes an Apple GPU; use 'auto' or 'cpu'.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"The device {str(device)!r} is not here ({torch.cuda.device_count()} GPUs found); use 'auto' or 'cpu'."
        )
    return device


def has_mps() -> bool:
    """Whether there is an Apple GPU that torch can use."""
    return torch.backends.mps.is_available()


def projection_device(device: torch.device) -> torch.device:
    """Where shapes are projected for an encoder on `device`: there, but on the CPU for Apple's GPUs.

    Cells are found in float64, which MPS does not have.
    """
    return torch.device("cpu") if device.type == "mps" else device
