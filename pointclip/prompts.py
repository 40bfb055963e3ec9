"""Sentences that name classes or parts, with their origin."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pointclip.bundled import prompt_files
from pointclip.errors import InputError
from pointclip.origin import Origin
from pointclip.utils.files import expanded, read_json, read_yaml


@dataclass(frozen=True)
class PromptFile:
    """The content of a prompt file and its origin.

    A file NAME.json may be accompanied by NAME.origin.yaml, {origin: a sentence, tuned_on_test_labels: true or false},
    as written by prompts/import_published.py.
    """

    entries: Mapping[str, Any] = field(default_factory=dict)  # as in `read_prompts`
    name: str = ""  # of the file; "" for no file
    note: str = ""  # from its origin file
    tuned: bool = False  # whether the sentences were chosen on labels of a test split


@dataclass(frozen=True)
class Sentences(Mapping[str, list[str]]):
    """The sentences of each class or part, by name, with their origin."""

    by_name: Mapping[str, list[str]]
    origin: Origin

    def __getitem__(self, name: str) -> list[str]:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


def open_prompts(path: str | Path) -> PromptFile:
    """Read a prompt file and its origin; "" is no file: all sentences then come from the template.

    Raises:
        InputError: as `read_prompts`, or for an invalid origin file.
    """
    if not path:
        return PromptFile()
    path = expanded(path)
    return PromptFile(read_prompts(path), path.name, *_read_origin(path.with_suffix(".origin.yaml")))


def read_prompts(path: str | Path) -> dict:
    """The entries of a prompt file: {class: [sentence, …]}, or {category: {part: [sentence, …]}} for parts.

    Raises:
        InputError: for an unreadable file, another structure, a duplicate class, or empty or duplicate sentences.
    """
    path = expanded(path)
    published = path.parent.name == "published"  # not in the repository, users have to import them
    moved = prompt_files().get(path.stem) if path.parent.name == "prompts" else None
    advice = f"it is {moved} now, or just {path.stem}" if moved else "give a file, or a bundled one such as modelnet40"
    advice = "run `python prompts/import_published.py PATH_OR_URL`" if published else advice
    prompts = read_json(path, "the prompt file", advice, _no_duplicates)
    if not isinstance(prompts, dict) or not prompts:
        raise InputError(f"The prompt file {path} has another structure; expected {{class: [sentence, …]}}.")
    _check_entries(prompts, f"The prompt file {path}")
    return prompts


def given_prompts(entries: Mapping[str, str | Sequence[str] | Mapping[str, Sequence[str]]]) -> PromptFile:
    """Sentences that a caller gives, in the structure of a file; a single one may stand without a list.

    Raises:
        InputError: for empty or duplicate sentences.
    """

    def listed(sentences: object) -> object:
        return (
            [sentences]
            if isinstance(sentences, str)
            else list(sentences)
            if isinstance(sentences, tuple)
            else sentences
        )

    by_name = {
        name: {part: listed(group) for part, group in entry.items()} if isinstance(entry, Mapping) else listed(entry)
        for name, entry in entries.items()
    }
    _check_entries(by_name, "What was given as sentences")
    return PromptFile(by_name, "given sentences")


def _check_entries(prompts: Mapping, where: str) -> None:
    """Raise an InputError, which begins with `where`, for empty or duplicate sentences."""
    for name, entry in prompts.items():
        parts = entry.items() if isinstance(entry, dict) and entry else [(name, entry)]
        for owner, sentences in parts:
            _check_sentences(sentences, owner if owner == name else f"{name} / {owner}", where)


def class_sentences(names: Sequence[str], prompts: PromptFile, template: str) -> Sentences:
    """The sentences of each class: those of the prompt file, or else one from the template.

    "Night_stand" and "night stand" count as the same name.

    Args:
        names: of the classes.
        prompts: {class: [sentence, …]}.
        template: a sentence with {} in place of the name.

    Raises:
        InputError: for duplicate names, prompts of another structure or without any of the names, or a bad template.
    """
    found = _look_up(names, prompts.entries, template, "class")
    return Sentences(_filled(found, template), _origin(found, prompts, template, "class"))


@dataclass(frozen=True)
class PartSentences:
    """The sentences of each category's parts, with their origin."""

    by_category: Mapping[str, Mapping[str, list[str]]]
    origin: Origin

    def flat(self) -> dict[str, list[str]]:
        """The sentences by names that are unique across categories: "seat of chair"."""
        return {
            f"{part} of {category}": group
            for category, parts in self.by_category.items()
            for part, group in parts.items()
        }


def part_sentences(parts: Mapping[str, Sequence[str]], prompts: PromptFile, template: str) -> PartSentences:
    """The sentences of the parts of each category: those of the prompt file, or else one from the template.

    A category without sentences for any of its parts uses the template for all of them.

    Args:
        parts: {category: its parts}.
        prompts: {category: {part: [sentence, …]}}.
        template: a sentence with {} in place of the part, and {category}.

    Raises:
        InputError: as `class_sentences`.
    """
    by_name = {key_of(name): entry for name, entry in prompts.entries.items()}
    by_category: dict[str, dict[str, list[str]]] = {}
    found: dict[str, list[str] | None] = {}
    for category, names in parts.items():
        entry = by_name.get(key_of(category), {})
        if not isinstance(entry, Mapping):
            raise InputError(f"The prompts of {category!r} are for a class; use a file with sentences per part.")
        known = {key_of(name) for name in entry} & {key_of(name) for name in names}
        category_template = template.replace("{category}", spoken(category))
        found_parts = _look_up(names, entry if known else {}, category_template, "part")
        by_category[category] = _filled(found_parts, category_template)
        found |= {f"{part} of {category}": group for part, group in found_parts.items()}
    return PartSentences(by_category, _origin(found, prompts, template, "part"))


def count_in_words(groups: Iterable[Sequence[str]], kind: str) -> str:
    """The number of sentences per class or part: "1 sentence per class", "1 to 240 sentences per part"."""
    counts = [len(group) for group in groups]
    number = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return f"{number} sentence{'s' * (number != '1')} per {kind}"


def _look_up(
    names: Sequence[str], entries: Mapping[str, list[str]], template: str, kind: str
) -> dict[str, list[str] | None]:
    """The sentences for each name in a prompt file, None for names without sentences."""
    check_names(names, kind)
    if "{}" not in template:
        raise InputError(f"The template is {template!r}; it needs {{}} in place of the {kind}'s name.")
    by_key: dict[str, list] = {}
    for name, group in entries.items():
        by_key.setdefault(key_of(name), []).append(group)
    found = {name: _entry(by_key.get(key_of(name), []), name, kind) for name in names}
    if entries and not any(found.values()):
        raise InputError(
            f"The prompts have sentences for {', '.join(map(repr, entries))}, but for none of {_few(names)}; "
            "set PROMPTS.FILE to a matching file, or to '' for the template."
        )
    return found


def _filled(found: Mapping[str, list[str] | None], template: str) -> dict[str, list[str]]:
    return {name: group or [template.replace("{}", spoken(name))] for name, group in found.items()}


def _origin(found: Mapping[str, list[str] | None], prompts: PromptFile, template: str, kind: str) -> Origin:
    """The origin of sentences that come from a file or, if None in `found`, from the template."""
    words = f"the template “{template}”"
    from_file = [group for group in found.values() if group]
    if not from_file:
        return Origin(words)
    by_template = [name for name, group in found.items() if not group]
    more = f"; {words} for {some_of(by_template)}" if by_template else ""
    counts = count_in_words([group or [""] for group in found.values()], kind)
    return Origin(f"{prompts.name}, {counts}, averaged{more}", prompts.note, prompts.tuned)


def check_names(names: Sequence[str], kind: str = "class") -> None:
    """Raise an InputError if class or part names are missing, empty or duplicated."""
    if not names:
        raise InputError(f"There are no {kind} names; give at least one.")
    keys = [key_of(name) for name in names]
    if "" in keys:
        raise InputError(f"A {kind} name is empty; remove it or fill it in.")
    if unprintable := [name for name in names if not name.isprintable()]:
        raise InputError(f"The {kind} name(s) {_few(unprintable)} contain unprintable characters; remove those.")
    duplicates = sorted(name for name, count in Counter(keys).items() if count > 1)
    if duplicates:
        raise InputError(f"The {kind} name(s) {_few(duplicates)} are given more than once; give each {kind} once.")


def spoken(name: str) -> str:
    """A name as written in a sentence: "night_stand" -> "night stand"."""
    return name.replace("_", " ").strip()


def key_of(name: str) -> str:
    """A name normalised for comparison: "Night_stand" -> "night stand"."""
    return spoken(name).casefold()


def _entry(groups: Sequence[list[str]], name: str, kind: str) -> list[str] | None:
    """A name's sentences in a prompt file, in whatever spelling it has there."""
    if len(groups) > 1:
        raise InputError(f"The prompts have {name!r} in more than one spelling; merge the entries.")
    if groups and not isinstance(groups[0], list):
        raise InputError(f"The prompts of {name!r} are for parts; use a file with sentences per {kind}.")
    return groups[0] if groups else None


def _read_origin(path: Path) -> tuple[str, bool]:
    """The note, and whether test labels were used, from the origin file beside a prompt file if it exists."""
    if not path.exists():
        return "", False
    values = read_yaml(path, "the origin of the sentences", "write origin and tuned_on_test_labels, or remove it")
    known = {"origin": str, "tuned_on_test_labels": bool}
    if not isinstance(values, dict) or {name: type(value) for name, value in values.items()} != known:
        raise InputError(f"{path} needs origin (text) and tuned_on_test_labels (true or false); write both.")
    return " ".join(values["origin"].split()), values["tuned_on_test_labels"]


def _check_sentences(sentences: object, owner: str, where: str) -> None:
    if not isinstance(sentences, list) or not sentences or not all(isinstance(s, str) and s.strip() for s in sentences):
        raise InputError(f"{where} has no list of non-empty sentences for {owner!r}; write at least one.")
    duplicate, count = Counter(sentences).most_common(1)[0]
    if count > 1:
        raise InputError(f"{where} has the sentence {duplicate!r} more than once for {owner!r}; remove one.")


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict:
    key, count = Counter(key for key, _ in pairs).most_common(1)[0] if pairs else ("", 1)
    if count > 1:
        raise InputError(f"names {key!r} more than once; merge the entries.")
    return dict(pairs)


def some_of(names: Sequence[str]) -> str:
    """Names in a sentence: all of up to ten, else the first five and how many more."""
    return ", ".join(names) if len(names) <= 10 else f"{', '.join(names[:5])} and {len(names) - 5:,} more"


def _few(names) -> str:
    names = [name if len(name) <= 40 else f"{name[:40]}…" for name in names]
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
