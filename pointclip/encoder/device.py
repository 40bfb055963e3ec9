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
