"""Heads: modules that turn a shape's view features into class logits, each with its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fewshot_cls.checkpoint import load_checkpoint, save_checkpoint, with_prefix
from fewshot_cls.head_facts import HeadFacts, wrong_head
from fewshot_cls.methods import METHODS
from fewshot_cls.recipe import Recipe
from pointclip.errors import InputError, first_line
from pointclip.utils.files import expanded

if TYPE_CHECKING:
    from fewshot_cls.methods.zero_shot import ZeroShot

FORMAT = 1


class Head(nn.Module):
    """View features -> class logits. A method's head says how it is fitted, saved and rebuilt.

    Attributes:
        grid: hyperparameter -> the values to select from; empty where none is selected. Where nothing selects, the
            setting CLOSED_FORM.<hyperparameter> holds.
        recipe: of its training where that is the method's own; None for TRAIN's.
        temperature: by which its logits are divided for probabilities; set where the head is learned.
        calibrated: whether the temperature was fitted on shapes that the head had not seen.
    """

    grid: ClassVar[Mapping[str, Sequence[float]]] = {}
    recipe: ClassVar[Recipe | None] = None
    temperature: float = 1.0
    calibrated: bool = False

    @property
    def numbers(self) -> dict:
        """The hyperparameters that rebuild it from its tensors."""
        return {}

    @classmethod
    def fit(cls, zero: ZeroShot, views: Tensor, labels: Tensor, *, how: str, **hyperparameters: float) -> Head:
        """A head from the support in closed form.

        Args:
            zero: the zero-shot head, of K classes.
            views: [m, V, C], unit view features of the support.
            labels: [m] int64.
            how: see `fewshot_cls.methods.vector_head.shape_vectors`.
            hyperparameters: the names of `grid`.
        """
        raise NotImplementedError

    @classmethod
    def untrained(
        cls, zero: ZeroShot, views: Tensor, seed: int, *, scale: float, dropout: float, hidden_dropout: bool = False
    ) -> Head:
        """A head to be trained, where there is no closed form to start from.

        Args:
            zero: the zero-shot head.
            views: [m, V, C], of the support.
            seed: of the initial weights.
            scale, dropout, hidden_dropout: see `fewshot_cls.methods.adapter.InterViewAdapter`.
        """
        raise NotImplementedError

    @classmethod
    def rebuild(cls, tensors: Mapping[str, Tensor], numbers: Mapping) -> Head:
        """The head with these tensors and `numbers`."""
        raise NotImplementedError

    def zero_shot(self, weights: Tensor) -> ZeroShot:
        """Zero-shot of the head's classes; `weights` [V] are used where the head has no view weights."""
        raise NotImplementedError

    def save(self, path: Path, facts: HeadFacts, smoothing: nn.Module | None = None) -> None:
        """Write it, and the learned smoothing that goes with it, to a safetensors file; whole or not at all."""
        tensors = {f"head.{name}": tensor for name, tensor in self.state_dict().items()}
        if smoothing is not None:
            tensors |= {f"smoothing.{name}": tensor for name, tensor in smoothing.state_dict().items()}
        save_checkpoint(path, tensors, {"format": FORMAT, **asdict(facts)})

    @staticmethod
    def load(path: str | Path) -> SavedHead:
        """Read what `save` wrote.

        Raises:
            InputError: for a file that does not exist, or is not a head.
        """
        path = expanded(path)
        if not path.is_file():
            raise InputError(f"There is no file {path}; give the head.safetensors that a few-shot run wrote.")
        tensors, metadata = load_checkpoint(path)
        version = metadata.pop("format", None)
        if type(version) is int and version > FORMAT:
            raise InputError(f"{path} was written by a later version (its format is {version}); update this one.")
        if version != FORMAT:
            raise InputError(f"{path} is not a few-shot head; give the head.safetensors that a few-shot run wrote.")
        facts = HeadFacts.of(metadata, path)
        if facts.method not in METHODS:
            raise wrong_head(path, f"has the unknown method {facts.method!r:.60}")
        head = _rebuilt(facts, with_prefix("head", tensors), path)
        return SavedHead(head, facts, with_prefix("smoothing", tensors))


def _rebuilt(facts: HeadFacts, tensors: Mapping[str, Tensor], path: Path) -> Head:
    """The head of a file, in evaluation mode.

    Raises:
        InputError: for tensors that are not those of the method, its classes and its views, or are not finite.
    """
    count, wrong = len(facts.class_names), f"has other tensors than {facts.method} has"
    try:
        head = METHODS[facts.method].head.rebuild(tensors, facts.numbers)
        head.temperature, head.calibrated = facts.temperature, facts.calibrated
        head.eval().requires_grad_(False)
        zero = head.zero_shot(torch.ones(facts.view_count))
        logits = head(F.normalize(torch.ones(1, facts.view_count, zero.classes.shape[1]), dim=-1))
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise wrong_head(path, f"{wrong} ({first_line(error)[:120]})") from error
    if (len(zero.classes), zero.weights.shape, logits.shape) != (count, (facts.view_count,), (1, count)):
        raise wrong_head(path, f"{wrong} for {count} classes and {facts.view_count} views")
    if not all(tensor.isfinite().all() for tensor in (*tensors.values(), logits)):
        raise wrong_head(path, "has values that are not finite")
    return head


@dataclass(frozen=True)
class SavedHead:
    """The content of a head's file."""

    head: Head  # in evaluation mode
    facts: HeadFacts
    smoothing: dict[str, Tensor]  # tensors of its learned smoothing, {} where it has none
