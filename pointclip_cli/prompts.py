"""`pointclip prompts build|generate|import-published …`: the scripts in the folder prompts/."""

import importlib
import sys
from collections.abc import Sequence

from pointclip.errors import InputError

SCRIPTS = {
    "build": "make sentences from facts and patterns",
    "generate": "let a language model write sentences for your class names",
    "import-published": "import the paper's sentences and view weights",
}


def main(words: Sequence[str]) -> None:
    """Run the script given by the first word."""
    if words and words[0] in ("-h", "--help"):
        print("usage: pointclip prompts COMMAND …\n")
        print("\n".join(f"  {name:<18}{about}" for name, about in SCRIPTS.items()))
        return
    if not words or words[0] not in SCRIPTS:
        problem = f"There is no command `pointclip prompts {words[0]}`" if words else "No command was given"
        example = "For example: pointclip prompts generate --help"
        raise InputError(f"{problem}; choose from {', '.join(SCRIPTS)}.", [] if words else [example])
    sys.argv = [f"pointclip prompts {words[0]}", *words[1:]]
    importlib.import_module(f"pointclip.writing.{words[0].replace('-', '_')}").main(list(words[1:]))
