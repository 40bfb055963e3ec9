"""Tip-Adapter-F: Tip-Adapter with the support's vectors fine-tuned."""

from fewshot_cls.methods.tip_adapter import TipAdapter
from fewshot_cls.recipe import Recipe


class TipAdapterF(TipAdapter):
    """A Tip-Adapter whose keys are trained, by the paper's recipe."""

    recipe = Recipe(
        epochs=20, batch_size=256, lr=1e-3, warmup_epochs=0, label_smoothing=0.0, optimizer="adamw", weight_decay=0.01
    )
