"""From sentences to the tokens that an encoder's text tower reads."""

from collections.abc import Callable
from functools import cache, lru_cache

from torch import Tensor

from pointclip.errors import InputError, first_line

Tokenizer = Callable[..., Tensor]  # (sentences, context_length=None) -> [k, context_length] int64


@cache
def load_tokenizer(model: str) -> Tokenizer:
    """The tokenizer of one of open_clip's models. CLIP's own comes with open_clip, SigLIP's from the hub, once.

    Raises:
        InputError: when it cannot be fetched, or needs a package that is not installed.
    """
    import open_clip

    try:
        return open_clip.get_tokenizer(model)
    except ImportError as error:
        raise InputError(
            f"The tokenizer of {model} needs a package that is not installed ({first_line(error)}); "
            "run `pip install transformers`, or use an encoder with CLIP's own tokenizer, such as ViT-L-14."
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        place = open_clip.get_model_config(model)["text_cfg"].get("hf_tokenizer_name", "the hub")
        raise InputError(
            f"The tokenizer of {model} could not be fetched from {place} ({first_line(error)}); run once with a "
            "network, after which it is cached, or use an encoder with CLIP's own tokenizer, such as ViT-L-14."
        ) from error


@lru_cache(maxsize=16)  # ten thousand sentences take a second, and the runs of a table ask for the same ones
def count_cut(tokenizer: Tokenizer, sentences: tuple[str, ...], context_length: int) -> int:
    """How many sentences have more tokens, start and end marks included, than the context takes."""
    longer = context_length + 1  # a row with one place more, which only a sentence that would be cut fills
    padding = tokenizer([""], context_length=longer).mode().values  # what an empty sentence is mostly made of
    rows = tokenizer(list(sentences), context_length=longer)  # [k, longer], padded at one end
    return int(((rows[:, 0] != padding) & (rows[:, -1] != padding)).sum())
