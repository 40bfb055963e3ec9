"""The environment of a run: versions, device."""

import json
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version

import torch

from pointclip.bundled import CHECKOUT
from pointclip.version import __version__

FORMAT = 2  # of metrics.json; incremented when an entry is removed or changes its meaning. 1 had no "format"
DEPENDENCIES = ("torch", "torchvision", "open_clip_torch", "timm", "numpy", "numba", "triton", "h5py", "trimesh")


def environment(device: torch.device, precision: str, seed: int) -> dict:
    """The entries of metrics.json about a run's environment."""
    return {
        "format": FORMAT,
        "version": __version__,
        "revision": revision(),
        "python": platform.python_version(),
        "dependencies": {name: number for name in DEPENDENCIES if (number := _version(name))},
        "device": device_name(device),
        "precision": precision,
        "seed": seed,
    }


def device_name(device: torch.device) -> str:
    """The GPU's name, or the CPU's architecture and the number of threads: "cpu (x86_64, 2 threads)"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


@cache
def revision() -> str | None:
    """The git commit of a checkout ("-dirty" if files differ) or of the installed package; None if unknown."""
    if CHECKOUT is None:
        return _installed_revision()
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):  # no git or no repository
        return None


def _installed_revision() -> str | None:
    """The commit that pip records when it installs from a repository (PEP 610)."""
    try:
        origin = distribution("pointclip").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    return json.loads(origin or "{}").get("vcs_info", {}).get("commit_id")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
