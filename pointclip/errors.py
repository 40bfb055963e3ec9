"""The one exception that means "the input is at fault, not the program"."""


class InputError(ValueError):
    """Bad input, told in one sentence: what came, what was expected, what to do.

    The command lines print the sentence and end with exit code 2; as a `ValueError` it can be
    caught by callers that know nothing of this package.
    """


class CannotFetch(InputError):
    """Weights could not be fetched: other runs that need the same will fail alike."""


def first_line(error: Exception) -> str:
    """What another library's exception says, cut to one line for use inside a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
