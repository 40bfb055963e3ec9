"""From the settings' METHOD and a draw of shots to a head."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from yacs.config import CfgNode

from fewshot_cls.adapter import InterViewAdapter
from fewshot_cls.choice import CLOSED_FORMS, choose
from fewshot_cls.head import AdaptedHead
from fewshot_cls.heads import ZeroShot
from fewshot_cls.projections import LearnedProjection, selected_views
from fewshot_cls.recipe import TIP_ADAPTER_F, Recipe
from fewshot_cls.settings import CLOSED, SMOOTHING
from fewshot_cls.smoothed import SmoothedModel
from fewshot_cls.training import Epoch, Judge, Training, train
from pointclip.encoder import Encoder

NUMBERS = {  # of each method without training, with the settings of CLOSED that hold them
    "tip_adapter": {"alpha": "ALPHA", "beta": "BETA"},
    "gaussian_discriminant": {"alpha": "ALPHA"},
    "kernel_ridge": {"alpha": "ALPHA", "beta": "BETA", "ridge": "RIDGE"},
    "linear_probe": {"penalty": "PENALTY"},
}
CHOSEN_ON = {"validation": "validation shots", "fixed": "nothing", "published": "test labels"}


@dataclass(frozen=True)
class Labelled:
    """Shapes with their features and classes."""

    views: Tensor  # [n, V, C] as the method takes them
    labels: Tensor  # [n]
    clouds: list[Tensor] = field(default_factory=list)  # [N, 3] each, for a method that learns the smoothing

    @property
    def unit(self) -> Tensor:
        return F.normalize(self.views, dim=-1)


@dataclass(frozen=True)
class Learned:
    """A head, and how it came to be."""

    head: nn.Module  # view features -> logits, in evaluation mode
    numbers: dict  # that build it again from its tensors
    found: dict  # in words and numbers: what was chosen
    training: Training | None = None
    projection: LearnedProjection | None = None  # where the smoothing was learned


def learn(
    settings: CfgNode,
    zero: ZeroShot,
    support: Labelled,
    judged: Labelled | None,
    encoder: Encoder,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    watch: Callable[[Epoch], None] = lambda epoch: None,
) -> Learned:
    """Learn a head from the support.

    Args:
        settings: METHOD says which; CLOSED, ADAPTER, SMOOTHING and TRAIN how.
        zero: zero-shot's head.
        support: the shapes to learn from.
        judged: the shapes whose labels choose numbers and the epoch; None where the settings' own and the last stay.
        encoder: frozen.
        seed: of initial weights, dropout and order.
        checkpoint, watch: see `train`.
    """
    method = settings.METHOD
    if method in CLOSED or method == "tip_adapter_f":
        numbers, found = _numbers(settings, zero, support, judged)
        form = CLOSED_FORMS[method.removesuffix("_f")]
        head = form(zero, support.unit, support.labels, how=settings.VECTORS, **numbers)
        built = {name: getattr(head, name) for name in ("alpha", "beta", "how") if hasattr(head, name)}
        if method in CLOSED:
            return Learned(head.eval().requires_grad_(False), built, found)
        model, inputs, recipe = head, (lambda part: part.unit), TIP_ADAPTER_F
    else:
        head, built = _start(settings, zero, support, seed)
        model, inputs, recipe, found = head, (lambda part: part.views), recipe_of(settings), {}
    projection = None
    if method in SMOOTHING:
        views, _ = selected_views(settings)
        projection = LearnedProjection(views, settings.DENSIFY, settings.SMOOTHING.STATISTICS, seed).to(encoder.device)
        c, unit = settings.TRAIN, takes_unit(settings)
        model = SmoothedModel(projection, head.to(encoder.device), encoder, unit, c.CHUNK, c.PRECISION)
    logits, judge = _readers(model, support, judged, inputs, encoder)
    training = train(
        model,
        logits,
        support.labels.to(next(model.parameters()).device),
        recipe,
        seed=seed,
        judge=judge,
        checkpoint=checkpoint,
        key=_key(settings, zero, support, judged, encoder, seed),
        watch=watch,
        share=lambda name: settings.SMOOTHING.RATE if name.startswith("projection.") else 1.0,
    )
    model.requires_grad_(False)
    return Learned(head.cpu(), built, found | {"epoch": training.chosen + 1}, training, projection)


def recipe_of(settings: CfgNode) -> Recipe:
    """The recipe that TRAIN means."""
    c = settings.TRAIN
    return Recipe(
        epochs=c.EPOCHS,
        batch=c.BATCH,
        rate=c.RATE,
        warm_up=c.WARM_UP,
        spread=c.SPREAD,
        optimizer=c.OPTIMIZER,
        decay=c.DECAY,
        patience=c.PATIENCE,
    )


def takes_unit(settings: CfgNode) -> bool:
    """Whether the method's head takes view features of unit length; V1's adapter sees them as CLIP gives them."""
    return not settings.METHOD.startswith("adapter") or settings.ADAPTER.FEATURES == "unit"


def _numbers(settings: CfgNode, zero: ZeroShot, support: Labelled, judged: Labelled | None) -> tuple[dict, dict]:
    """α, β … of a method in closed form, and what to say of their choice."""
    method = settings.METHOD.removesuffix("_f")
    if judged is None:
        numbers = {name: settings.CLOSED[key] for name, key in NUMBERS[method].items()}
        return numbers, numbers
    choice = choose(method, zero, (support.unit, support.labels), (judged.unit, judged.labels), settings.VECTORS)
    return choice.numbers, choice.numbers | {"accuracy_where_chosen": choice.accuracy, "tried": choice.tried}


def _start(settings: CfgNode, zero: ZeroShot, support: Labelled, seed: int) -> tuple[nn.Module, dict]:
    """An untrained head with what builds it again: the adapter's, or zero-shot's where the smoothing alone learns."""
    if settings.METHOD == "smoothing":
        return zero, {}
    numbers = {"scale": settings.ADAPTER.SCALE, "dropout": settings.ADAPTER.DROPOUT}
    adapter = InterViewAdapter(*support.views.shape[1:], **numbers, seed=seed)
    return AdaptedHead(adapter, zero.classes), numbers


def _readers(
    model: nn.Module, support: Labelled, judged: Labelled | None, inputs: Callable[[Labelled], Tensor], encoder: Encoder
) -> tuple[Callable[[Tensor], Tensor], Judge | None]:
    """How training reads the shots' logits, and how the shapes that choose are judged."""
    if isinstance(model, SmoothedModel):

        def some(places: Tensor) -> Tensor:
            return model([support.clouds[place] for place in places.tolist()])

        def all_judged() -> tuple[Tensor, Tensor]:
            logits = [model([cloud]) for cloud in judged.clouds]
            return torch.cat(logits), judged.labels.to(encoder.device)

        return some, all_judged if judged else None
    model.to(encoder.device)
    views = inputs(support).to(encoder.device)
    others = None if judged is None else (inputs(judged).to(encoder.device), judged.labels.to(encoder.device))
    judge = None if others is None else (lambda: (model(others[0]), others[1]))
    return (lambda places: model(views[places])), judge


def _key(
    settings: CfgNode, zero: ZeroShot, support: Labelled, judged: Labelled | None, encoder: Encoder, seed: int
) -> str:
    """What tells a training from any other: its settings and all that it learns from."""
    names = ("METHOD", "PROTOCOL", "VECTORS", "DENSIFY", "PROJECTION", "CLOSED", "ADAPTER", "SMOOTHING", "TRAIN")
    words = [seed, encoder.name, encoder.precision, *(settings[name] for name in names)]
    digest = hashlib.blake2b(repr(words).encode(), digest_size=16)
    tensors = [zero.classes, zero.weights, support.views, support.labels]
    tensors += [judged.views, judged.labels] if judged else []
    for tensor in tensors:
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
