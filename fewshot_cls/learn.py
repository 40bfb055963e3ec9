"""Learn a head by the settings' METHOD from one draw of shots."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from yacs.config import CfgNode

from fewshot_cls.grid_search import grid_search
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.head import Head
from fewshot_cls.methods.zero_shot import ZeroShot
from fewshot_cls.projections import LearnedProjection, selected_views
from fewshot_cls.recipe import Recipe
from fewshot_cls.smoothed_model import SmoothedModel
from fewshot_cls.training import Epoch, Training, Validate, train
from pointclip.encoder import Encoder

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

    head: Head  # in evaluation mode
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
        settings: METHOD says which; CLOSED_FORM, ADAPTER, SMOOTHING and TRAIN how.
        zero: the zero-shot head.
        support: the shapes to learn from.
        validation: the shapes that select hyperparameters and the epoch; None takes the settings' and the last epoch.
        encoder: frozen CLIP.
        seed: of initial weights, dropout and shuffling.
        checkpoint, on_epoch: see `train`.
    """
    method = METHODS[settings.METHOD]
    head, chosen = _start(settings, method.head, zero, support, validation, seed)
    if not method.trains:
        return Learned(head.eval().requires_grad_(False), chosen)
    model, projection = head, None
    if method.smoothing:
        views, _ = selected_views(settings)
        projection = LearnedProjection(views, settings.DENSIFY, settings.SMOOTHING.BATCH_NORM, seed).to(encoder.device)
        c, unit = settings.TRAIN, takes_unit(settings)
        model = SmoothedModel(projection, head.to(encoder.device), encoder, unit, c.CHUNK, c.PRECISION)
    logits_of, validate = _forward_functions(model, support, validation, method.raw, encoder)
    training = train(
        model,
        logits_of,
        support.labels.to(next(model.parameters()).device),
        method.head.recipe or recipe_of(settings),
        seed=seed,
        validate=validate,
        checkpoint=checkpoint,
        key=_key(settings, zero, support, validation, encoder, seed),
        on_epoch=on_epoch,
        share=lambda name: settings.SMOOTHING.LR_MULT if name.startswith("projection.") else 1.0,
    )
    model.requires_grad_(False)
    return Learned(head.cpu(), chosen | {"epoch": training.chosen + 1}, training, projection)


def recipe_of(settings: CfgNode) -> Recipe:
    """The recipe that TRAIN sets."""
    c = settings.TRAIN
    return Recipe(
        epochs=c.EPOCHS,
        batch_size=c.BATCH_SIZE,
        lr=c.LR,
        warmup_epochs=c.WARMUP_EPOCHS,
        label_smoothing=c.LABEL_SMOOTHING,
        optimizer=c.OPTIMIZER,
        weight_decay=c.WEIGHT_DECAY,
        patience=c.PATIENCE,
    )


def takes_unit(settings: CfgNode) -> bool:
    """Whether the method's head takes unit view features; V1's adapter takes them as CLIP returns them."""
    return not METHODS[settings.METHOD].raw or settings.ADAPTER.FEATURES == "unit"


def selection(chosen_on: str) -> str:
    """What anything was selected on, as text."""
    return "no selection" if chosen_on == "nothing" else f"selected on {chosen_on}"


def _start(
    settings: CfgNode,
    kind: type[Head],
    zero: ZeroShot,
    support: LabelledShapes,
    validation: LabelledShapes | None,
    seed: int,
) -> tuple[Head, dict]:
    """A closed-form head, or an untrained one, and what to report about the selection of its hyperparameters."""
    if not kind.grid:
        scale, dropout = settings.ADAPTER.SCALE, settings.ADAPTER.DROPOUT
        return kind.untrained(zero, support.views, seed, scale=scale, dropout=dropout), {}
    shots = support.unit, support.labels
    if validation is None:
        hyperparameters = chosen = {name: settings.CLOSED_FORM[name.upper()] for name in kind.grid}
    else:
        best = grid_search(kind, zero, shots, (validation.unit, validation.labels), settings.VIEW_FUSION)
        hyperparameters = best.hyperparameters
        chosen = hyperparameters | {"accuracy_where_chosen": best.accuracy, "tried": best.tried}
    return kind.fit(zero, *shots, how=settings.VIEW_FUSION, **hyperparameters), chosen


def _forward_functions(
    model: nn.Module,
    support: LabelledShapes,
    validation: LabelledShapes | None,
    raw: bool,
    encoder: Encoder,
) -> tuple[Callable[[Tensor], Tensor], Validate | None]:
    """`logits_of` and `validate` as `train` takes them; `raw` keeps the features' length."""
    if isinstance(model, SmoothedModel):

        def logits_of(places: Tensor) -> Tensor:
            return model([support.clouds[place] for place in places.tolist()])

        def validate_all() -> tuple[Tensor, Tensor]:
            logits = [model([cloud]) for cloud in validation.clouds]
            return torch.cat(logits), validation.labels.to(encoder.device)

        return logits_of, validate_all if validation else None
    model.to(encoder.device)
    views = (support.views if raw else support.unit).to(encoder.device)
    if validation is None:
        return (lambda places: model(views[places])), None
    others = (validation.views if raw else validation.unit).to(encoder.device)
    labels = validation.labels.to(encoder.device)
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
    names = ["METHOD", "PROTOCOL", "VIEW_FUSION", "DENSIFY", "PROJECTION"]
    names += ["CLOSED_FORM", "ADAPTER", "SMOOTHING", "TRAIN"]
    values = [seed, encoder.name, encoder.precision, *(settings[name] for name in names)]
    digest = hashlib.blake2b(repr(values).encode(), digest_size=16)
    tensors = [zero.classes, zero.weights, support.views, support.labels]
    tensors += [validation.views, validation.labels] if validation else []
    for tensor in tensors:
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
