"""How a page says what made it: the command, its paths shortened, and the date."""

import os
import re
import shlex
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

MAX_WORDS = 40  # of a command; a shell's pattern can expand to thousands of files
KEPT = 2  # last components of a path that is neither below the working folder nor in the home folder


def command_line(prog: str, words: Sequence[str]) -> str:
    """A command as a user types it, shortened for readers: "python main.py --config configs/demo.yaml"."""
    shown = [_quoted(shortened(word)) for word in words[:MAX_WORDS]]
    if len(words) > MAX_WORDS:
        shown.append(f"… ({len(words) - MAX_WORDS:,} more)")
    return " ".join([f"python {prog}" if prog.endswith(".py") else prog, *shown])


def shortened(word: str) -> str:
    """A word with its absolute path, also after KEY=, as seen from the working folder, from ~, or its last part."""
    match = re.fullmatch(r"([A-Za-z_.-]+=)?(.*)", word, re.DOTALL)
    assert match is not None  # it matches any word
    key, path = match.groups()
    if not os.path.isabs(path):
        return word
    for folder, start in ((Path.cwd(), ""), (Path.home(), "~/")):
        if Path(path).is_relative_to(folder) and len(folder.parts) > 1:
            return f"{key or ''}{start}{Path(path).relative_to(folder)}"
    parts = Path(path).parts[1:]
    return (key or "") + ("…/" + "/".join(parts[-KEPT:]) if len(parts) > KEPT else path)


def date_in_words() -> str:
    """Now, in UTC; or the moment in the variable SOURCE_DATE_EPOCH, for results that can be compared as bytes."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdigit() else datetime.now(timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _quoted(word: str) -> str:
    """As `shlex.quote`, but a leading ~ and … stay as they are."""
    return word if re.fullmatch(r"[\w@%+=:,./~…-]+", word) else shlex.quote(word)
