"""The projection of the published PointCLIP V2 code, from a user's checkout, run on the CPU.

The checkout is of github.com/yangyangyang127/PointCLIP_V2. Its code is imported unchanged.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import torch
from torch import Tensor, nn

from pointclip.errors import InputError
from pointclip.utils.files import expanded

FILES = {
    "classification": Path("zeroshot_cls/trainers/mv_utils_zs.py"),
    "segmentation": Path("zeroshot_seg/realistic_projection.py"),
}
DEVICE_ARGUMENTS = {"classification": {}, "segmentation": {"gpu": "cpu"}}  # of the published class
POINTS = {"segmentation": 2048}  # per cloud, if the published code supports only one number
VIEWS = 10


def source(folder: Path, task: str) -> Path:
    """The file with the task's projection; an InputError if the folder is not a checkout."""
    path = expanded(folder) / FILES[task]
    if not path.is_file():
        raise InputError(f"There is no {FILES[task]} in {folder}; give the folder of a checkout of PointCLIP V2.")
    return path


def projection(folder: Path, task: str) -> Callable[[Tensor], Tensor]:
    """The task's published `get_img`, without gradients: points [B, N, 3] -> depth maps [B, 10, H, H].

    Segmentation's also computes pixels and visibility, and supports only clouds of 2048 points.

    Raises:
        InputError: if the folder is not such a checkout, or its code is not as expected; the returned function too.
    """
    path = source(folder, task)
    with _on_the_cpu(path):
        module = _load(path, f"published_{task}")
        if not hasattr(module, "Realistic_Projection"):
            raise InputError(f"{path} has no Realistic_Projection; give a checkout of PointCLIP V2 as published.")
        theirs = module.Realistic_Projection(**DEVICE_ARGUMENTS[task])

    @torch.no_grad()
    def project(points: Tensor) -> Tensor:
        if points.shape[1] != POINTS.get(task, points.shape[1]):
            raise InputError(
                f"The published {task} supports only clouds of {POINTS[task]} points, not {points.shape[1]}."
            )
        with _on_the_cpu(path):
            images = theirs.get_img(points)
        images = images[0] if isinstance(images, tuple) else images  # segmentation: images, visibility, pixels
        expected = (len(points) * VIEWS, 3)
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[:2] != expected:
            what = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise InputError(f"{path}: get_img returned {what}; expected {expected[0]} images of 3 identical channels.")
        return images[:, 0].unflatten(0, (len(points), VIEWS))

    return project


def _load(path: Path, name: str) -> ModuleType:
    """Import the file, with a stand-in for torch_scatter if that is not installed or does not load."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    try:
        import torch_scatter  # noqa: F401, does not load if built for another torch
    except (ImportError, OSError):
        sys.modules["torch_scatter"] = _torch_scatter()
    spec.loader.exec_module(module)
    return module


@contextmanager
def _on_the_cpu(path: Path) -> Iterator[None]:
    """Make `.cuda()` of tensors and modules do nothing; errors inside name the file."""

    def stay(self, *_, **__):
        return self

    try:
        with patch.object(Tensor, "cuda", stay), patch.object(nn.Module, "cuda", stay):
            yield
    except InputError:
        raise
    except Exception as error:  # foreign code may fail in any way
        what = f"{type(error).__name__}: {error}".rstrip(".")
        raise InputError(f"{path} does not run here ({what}); give a checkout of PointCLIP V2 as published.") from error


def _torch_scatter() -> ModuleType:
    """A stand-in for the package of that name, with the one function that the published code calls."""

    def scatter(src: Tensor, index: Tensor, dim: int, out: Tensor, reduce: str) -> Tensor:
        return out.scatter_reduce_(dim, index, src, {"max": "amax"}[reduce])

    module = ModuleType("torch_scatter")
    module.scatter = scatter
    return module
