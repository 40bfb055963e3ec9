"""Sentences that name classes or parts."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pointclip.errors import InputError
from pointclip.utils.files import expanded


def read_prompts(path: str | Path) -> dict:
    """Read a prompt file: {class: [sentence, …]}, or {category: {part: [sentence, …]}} for parts.

    Raises:
        InputError: for an unreadable file, another structure, a class named twice, empty or duplicate sentences.
    """
    path = expanded(path)
    try:
        prompts = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_no_duplicates)
    except OSError as error:
        published = path.parent.name == "published"  # not in the repository, so every user must fetch them
        advice = "run `python prompts/import_published.py PATH_OR_URL`" if published else "see the prompts/ folder"
        raise InputError(f"Cannot read the prompt file {path} ({error.strerror}); {advice}.") from error
    except InputError as error:
        raise InputError(f"The prompt file {path} {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"The prompt file {path} is not valid JSON: {error}.") from error
    if not isinstance(prompts, dict) or not prompts:
        raise InputError(f"The prompt file {path} holds no {{class: [sentence, …]}} as was expected.")
    for name, entry in prompts.items():
        parts = entry.items() if isinstance(entry, dict) and entry else [(name, entry)]
        for owner, sentences in parts:
            _check_sentences(sentences, owner if owner == name else f"{name} / {owner}", path)
    return prompts


def sentences_for(
    names: Sequence[str], prompts: Mapping[str, list[str]], template: str, kind: str = "class"
) -> dict[str, list[str]]:
    """The sentences of each name: those in `prompts`, or else the template's one.

    "Night_stand" and "night stand" count as the same name.

    Args:
        names: of classes, or of one category's parts.
        prompts: {name: [sentence, …]}; may be empty.
        template: a sentence with {} where the name goes.
        kind: what the names are of, for messages.

    Raises:
        InputError: when names repeat, when the prompts are of another structure or cover no name, for a bad template.
    """
    check_names(names, kind)
    if "{}" not in template:
        raise InputError(f"The template is {template!r}; it needs {{}} where the name of the {kind} goes.")
    found = {name: _entry(prompts, name, kind) for name in names}
    if prompts and not any(found.values()):
        raise InputError(
            f"The prompts have sentences for {_few(prompts)}, but for none of {_few(names)}; "
            "set PROMPTS.FILE to a fitting file, or to '' for the template."
        )
    return {name: sentences or [template.replace("{}", spoken(name))] for name, sentences in found.items()}


def part_sentences(
    category: str, parts: Sequence[str], prompts: Mapping[str, Mapping[str, list[str]]], template: str
) -> dict[str, list[str]]:
    """The sentences of a category's parts; the template may say {category} besides {} for the part.

    A category that the prompts lack, or none of whose parts they have, gets the template throughout.
    """
    template = template.replace("{category}", spoken(category))
    by_name = {key_of(name): entry for name, entry in prompts.items()}
    entry = by_name.get(key_of(category), {})
    if not isinstance(entry, Mapping):
        raise InputError(f"The prompts of {category!r} are those of a class; use a file with sentences per part.")
    known = {key_of(name) for name in entry}
    return sentences_for(parts, entry if known & {key_of(part) for part in parts} else {}, template, "part")


def check_names(names: Sequence[str], kind: str = "class") -> None:
    """Raise an InputError when class or part names are missing, empty, or the same twice."""
    if not names:
        raise InputError(f"No {kind} names came; give at least one.")
    said = [key_of(name) for name in names]
    if "" in said:
        raise InputError(f"A {kind} name is empty; remove it or write it out.")
    if odd := [name for name in names if not name.isprintable()]:
        raise InputError(f"The {kind} name(s) {_few(odd)} hold characters that cannot be printed; leave those out.")
    twice = sorted({name for name in said if said.count(name) > 1})
    if twice:
        raise InputError(f"The {kind} name(s) {_few(twice)} came more than once; name each {kind} once.")


def spoken(name: str) -> str:
    """A name as it is said in a sentence: "night_stand" -> "night stand"."""
    return name.replace("_", " ").strip()


def key_of(name: str) -> str:
    """What names have in common that are spelt otherwise: "Night_stand" -> "night stand"."""
    return spoken(name).casefold()


def _entry(prompts: Mapping[str, list[str]], name: str, kind: str) -> list[str] | None:
    """The sentences of a name, however it is spelt."""
    entries = [sentences for other, sentences in prompts.items() if key_of(other) == key_of(name)]
    if len(entries) > 1:
        raise InputError(f"The prompts name {name!r} in more than one spelling; merge the entries.")
    if entries and not isinstance(entries[0], list):
        raise InputError(f"The prompts of {name!r} are those of parts; use a file with sentences per {kind}.")
    return entries[0] if entries else None


def _check_sentences(sentences: object, owner: str, path: Path) -> None:
    if not isinstance(sentences, list) or not sentences or not all(isinstance(s, str) and s.strip() for s in sentences):
        raise InputError(
            f"The prompt file {path} has no list of non-empty sentences for {owner!r}; write at least one."
        )
    if len(set(sentences)) < len(sentences):
        twice = next(sentence for sentence in sentences if sentences.count(sentence) > 1)
        raise InputError(f"The prompt file {path} has the sentence {twice!r} more than once for {owner!r}; remove one.")


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise InputError(
            f"names {next(key for key in keys if keys.count(key) > 1)!r} more than once; merge the entries."
        )
    return dict(pairs)


def _few(names) -> str:
    names = [name if len(name) <= 40 else f"{name[:40]}…" for name in names]
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
