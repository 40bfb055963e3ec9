"""The projection of the published PointCLIP V2 code, out of a user's own checkout, brought to the CPU.

The checkout is github.com/yangyangyang127/PointCLIP_V2. Its code is imported from there as it stands.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from pointclip.errors import InputError

FILES = {
    "classification": Path("zeroshot_cls/trainers/mv_utils_zs.py"),
    "segmentation": Path("zeroshot_seg/realistic_projection.py"),
}


def source(folder: Path, task: str) -> Path:
    """The file with the task's projection; an InputError when the folder is no checkout."""
    path = folder.expanduser() / FILES[task]
    if not path.is_file():
        raise InputError(f"There is no {FILES[task]} in {folder}; give the folder of a checkout of PointCLIP V2.")
    return path


def projection(folder: Path, task: str) -> Callable[[Tensor], Tensor]:
    """The task's published `get_img`, without gradients: points [B, N, 3] -> depth maps [B · 10, 3, H, H].

    Segmentation's works out pixels and visibility too, and takes clouds of 2048 points only.

    Raises:
        InputError: when the folder is no such checkout.
    """
    if "torch_scatter" not in sys.modules and importlib.util.find_spec("torch_scatter") is None:
        sys.modules["torch_scatter"] = _torch_scatter()
    spec = importlib.util.spec_from_file_location(f"published_{task}", source(folder, task))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with _cuda_is_cpu():
        theirs = module.Realistic_Projection(**({"gpu": "cpu"} if task == "segmentation" else {}))

    @torch.no_grad()
    def project(points: Tensor) -> Tensor:
        with _cuda_is_cpu():
            images = theirs.get_img(points)
        return images[0] if isinstance(images, tuple) else images

    return project


@contextmanager
def _cuda_is_cpu() -> Iterator[None]:
    """Make `.cuda()` of tensors and modules leave them where they are."""
    kept = Tensor.cuda, nn.Module.cuda
    Tensor.cuda = nn.Module.cuda = lambda self, *_, **__: self
    try:
        yield
    finally:
        Tensor.cuda, nn.Module.cuda = kept


def _torch_scatter() -> ModuleType:
    """What stands in for the package of that name: the one function of it that the published code calls."""

    def scatter(src: Tensor, index: Tensor, dim: int, out: Tensor, reduce: str) -> Tensor:
        return out.scatter_reduce_(dim, index, src, {"max": "amax"}[reduce])

    module = ModuleType("torch_scatter")
    module.scatter = scatter
    return module
