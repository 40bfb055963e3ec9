"""`pointclip prompts build|generate|import-published …`: the scripts of the folder prompts/."""

import importlib
from collections.abc import Sequence

from pointclip.errors import InputError

SCRIPTS = {
    "build": "sentences out of facts and patterns",
    "generate": "have a language model write sentences for your own names",
    "import-published": "take over the paper's sentences and view weights",
}


def main(words: Sequence[str]) -> None:
    """Run the script that the first word names."""
    if words and words[0] in ("-h", "--help"):
        print("usage: pointclip prompts COMMAND …\n")
        print("\n".join(f"  {name:<18}{about}" for name, about in SCRIPTS.items()))
        return
    if not words or words[0] not in SCRIPTS:
        came = f"There is no {words[0]!r} among the prompts' commands" if words else "No command came"
        raise InputError(f"{came}; choose from {', '.join(SCRIPTS)}.")
    importlib.import_module(f"pointclip.writing.{words[0].replace('-', '_')}").main(list(words[1:]))
