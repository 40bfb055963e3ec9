"""Realistic projection: from a point cloud to depth maps by voxelize, densify, smooth, squeeze.

The entry point is `project`; the engines behind it give the same result at different speeds.
"""

import warnings
from functools import cache
from types import ModuleType

import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.projection import cells as torch_cells
from pointclip.projection import numba_engine, reference, triton_engine
from pointclip.projection.cells import Cells, view_slices
from pointclip.projection.crowded import CROWDED, project_crowded
from pointclip.projection.spec import STEPS, ProjectionSpec

__all__ = [
    "BACKENDS",
    "STEPS",
    "Cells",
    "ProjectionSpec",
    "cells_of_unit",
    "check_backend",
    "pick_backend",
    "project",
    "to_cells",
    "to_unit_box",
    "view_slices",
]

ENGINES = {"reference": reference, "numba": numba_engine, "triton": triton_engine}
BACKENDS = ("auto", *ENGINES)
FASTEST = {"cpu": "numba", "cuda": "triton"}  # by device type; other devices only run the reference engine


def check_backend(backend: str) -> str:
    """Return `backend` if it is a known engine; whether it can run here is checked later, by `pick_backend`."""
    if backend not in BACKENDS:
        raise InputError(f"Unknown projection backend {backend!r}; choose one of {', '.join(BACKENDS)}.")
    return backend


def pick_backend(
    backend: str, device: torch.device, needs_grad: bool = False, spec: ProjectionSpec | None = None
) -> str:
    """The engine to run: `backend` itself, or for "auto" the fastest available one (that supports `spec`, if given).

    Raises:
        InputError: for an unknown name, or an engine that cannot run here; the message says why.
    """
    name = FASTEST.get(torch.device(device).type, "reference") if check_backend(backend) == "auto" else backend
    reason = None if name == "reference" else ENGINES[name].why_unavailable(device, needs_grad, spec)
    if reason is None:
        return name
    if backend != "auto":
        raise InputError(f"The projection backend {backend!r} cannot run here: {reason}; use 'auto' or 'reference'.")
    if not ENGINES[name].is_installed():
        _warn_not_installed(name)
    return "reference"


@cache
def _warn_not_installed(name: str) -> None:
    warnings.warn(f"{name} is not installed; using the slower reference engine (pip install {name}).")


def to_unit_box(points: Tensor, backend: str = "auto") -> Tensor:
    """Centre clouds and scale their longest side to 2; see `pointclip.projection.cells.to_unit_box`."""
    return _quantizer(points, backend).to_unit_box(points)


def cells_of_unit(points: Tensor, rotations: Tensor, spec: ProjectionSpec, backend: str = "auto") -> Cells:
    """The cells of clouds returned by `to_unit_box`; see `pointclip.projection.cells.to_cells`."""
    return _quantizer(points, backend).cells_of_unit(points, rotations, spec)


def to_cells(points: Tensor, rotations: Tensor, spec: ProjectionSpec, backend: str = "auto") -> Cells:
    """Find the cell and the depth value of each point in each view; see `pointclip.projection.cells.to_cells`."""
    return cells_of_unit(to_unit_box(points, backend), rotations, spec, backend)


def _quantizer(points: Tensor, backend: str) -> ModuleType:
    """The module that quantises these points: the triton engine on a GPU on which it runs, else torch."""
    on_gpu = isinstance(points, Tensor) and points.is_cuda
    is_triton = on_gpu and pick_backend(backend, points.device, points.requires_grad) == "triton"
    return triton_engine if is_triton else torch_cells


def project(
    cells: Cells, spec: ProjectionSpec, lookup: Cells | None = None, backend: str = "auto"
) -> tuple[Tensor, Tensor | None]:
    """Depth maps from quantised points; see `pointclip.projection.reference.project`."""
    engine = ENGINES[pick_backend(backend, cells.value.device, cells.value.requires_grad, spec)]
    on_cpu = cells.value.device.type == "cpu"  # the GPU engine handles crowded cells itself
    if on_cpu and cells.row.shape[-1] >= CROWDED and not cells.value.requires_grad:
        return project_crowded(engine.project, cells, spec, lookup)
    return engine.project(cells, spec, lookup)
