"""Text towers, which read no more of their context than a sentence fills where that changes nothing.

CLIP's text tower is causal and takes a sentence's feature at its end mark, so what stands behind the mark changes
nothing: the context is cut to the next multiple of `STEP`, and positions and mask with it. Whether a tower allows it is
read off its own mask and the way it pools: SigLIP's and MobileCLIP2-S4's attend to the whole context and get all of it.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call

STEP = 8  # contexts are cut to multiples of this, so that a sentence's length is its own, not its neighbours'
ROWS = 8  # sentences at a time are a multiple of this: CPUs sum odd numbers of rows in another order


def context_needed(model: nn.Module, tokens: Tensor) -> Tensor:
    """How many places of the context each sentence needs: [k, L] -> [k], multiples of `STEP` or L itself.

    Args:
        model: one of open_clip's models.
        tokens: of k sentences.
    """
    tower = getattr(model, "text", model)
    whole = torch.full((len(tokens),), tokens.shape[1])
    pooled_at = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    if pooled_at not in ("argmax", "eos") or not _is_causal(tower):
        return whole
    if pooled_at == "argmax":
        ends = tokens.argmax(1).cpu()
    else:
        is_end = tokens == getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))
        ends = is_end.int().argmax(1).where(is_end.any(1), 0).cpu()  # as the tower pools where there is no mark
    return torch.minimum((ends + STEP) // STEP * STEP, whole)  # the mark at place 7 needs 8 places


def text_batches(model: nn.Module, tokens: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The features of all sentences, the shortest first: (their places [b], features [b, C]), at most `size` at a time.

    A batch is filled up to a multiple of `ROWS`, so that a sentence's last bits do not depend on what is encoded with
    it (as far as the device's products go by rows; GPUs choose their kernels by the number of rows).

    Args:
        model: one of open_clip's models, on the tokens' device.
        tokens: [k, L].
        size: sentences at a time.
    """
    needed = context_needed(model, tokens)
    for length in needed.unique().tolist():  # ascending
        for places in (needed == length).nonzero()[:, 0].split(size):
            rows = torch.cat([places, places[-1:].expand(-len(places) % ROWS)])
            features = _at_length(model, tokens[rows.to(tokens.device)], length)
            yield places, features[: len(places)]


def _at_length(model: nn.Module, tokens: Tensor, length: int) -> Tensor:
    """What `encode_text` gives when the context has only `length` places; the model itself stays as it is."""
    if length == tokens.shape[1]:
        return model.encode_text(tokens)
    tower, prefix = (model.text, "model.text.") if hasattr(model, "text") else (model, "model.")
    cut = {
        f"{prefix}positional_embedding": tower.positional_embedding[:length],
        f"{prefix}attn_mask": tower.attn_mask[:length, :length],
    }
    return functional_call(_EncodesText(model), cut, (tokens[:, :length],))


def _is_causal(tower: nn.Module) -> bool:
    """Whether no place sees those behind it: the mask is 0 up to the diagonal and −inf above it."""
    mask = getattr(tower, "attn_mask", None)
    if mask is None or getattr(tower, "cls_emb", None) is not None:  # CoCa appends a token that sees all
        return False
    above = torch.ones_like(mask, dtype=torch.bool).triu(1)
    return bool((mask[above] == -torch.inf).all() and (mask[~above] == 0).all())


class _EncodesText(nn.Module):
    """`encode_text` as the forward pass, which is what `functional_call` calls."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model.encode_text(tokens)
