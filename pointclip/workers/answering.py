"""A call of a reader and its answer, here or in another process: whatever a reader raises is a bad file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pointclip.errors import InputError, first_line


@dataclass(frozen=True)
class Call:
    """A reader and its arguments."""

    reader: Callable[..., Any]
    args: tuple[Any, ...]
    name: str  # of the file, for messages
    seconds: float = 0.0  # after which the process ends itself; 0 for never
    memory: int = 0  # bytes that it may take beyond what it has; 0 for no limit
    factor: str | None = None  # of the readers' own limits, see `pointclip.utils.limits`
    folder: str | None = None  # to which relative paths refer; None for the process's own


@dataclass(frozen=True)
class Answer:
    """What became of a call."""

    value: Any = None
    problem: str = ""  # the sentence of an InputError
    below: tuple[str, ...] = ()
    out_of_memory: bool = False

    def result(self) -> Any:
        """The value, or the InputError."""
        if self.problem:
            raise InputError(self.problem, self.below)
        return self.value


def answer(call: Call) -> Answer:
    """Call a reader; any exception but Ctrl-C and the like is a problem of the file."""
    try:
        return Answer(call.reader(*call.args))
    except InputError as error:
        return Answer(problem=str(error), below=error.below)
    except MemoryError:
        return Answer(problem=f"{call.name}: there is not enough memory to read it.", out_of_memory=True)
    except RecursionError:
        return Answer(problem=f"{call.name} is nested too deeply to be read; export it again.")
    except Exception as error:
        return Answer(problem=f"{call.name} cannot be read ({describe(error)}); is it damaged? Export it again.")


def describe(error: BaseException) -> str:
    """The type and the first line of an exception: "KeyError: 'x'"."""
    line, kind = first_line(Exception(str(error)))[:200], type(error).__name__
    return kind if line in ("", "Exception", kind) else f"{kind}: {line}"
