"""The exception for bad input, as opposed to bugs, and safe display of foreign text."""

import re
from collections.abc import Sequence

MAX_QUOTE = 400  # characters of one word or quoted text
MAX_MESSAGE = 20_000
_QUOTES = re.compile(r"""(?<![^\s(])'(?:[^'\\]|\\.)*'|(?<![^\s(])"(?:[^"\\]|\\.)*"|\S+""")
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # control characters, line separators, undecodable bytes
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # characters that change the text direction
)


def escaped(text: str) -> str:
    r"""The text with control characters escaped (\x1b), so that no name can control a terminal or spoof another."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _shortened(text: str, limit: int) -> str:
    """The text with its middle left out if it is longer."""
    return text if len(text) <= limit else f"{text[: limit // 4]} … {text[limit // 4 + 3 - limit :]}"


class InputError(ValueError):
    """Bad input; the message says in one sentence what was given, what was expected, and what to do.

    The commands print the message and exit with `exit_code`. As a `ValueError` it can be caught by callers that do not
    know this package. Messages quote the input, so they are put on one line, control characters in them are escaped,
    and the middle of long quotes is left out; lists of choices are printed in full.

    Args:
        message: the sentence.
        below: lines to print below it, such as examples.
    """

    exit_code = 2

    def __init__(self, message: str, below: Sequence[str] = ()):
        message = escaped(" ".join(str(message).split("\n")))
        message = _QUOTES.sub(lambda match: _shortened(match[0], MAX_QUOTE), message)
        super().__init__(_shortened(message, MAX_MESSAGE))
        self.below = tuple(map(escaped, below))


class NothingReadError(InputError):
    """None of a user's shapes could be read.

    Args:
        message: the sentence.
        reasons: why, by the shape's name.
    """

    exit_code = 4

    def __init__(self, message: str, reasons: dict[str, str]):
        super().__init__(message)
        self.reasons = reasons


class CannotFetch(InputError):
    """A failed download of weights, which would fail again in other runs with the same weights."""


def first_line(error: BaseException) -> str:
    """The first line of another library's exception, for use within a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
