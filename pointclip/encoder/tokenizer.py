"""From sentences to the tokens of an encoder's text tower."""

from collections.abc import Callable
from functools import cache, lru_cache

from torch import Tensor

from pointclip.errors import InputError, first_line

Tokenizer = Callable[..., Tensor]  # (sentences, context_length=None) -> [k, context_length] int64


@cache
def load_tokenizer(model: str) -> Tokenizer:
    """The tokenizer of a model of open_clip. CLIP's is part of open_clip, SigLIP's is downloaded once.

    Raises:
        InputError: if it cannot be downloaded, or needs a package that is not installed.
    """
    import open_clip

    try:
        return open_clip.get_tokenizer(model)
    except ImportError as error:
        raise InputError(
            f"The tokenizer of {model} needs a package that is not installed ({first_line(error)}); "
            "run `pip install transformers`, or use an encoder with CLIP's tokenizer, such as ViT-L-14."
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        place = open_clip.get_model_config(model)["text_cfg"].get("hf_tokenizer_name", "the hub")
        raise InputError(
            f"The tokenizer of {model} could not be downloaded from {place} ({first_line(error)}); run once with a "
            "network, after which it is cached, or use an encoder with CLIP's tokenizer, such as ViT-L-14."
        ) from error


@lru_cache(maxsize=16)  # ten thousand sentences take a second, and the runs of a table use the same ones
def count_cut(tokenizer: Tokenizer, sentences: tuple[str, ...], context_length: int) -> int:
    """The number of sentences with more tokens than the context length, including start and end tokens."""
    longer = context_length + 1  # one more token, used only by sentences that would be truncated
    padding = tokenizer([""], context_length=longer).mode().values  # most of an empty sentence's tokens
    rows = tokenizer(list(sentences), context_length=longer)  # [k, longer], padded at one end
    return int(((rows[:, 0] != padding) & (rows[:, -1] != padding)).sum())
