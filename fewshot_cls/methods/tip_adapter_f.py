"""Tip-Adapter-F: Tip-Adapter with the support's vectors fine-tuned."""

from fewshot_cls.methods.tip_adapter import TipAdapter
from fewshot_cls.recipe import Recipe


class TipAdapterF(TipAdapter):
    """A Tip-Adapter whose keys are trained, by the paper's recipe."""

    recipe = Recipe(epochs=20, batch=256, rate=1e-3, warm_up=0, spread=0.0, optimizer="adamw", decay=0.01)
