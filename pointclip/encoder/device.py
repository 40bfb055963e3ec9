"""Devices and precisions of encoders."""

import torch

from pointclip.errors import InputError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = ("auto", "published", *DTYPES)


def precision_on(device: torch.device, precision: str) -> str:
    """The precision that a setting means on a device: "auto" is `native_precision`.

    "published" is the published code's, fp16, on a CUDA GPU; elsewhere fp32, since CPUs emulate fp16. Logits, which the
    published code computes in fp16 too, are in fp32 in both cases.
    """
    if precision == "published":
        return "fp16" if device.type == "cuda" else "fp32"
    return native_precision(device) if precision == "auto" else precision


def native_precision(device: torch.device) -> str:
    """The fastest precision with native support on the device.

    "bf16" on GPUs since Ampere and CPUs with bf16 instructions (AMX, AVX-512 BF16), "fp16" on older GPUs, else "fp32":
    a CPU without such instructions would emulate them, several times slower.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    if device.type == "cpu":
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # not in older releases of torch
        return (
            "bf16"
            if capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16")
            else "fp32"
        )
    return "fp32"


def check_device(device: str | torch.device) -> torch.device:
    """The device of that name; "auto" is the GPU if there is one, else the CPU.

    Raises:
        InputError: for an unavailable or unsupported device.
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
        raise InputError("The device 'mps' is not available, as it needs an Apple GPU; use 'auto' or 'cpu'.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"The device {str(device)!r} is not available ({torch.cuda.device_count()} GPUs); use 'auto' or 'cpu'."
        )
    return device


def has_mps() -> bool:
    """Whether there is an Apple GPU that torch can use."""
    return torch.backends.mps.is_available()


def projection_device(device: torch.device) -> torch.device:
    """The device for projections for an encoder on `device`: the same, except the CPU for Apple's GPUs.

    Projection needs float64, which MPS does not support.
    """
    return torch.device("cpu") if device.type == "mps" else device
