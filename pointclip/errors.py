"""The one exception that means "the input is at fault, not the program", and how foreign text is shown."""

import re

LONGEST_MESSAGE = 500  # characters
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # control characters, line separators, undecodable bytes
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # what turns the direction of writing
)


def escaped(text: str) -> str:
    r"""The text with control characters written out (\x1b), so that no name can steer a terminal or hide another."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class InputError(ValueError):
    """Bad input, told in one sentence: what came, what was expected, what to do.

    The command lines print the sentence and end with exit code 2; as a `ValueError` it can be
    caught by callers that know nothing of this package. Messages quote what came, so they come as one line, control
    characters in them are escaped, and a part of long ones is left out: not their end, which says what to do.
    """

    def __init__(self, message: str):
        message = escaped(" ".join(str(message).split("\n")))
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[:120]} … {message[123 - LONGEST_MESSAGE :]}"
        super().__init__(message)


class CannotFetch(InputError):
    """Weights could not be fetched: other runs that need the same will fail alike."""


def first_line(error: Exception) -> str:
    """What another library's exception says, cut to one line for use inside a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
