"""Text towers with a context shortened to the sentence where that does not change the result.

CLIP's text tower is causal and takes a sentence's feature at its end token, so the positions after it have no effect:
the context is cut to the next multiple of `STEP`, with positions and mask. Whether a tower allows this is determined
from its mask and pooling: SigLIP's and MobileCLIP2-S4's attend to the full context and always get all of it.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

STEP = 8  # contexts are cut to multiples of this, independent of other sentences in the batch
ROWS = 8  # batch sizes are multiples of this, since CPUs sum odd numbers of rows in another order


def context_needed(model: Any, tokens: Tensor) -> Tensor:
    """The context length that each sentence needs: [k, L] -> [k], multiples of `STEP` or L itself.

    Args:
        model: a model of open_clip.
        tokens: of k sentences.
    """
    tower = getattr(model, "text", model)
    full = torch.full((len(tokens),), tokens.shape[1])
    pooled_at = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    if pooled_at not in ("argmax", "eos") or not _is_causal(tower):
        return full
    if pooled_at == "argmax":
        ends = tokens.argmax(1).cpu()
    else:
        end: Any = getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))
        is_end = torch.eq(tokens, end)
        ends = (
            is_end.int().argmax(1).where(is_end.any(1), 0).cpu()
        )  # as in the tower's pooling if there is no end token
    return torch.minimum((ends + STEP) // STEP * STEP, full)  # an end token at position 7 needs length 8


def text_batches(model: Any, tokens: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The features of all sentences, the shortest first: (their indices [b], features [b, C]), at most `size` each.

    Batches are padded to a multiple of `ROWS`, so that a sentence's feature is bit-identical whatever else is in the
    batch (on CPUs; GPUs choose their kernels by the number of rows).

    Args:
        model: a model of open_clip, on the tokens' device.
        tokens: [k, L].
        size: maximum batch size.
    """
    needed = context_needed(model, tokens)
    for length in needed.unique().tolist():  # ascending
        for indices in (needed == length).nonzero()[:, 0].split(size):
            rows = torch.cat([indices, indices[-1:].expand(-len(indices) % ROWS)])
            features = _at_length(model, tokens[rows.to(tokens.device)], length)
            yield indices, features[: len(indices)]


def _at_length(model: Any, tokens: Tensor, length: int) -> Tensor:
    """The result of `encode_text` with a context of only `length` tokens; the model is not modified."""
    if length == tokens.shape[1]:
        return model.encode_text(tokens)
    tower, prefix = (model.text, "model.text.") if hasattr(model, "text") else (model, "model.")
    cut = {
        f"{prefix}positional_embedding": tower.positional_embedding[:length],
        f"{prefix}attn_mask": tower.attn_mask[:length, :length],
    }
    return functional_call(_EncodesText(model), cut, (tokens[:, :length],))


def _is_causal(tower: Any) -> bool:
    """Whether attention is causal: the mask is 0 up to the diagonal and −inf above it."""
    mask = getattr(tower, "attn_mask", None)
    if mask is None or getattr(tower, "cls_emb", None) is not None:  # CoCa appends a token that attends to all
        return False
    above = torch.ones_like(mask, dtype=torch.bool).triu(1)
    return bool((mask[above] == -torch.inf).all() and (mask[~above] == 0).all())


class _EncodesText(nn.Module):
    """`encode_text` as a forward pass, for `functional_call`."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model.encode_text(tokens)
