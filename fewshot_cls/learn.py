"""Learn a head by the settings' METHOD from one draw of shots."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from yacs.config import CfgNode

from fewshot_cls.augmentation import AugmentedViews
from fewshot_cls.cross_validation import fit_temperature, select
from fewshot_cls.grid_search import grid_search
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.head import Head
from fewshot_cls.methods.vector_head import VectorHead
from fewshot_cls.methods.zero_shot import ZeroShot
from fewshot_cls.projections import open_training_projection, selected_views, smoothing_of
from fewshot_cls.realistic_projection import LearnedProjection
from fewshot_cls.recipe import Recipe
from fewshot_cls.smoothed_model import SmoothedModel
from fewshot_cls.training import Epoch, Training, Validate, train
from pointclip.encoder import DTYPES, Encoder
from pointclip.encoder.device import precision_on

CHOSEN_ON = {
    "cross_validation": "the shots",
    "validation": "validation shots",
    "fixed": "nothing",
    "published": "test labels",
}


@dataclass(frozen=True)
class LabelledShapes:
    """Shapes with their features and labels."""

    views: Tensor  # [n, V, C] as the method takes them
    labels: Tensor  # [n]
    clouds: list[Tensor] = field(default_factory=list)  # [N, 3] each, for a method that learns the smoothing
    objects: Tensor | None = None  # [n], the same number for copies of a shape; None if there are none

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
        projection = LearnedProjection(views, seed=seed, **smoothing_of(settings)).to(encoder.device)
        c, unit = settings.TRAIN, takes_unit(settings)
        model = SmoothedModel(projection, head.to(encoder.device), encoder, unit, c.CHUNK, c.PRECISION)
    else:
        model.to(encoder.device, weights_dtype(settings, encoder.device))
    logits_of, validate = _forward_functions(model, support, validation, method.raw, encoder)
    if settings.AUGMENT_ONLINE:
        logits_of = _online(settings, model, support, encoder)
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
        earliest=settings.PROTOCOL == "published",
    )
    model.requires_grad_(False)
    head.temperature, head.calibrated = 1.0, False  # a closed form's held before the training
    if validate and settings.PROTOCOL == "validation":
        with torch.no_grad():
            head.temperature, head.calibrated = fit_temperature(*validate()), True
    return Learned(head.float().cpu(), chosen | {"epoch": training.chosen + 1}, training, projection)


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
        c = settings.ADAPTER
        numbers = {"scale": c.SCALE, "dropout": c.DROPOUT, "hidden_dropout": c.HIDDEN_DROPOUT}
        return kind.untrained(zero, support.views, seed, **numbers), {}
    assert issubclass(kind, VectorHead), f"{kind.__name__} has a grid, but no closed form"
    shots, how = (support.unit, support.labels), settings.VIEW_FUSION
    if settings.PROTOCOL == "cross_validation":
        selected = select(kind, zero, *shots, how, support.objects)
        head = kind.fit(zero, *shots, how=how, **dict[str, Any](selected.hyperparameters))
        head.temperature, head.calibrated = selected.temperature, bool(selected.folds)
        return head, selected.report
    if validation is None:
        given = {name.lower(): value for name, value in settings.CLOSED_FORM.items() if value}
        hyperparameters = {name: given.get(name.lower(), value) for name, value in kind.fixed.items()}
        return kind.fit(zero, *shots, how=how, **hyperparameters), hyperparameters
    others = validation.unit, validation.labels
    best = grid_search(kind, zero, shots, others, how)
    head = kind.fit(zero, *shots, how=how, **dict[str, Any](best.hyperparameters))
    if settings.PROTOCOL == "validation":
        head.temperature, head.calibrated = fit_temperature(head(others[0]), others[1]), True
    return head, best.hyperparameters | {"accuracy_where_chosen": best.accuracy, "tried": best.tried}


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

        def validate_all(shapes: LabelledShapes) -> tuple[Tensor, Tensor]:
            logits = [model([cloud]) for cloud in shapes.clouds]
            return torch.cat(logits), shapes.labels.to(encoder.device)

        return logits_of, None if validation is None else lambda: validate_all(validation)
    like = next(model.parameters())  # its device and type
    views = (support.views if raw else support.unit).to(like)
    if validation is None:
        return (lambda places: model(views[places])), None
    others = (validation.views if raw else validation.unit).to(like)
    labels = validation.labels.to(encoder.device)
    return (lambda places: model(views[places])), (lambda: (model(others), labels))


def _online(
    settings: CfgNode, model: nn.Module, support: LabelledShapes, encoder: Encoder
) -> Callable[[Tensor], Tensor]:
    """`logits_of` as `train` takes it, with every shape augmented, projected and encoded anew.

    On a CPU, where this takes hours for a data set, prints how long.
    """
    views = AugmentedViews(open_training_projection(settings), encoder, takes_unit(settings))
    if encoder.device.type == "cpu":
        minutes, epochs = _minutes_per_epoch(views, support), recipe_of(settings).epochs
        print(
            f"Every epoch projects and encodes {len(support.labels)} augmented shapes anew: on this CPU {epochs} "
            f"epochs take about {minutes * epochs / 60:.1f} hours. The fast form encodes 4 augmented copies of each "
            f"once, in about {max(4 * minutes, 0.1):.1f} minutes: AUGMENT_ONLINE False AUGMENT 4.",
            flush=True,
        )
    like = next(model.parameters())
    return lambda places: model(views([support.clouds[place] for place in places.tolist()]).to(like))


def _minutes_per_epoch(views: AugmentedViews, support: LabelledShapes) -> float:
    few = support.clouds[: views.batch]
    start = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        views(few)
    return (time.perf_counter() - start) / len(few) * len(support.clouds) / 60


def weights_dtype(settings: CfgNode, device: torch.device) -> torch.dtype:
    """The type of an adapter's weights in training: float16 by TRAIN.PRECISION fp16, or published on a CUDA GPU."""
    return DTYPES[precision_on(device, settings.TRAIN.PRECISION)]


def _key(
    settings: CfgNode,
    zero: ZeroShot,
    support: LabelledShapes,
    validation: LabelledShapes | None,
    encoder: Encoder,
    seed: int,
) -> str:
    """A digest that identifies a training: its settings and everything it learns from."""
    names = ["METHOD", "PROTOCOL", "VIEW_FUSION", "DENSIFY", "PROJECTION", "AUGMENT_ONLINE"]
    names += ["CLOSED_FORM", "ADAPTER", "SMOOTHING", "TRAIN"]
    values = [seed, encoder.name, encoder.precision, *(settings[name] for name in names)]
    digest = hashlib.blake2b(repr(values).encode(), digest_size=16)
    tensors = [zero.classes, zero.weights, support.views, support.labels]
    tensors += [validation.views, validation.labels] if validation else []
    for tensor in tensors:
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
