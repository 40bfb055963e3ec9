"""The exception for bad input, as opposed to bugs, and safe display of foreign text."""

import re

MAX_MESSAGE = 500  # characters
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # control characters, line separators, undecodable bytes
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # characters that change the text direction
)


def escaped(text: str) -> str:
    r"""The text with control characters escaped (\x1b), so that no name can control a terminal or spoof another."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class InputError(ValueError):
    """Bad input; the message says in one sentence what was given, what was expected, and what to do.

    The commands print the message and exit with code 2. As a `ValueError` it can be caught by callers that do not know
    this package. Messages quote the input, so they are put on one line, control characters in them are escaped, and
    long ones are shortened, but not at their end, which says what to do.
    """

    def __init__(self, message: str):
        message = escaped(" ".join(str(message).split("\n")))
        if len(message) > MAX_MESSAGE:
            message = f"{message[:120]} … {message[123 - MAX_MESSAGE :]}"
        super().__init__(message)


class CannotFetch(InputError):
    """A failed download of weights, which would fail again in other runs with the same weights."""


def first_line(error: Exception) -> str:
    """The first line of another library's exception, for use within a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
