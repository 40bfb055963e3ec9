"""Where sentences and view weights come from, and whether test labels had a part in choosing them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """The origin of sentences or of view weights; it stays with them through every step.

    Attributes:
        words: in a few words, such as "synthetic.json, 240 sentences a class, averaged".
        note: what a reader of any result must know; "" for nothing.
        tuned: whether labels of a test split chose any of it.
    """

    words: str
    note: str = ""
    tuned: bool = False
