"""A trained head as one file: its tensors, and what it was trained for."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from fewshot_cls.adapter import InterViewAdapter, joined_logits
from fewshot_cls.checkpoint import load_checkpoint, save_checkpoint, with_prefix
from fewshot_cls.heads import Head, KernelRidge, Linear, TipAdapter, ZeroShot
from fewshot_cls.smoothing import LearnedSmoothing
from pointclip.errors import InputError
from pointclip.prompts import key_of
from pointclip.utils.files import expanded

FORMAT = 1
CONSTRUCTORS: dict[str, Callable[..., Head]] = {  # of heads without an adapter
    "tip_adapter": TipAdapter,
    "tip_adapter_f": TipAdapter,
    "kernel_ridge": KernelRidge,
    "gaussian_discriminant": Linear,
    "linear_probe": partial(Linear, prior=False),
}


class AdaptedHead(nn.Module):
    """The inter-view adapter and the classes it scores against."""

    def __init__(self, adapter: InterViewAdapter, classes: Tensor):
        super().__init__()
        self.adapter = adapter
        self.register_buffer("classes", classes)

    def forward(self, views: Tensor) -> Tensor:
        """View features [n, V, C] -> logits [n, K]."""
        return joined_logits(self.adapter(views), self.classes)


@dataclass(frozen=True)
class HeadFacts:
    """What a head was trained for, and how; the file's metadata."""

    method: str  # "tip_adapter", "adapter", …
    encoder: str  # its name, for messages
    encoder_key: str  # a fingerprint of its weights and precision
    view_count: int
    class_names: tuple[str, ...]
    projection: dict  # the PROJECTION settings
    sentences: dict  # class -> its sentences
    numbers: dict  # hyperparameters of the method: α, β …
    features: str  # what it takes: "unit", or "raw" as CLIP returns them
    smoothing: dict  # arguments of its learned smoothing, {} where it has none
    shots: str  # "modelnet40, 16 shots, seed 0"
    chosen_on: str  # "validation shots", "test labels", "nothing"

    @property
    def tuned_on_test(self) -> bool:
        return self.chosen_on == "test labels"


def save_head(path: Path, head: nn.Module, facts: HeadFacts, smoothing: LearnedSmoothing | None = None) -> None:
    """Write a head, and the smoothing that goes with it, to one safetensors file; whole or not at all."""
    tensors = {f"head.{name}": tensor for name, tensor in head.state_dict().items()}
    if smoothing is not None:
        tensors |= {f"smoothing.{name}": tensor for name, tensor in smoothing.state_dict().items()}
    save_checkpoint(path, tensors, {"format": FORMAT, **asdict(facts)})


def load_head(path: str | Path) -> tuple[nn.Module, HeadFacts, dict[str, Tensor]]:
    """A head in evaluation mode, what it was trained for, and the learned smoothing's tensors ({} where it has none).

    Raises:
        InputError: for a file that does not exist, or is not a head.
    """
    path = expanded(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}; give the head.safetensors that a few-shot run wrote.")
    tensors, facts = load_checkpoint(path)
    if facts.pop("format", None) != FORMAT:
        raise InputError(f"{path} is not a few-shot head; give the head.safetensors that a few-shot run wrote.")
    facts = HeadFacts(**{**facts, "class_names": tuple(facts["class_names"])})
    parts = {kind: with_prefix(kind, tensors) for kind in ("head", "smoothing")}
    return _rebuild(facts, parts["head"]).eval().requires_grad_(False), facts, parts["smoothing"]


def check_fits(facts: HeadFacts, encoder_key: str, encoder: str, view_count: int) -> None:
    """Raise an InputError where a head was trained for another encoder or another number of views."""
    if facts.encoder_key != encoder_key:
        raise InputError(
            f"The head was trained for the encoder {facts.encoder}, but this one is {encoder}, or has other weights or "
            "another precision; set ENCODER to the head's, or train a head for this one."
        )
    if facts.view_count != view_count:
        raise InputError(
            f"The head was trained for {facts.view_count} views, but the projection has {view_count}; set "
            "PROJECTION.VIEWS to the head's, or train a head for these."
        )


def class_columns(facts: HeadFacts, class_names: Sequence[str]) -> tuple[list[int], list[int]]:
    """The classes that a head and a data set share, as columns of the head's logits and as labels of the data set.

    Raises:
        InputError: where they share none.
    """
    labels = {key_of(name): number for number, name in enumerate(class_names)}
    shared = [(column, labels[key_of(name)]) for column, name in enumerate(facts.class_names) if key_of(name) in labels]
    if not shared:
        raise InputError(
            f"The head has the classes {', '.join(facts.class_names)}, but none of the data set's classes "
            f"{', '.join(class_names)}; score it on a data set that shares some of its classes."
        )
    columns, shared_labels = zip(*shared, strict=True)
    return list(columns), list(shared_labels)


def _rebuild(facts: HeadFacts, tensors: dict[str, Tensor]) -> nn.Module:
    """A method's head with these tensors."""
    numbers = facts.numbers
    if facts.method == "smoothing":
        return ZeroShot(**tensors)
    if facts.method in ("adapter", "adapter_smoothing"):
        adapter = InterViewAdapter(facts.view_count, tensors["classes"].shape[1], **numbers)
        head: nn.Module = AdaptedHead(adapter, tensors["classes"])
    else:
        zero = ZeroShot(tensors["zero.classes"], tensors["zero.weights"])
        rest = {name: tensor for name, tensor in tensors.items() if not name.startswith("zero.")}
        head = CONSTRUCTORS[facts.method](zero, **rest, **numbers)
    head.load_state_dict(tensors)
    return head
