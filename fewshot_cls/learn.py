"""Learn a head by the settings' METHOD from one draw of shots."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from yacs.config import CfgNode

from fewshot_cls.adapter import InterViewAdapter
from fewshot_cls.grid_search import CLOSED_FORMS, grid_search
from fewshot_cls.head_file import AdaptedHead
from fewshot_cls.heads import ZeroShot
from fewshot_cls.projections import LearnedProjection, selected_views
from fewshot_cls.recipe import TIP_ADAPTER_F, Recipe
from fewshot_cls.settings import CLOSED, SMOOTHING
from fewshot_cls.smoothed_model import SmoothedModel
from fewshot_cls.training import Epoch, Training, Validate, train
from pointclip.encoder import Encoder

HYPERPARAMETERS = {  # of each closed-form method, with the keys of CLOSED that set them
    "tip_adapter": {"alpha": "ALPHA", "beta": "BETA"},
    "gaussian_discriminant": {"alpha": "ALPHA"},
    "kernel_ridge": {"alpha": "ALPHA", "beta": "BETA", "ridge": "RIDGE"},
    "linear_probe": {"penalty": "PENALTY"},
}
CHOSEN_ON = {"validation": "validation shots", "fixed": "nothing", "published": "test labels"}


@dataclass(frozen=True)
class LabelledShapes:
    """Shapes with their features and labels."""

    views: Tensor  # [n, V, C] as the method takes them
    labels: Tensor  # [n]
    clouds: list[Tensor] = field(default_factory=list)  # [N, 3] each, for a method that learns the smoothing

    @property
    def unit(self) -> Tensor:
        return F.normalize(self.views, dim=-1)


@dataclass(frozen=True)
class Learned:
    """A head, and how it was obtained."""

    head: nn.Module  # view features -> logits, in evaluation mode
    hyperparameters: dict  # that rebuild it from its tensors
    chosen: dict  # what was selected, for the report: α, β …, the epoch
    training: Training | None = None
    projection: LearnedProjection | None = None  # where the smoothing was learned


def learn(
    settings: CfgNode,
    zero: ZeroShot,
    support: LabelledShapes,
    validation: LabelledShapes | None,
    encoder: Encoder,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Learned:
    """Learn a head from the support.

    Args:
        settings: METHOD says which; CLOSED, ADAPTER, SMOOTHING and TRAIN how.
        zero: the zero-shot head.
        support: the shapes to learn from.
        validation: the shapes that select hyperparameters and the epoch; None takes the settings' and the last epoch.
        encoder: frozen CLIP.
        seed: of initial weights, dropout and shuffling.
        checkpoint, on_epoch: see `train`.
    """
    method = settings.METHOD
    if method in CLOSED or method == "tip_adapter_f":
        hyperparameters, chosen = _hyperparameters(settings, zero, support, validation)
        form = CLOSED_FORMS[method.removesuffix("_f")]
        head = form(zero, support.unit, support.labels, how=settings.VECTORS, **hyperparameters)
        built = {name: getattr(head, name) for name in ("alpha", "beta", "how") if hasattr(head, name)}
        if method in CLOSED:
            return Learned(head.eval().requires_grad_(False), built, chosen)
        model, inputs, recipe = head, (lambda part: part.unit), TIP_ADAPTER_F
    else:
        head, built = _untrained_head(settings, zero, support, seed)
        model, inputs, recipe, chosen = head, (lambda part: part.views), recipe_of(settings), {}
    projection = None
    if method in SMOOTHING:
        views, _ = selected_views(settings)
        projection = LearnedProjection(views, settings.DENSIFY, settings.SMOOTHING.STATISTICS, seed).to(encoder.device)
        c, unit = settings.TRAIN, takes_unit(settings)
        model = SmoothedModel(projection, head.to(encoder.device), encoder, unit, c.CHUNK, c.PRECISION)
    logits_of, validate = _forward_functions(model, support, validation, inputs, encoder)
    training = train(
        model,
        logits_of,
        support.labels.to(next(model.parameters()).device),
        recipe,
        seed=seed,
        validate=validate,
        checkpoint=checkpoint,
        key=_key(settings, zero, support, validation, encoder, seed),
        on_epoch=on_epoch,
        share=lambda name: settings.SMOOTHING.RATE if name.startswith("projection.") else 1.0,
    )
    model.requires_grad_(False)
    return Learned(head.cpu(), built, chosen | {"epoch": training.chosen + 1}, training, projection)


def recipe_of(settings: CfgNode) -> Recipe:
    """The recipe that TRAIN sets."""
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
    """Whether the method's head takes unit view features; V1's adapter takes them as CLIP returns them."""
    return not settings.METHOD.startswith("adapter") or settings.ADAPTER.FEATURES == "unit"


def selection(chosen_on: str) -> str:
    """What anything was selected on, as text."""
    return "no selection" if chosen_on == "nothing" else f"selected on {chosen_on}"


def _hyperparameters(
    settings: CfgNode, zero: ZeroShot, support: LabelledShapes, validation: LabelledShapes | None
) -> tuple[dict, dict]:
    """α, β … of a closed-form method, and what to report about their selection."""
    method = settings.METHOD.removesuffix("_f")
    if validation is None:
        fixed = {name: settings.CLOSED[key] for name, key in HYPERPARAMETERS[method].items()}
        return fixed, fixed
    shots, others = (support.unit, support.labels), (validation.unit, validation.labels)
    best = grid_search(method, zero, shots, others, settings.VECTORS)
    report = {"accuracy_where_chosen": best.accuracy, "tried": best.tried}
    return best.hyperparameters, best.hyperparameters | report


def _untrained_head(settings: CfgNode, zero: ZeroShot, support: LabelledShapes, seed: int) -> tuple[nn.Module, dict]:
    """The adapter, or the zero-shot head where only the smoothing learns, and the hyperparameters to rebuild it."""
    if settings.METHOD == "smoothing":
        return zero, {}
    hyperparameters = {"scale": settings.ADAPTER.SCALE, "dropout": settings.ADAPTER.DROPOUT}
    adapter = InterViewAdapter(*support.views.shape[1:], **hyperparameters, seed=seed)
    return AdaptedHead(adapter, zero.classes), hyperparameters


def _forward_functions(
    model: nn.Module,
    support: LabelledShapes,
    validation: LabelledShapes | None,
    inputs: Callable[[LabelledShapes], Tensor],
    encoder: Encoder,
) -> tuple[Callable[[Tensor], Tensor], Validate | None]:
    """`logits_of` and `validate` as `train` takes them."""
    if isinstance(model, SmoothedModel):

        def logits_of(places: Tensor) -> Tensor:
            return model([support.clouds[place] for place in places.tolist()])

        def validate_all() -> tuple[Tensor, Tensor]:
            logits = [model([cloud]) for cloud in validation.clouds]
            return torch.cat(logits), validation.labels.to(encoder.device)

        return logits_of, validate_all if validation else None
    model.to(encoder.device)
    views = inputs(support).to(encoder.device)
    if validation is None:
        return (lambda places: model(views[places])), None
    others, labels = inputs(validation).to(encoder.device), validation.labels.to(encoder.device)
    return (lambda places: model(views[places])), (lambda: (model(others), labels))


def _key(
    settings: CfgNode,
    zero: ZeroShot,
    support: LabelledShapes,
    validation: LabelledShapes | None,
    encoder: Encoder,
    seed: int,
) -> str:
    """A digest that identifies a training: its settings and everything it learns from."""
    names = ("METHOD", "PROTOCOL", "VECTORS", "DENSIFY", "PROJECTION", "CLOSED", "ADAPTER", "SMOOTHING", "TRAIN")
    values = [seed, encoder.name, encoder.precision, *(settings[name] for name in names)]
    digest = hashlib.blake2b(repr(values).encode(), digest_size=16)
    tensors = [zero.classes, zero.weights, support.views, support.labels]
    tensors += [validation.views, validation.labels] if validation else []
    for tensor in tensors:
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
