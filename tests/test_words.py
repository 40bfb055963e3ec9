"""Errors, results and pages use the same words."""

import re

import pytest

from tests.tasks import ROOT, TASKS

AVOIDED = {
    r"(was|were|are) expected": "expected …, after what was given",
    r"\bin cosine\b": "cosine margin",
    r"accuracy where chosen": "what it was selected on",
    r"now right|[Bb]ecame right": "correct",
}


@pytest.mark.parametrize("pattern", AVOIDED)
def test_texts_use_the_usual_words(pattern):
    files = [path for folder in ("pointclip", "pointclip_cli", *TASKS) for path in (ROOT / folder).rglob("*")]
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        if path.suffix in (".py", ".j2", ".js")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(pattern, line) and "what was expected" not in line
    ]
    assert not found, f"say {AVOIDED[pattern]}"
