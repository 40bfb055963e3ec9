"""The methods: one file each, and a row here. Imports no torch, so that settings can be checked at once."""

from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fewshot_cls.methods.head import Head


@dataclass(frozen=True)
class Method:
    """What settings, progress bars and files need to know of a method; the rest is its head's class.

    A method without training is its head's `grid` and `fit`; one with training, its head's `untrained` or `fit`, and
    its `recipe`. See `fewshot_cls.methods.head.Head`.
    """

    name: str
    kind: str  # the head's class, as module:name in this package
    trains: bool = False  # by gradient descent
    smoothing: bool = False  # also learns V2's smoothing, through CLIP
    raw: bool = False  # may take view features as CLIP returns them (ADAPTER.FEATURES)
    batch_norm: bool = False  # needs two shapes a step

    @property
    def head(self) -> "type[Head]":
        """The class of its heads, whose module is imported now."""
        return resolve_name(f"{__name__}.{self.kind}")

    @property
    def words(self) -> str:
        return self.name.replace("_", " ")


METHODS = {
    method.name: method
    for method in (
        Method("nearest_mean", "nearest_mean:NearestMean"),
        Method("tip_adapter", "tip_adapter:TipAdapter"),
        Method("gaussian_discriminant", "gaussian_discriminant:GaussianDiscriminant"),
        Method("kernel_ridge", "kernel_ridge:KernelRidge"),
        Method("linear_probe", "linear_probe:LinearProbe"),
        Method("tip_adapter_f", "tip_adapter_f:TipAdapterF", trains=True),
        Method("adapter", "adapter:AdaptedHead", trains=True, raw=True, batch_norm=True),
        Method("smoothing", "zero_shot:ZeroShot", trains=True, smoothing=True),
        Method("adapter_smoothing", "adapter:AdaptedHead", trains=True, smoothing=True, raw=True, batch_norm=True),
    )
}
