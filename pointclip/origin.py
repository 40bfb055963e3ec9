"""The origin of sentences and view weights, and whether test labels were used to choose them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """The origin of sentences or view weights, which accompanies them through all steps.

    Attributes:
        words: a short description, such as "synthetic.json, 240 sentences per class, averaged".
        note: a note for readers of any result; "" for none.
        tuned: whether labels of a test split were used to choose any of it.
    """

    words: str
    note: str = ""
    tuned: bool = False
