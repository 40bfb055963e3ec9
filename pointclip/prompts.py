"""Sentences that name classes or parts, with their origin."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pointclip.errors import InputError
from pointclip.origin import Origin
from pointclip.utils.files import expanded, read_json, read_yaml


@dataclass(frozen=True)
class PromptFile:
    """What a prompt file holds, and what it says of its origin.

    A file NAME.json may have NAME.origin.yaml beside it, {origin: a sentence, tuned_on_test_labels: true or false}, as
    prompts/import_published.py writes it.
    """

    entries: Mapping[str, list[str] | dict[str, list[str]]] = field(default_factory=dict)  # as in `read_prompts`
    name: str = ""  # of the file; "" for no file
    note: str = ""  # what its origin file says
    tuned: bool = False  # whether labels of a test split chose the sentences


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
    """Read a prompt file and its origin; "" is no file, which leaves everything to the template.

    Raises:
        InputError: as `read_prompts`, and for an origin file of another form.
    """
    if not path:
        return PromptFile()
    path = expanded(path)
    return PromptFile(read_prompts(path), path.name, *_read_origin(path.with_suffix(".origin.yaml")))


def read_prompts(path: str | Path) -> dict:
    """The entries of a prompt file: {class: [sentence, …]}, or {category: {part: [sentence, …]}} for parts.

    Raises:
        InputError: for an unreadable file, another structure, a class named twice, empty or duplicate sentences.
    """
    path = expanded(path)
    published = path.parent.name == "published"  # not in the repository, so every user must fetch them
    advice = "run `python prompts/import_published.py PATH_OR_URL`" if published else "see the prompts/ folder"
    prompts = read_json(path, "the prompt file", advice, _no_duplicates)
    if not isinstance(prompts, dict) or not prompts:
        raise InputError(f"The prompt file {path} does not hold {{class: [sentence, …]}}, which was expected.")
    for name, entry in prompts.items():
        parts = entry.items() if isinstance(entry, dict) and entry else [(name, entry)]
        for owner, sentences in parts:
            _check_sentences(sentences, owner if owner == name else f"{name} / {owner}", path)
    return prompts


def class_sentences(names: Sequence[str], prompts: PromptFile, template: str) -> Sentences:
    """The sentences of each class: those of the prompt file, or else the template's one.

    "Night_stand" and "night stand" count as the same name.

    Args:
        names: of the classes.
        prompts: {class: [sentence, …]}.
        template: a sentence with {} where the name goes.

    Raises:
        InputError: when names repeat, when the prompts have another structure or cover no name, for a bad template.
    """
    found = _look_up(names, prompts.entries, template, "class")
    return Sentences(_filled(found, template), _origin(found, prompts, template, "class"))


@dataclass(frozen=True)
class PartSentences:
    """The sentences of each category's parts, with their origin."""

    by_category: Mapping[str, Mapping[str, list[str]]]
    origin: Origin

    def flat(self) -> dict[str, list[str]]:
        """The sentences by names that no two categories share: "seat of chair"."""
        return {
            f"{part} of {category}": group
            for category, parts in self.by_category.items()
            for part, group in parts.items()
        }


def part_sentences(parts: Mapping[str, Sequence[str]], prompts: PromptFile, template: str) -> PartSentences:
    """The sentences of the parts of each category: those of the prompt file, or else the template's one.

    A category that the prompts lack, or of whose parts they have none, gets the template throughout.

    Args:
        parts: {category: its parts}.
        prompts: {category: {part: [sentence, …]}}.
        template: a sentence with {} where the part goes, and {category}.

    Raises:
        InputError: as `class_sentences`.
    """
    by_name = {key_of(name): entry for name, entry in prompts.entries.items()}
    by_category, found = {}, {}
    for category, names in parts.items():
        entry = by_name.get(key_of(category), {})
        if not isinstance(entry, Mapping):
            raise InputError(f"The prompts of {category!r} are a class's; use a file with sentences per part.")
        known = {key_of(name) for name in entry} & {key_of(name) for name in names}
        own_template = template.replace("{category}", spoken(category))
        looked_up = _look_up(names, entry if known else {}, own_template, "part")
        by_category[category] = _filled(looked_up, own_template)
        found |= {f"{part} of {category}": group for part, group in looked_up.items()}
    return PartSentences(by_category, _origin(found, prompts, template, "part"))


def count_in_words(groups: Iterable[Sequence[str]], kind: str) -> str:
    """How many sentences a class or a part has: "1 sentence a class", "1 to 240 sentences a part"."""
    counts = [len(group) for group in groups]
    number = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return f"{number} sentence{'s' * (number != '1')} a {kind}"


def _look_up(
    names: Sequence[str], entries: Mapping[str, list[str]], template: str, kind: str
) -> dict[str, list[str] | None]:
    """The sentences that a prompt file has of each name, None where it has none."""
    check_names(names, kind)
    if "{}" not in template:
        raise InputError(f"The template is {template!r}; it needs {{}} where the name of the {kind} goes.")
    by_key: dict[str, list] = {}
    for name, group in entries.items():
        by_key.setdefault(key_of(name), []).append(group)
    found = {name: _entry(by_key.get(key_of(name), []), name, kind) for name in names}
    if entries and not any(found.values()):
        raise InputError(
            f"The prompts have sentences for {_few(entries)}, but for none of {_few(names)}; "
            "set PROMPTS.FILE to a fitting file, or to '' for the template."
        )
    return found


def _filled(found: Mapping[str, list[str] | None], template: str) -> dict[str, list[str]]:
    return {name: group or [template.replace("{}", spoken(name))] for name, group in found.items()}


def _origin(found: Mapping[str, list[str] | None], prompts: PromptFile, template: str, kind: str) -> Origin:
    """The origin of sentences of which some come from a file and the others, None in `found`, from the template."""
    words = f"the template “{template}”"
    from_file = [group for group in found.values() if group]
    if not from_file:
        return Origin(words)
    by_template = [name for name, group in found.items() if not group]
    more = f"; {words} for {some_of(by_template)}" if by_template else ""
    counts = count_in_words([group or [""] for group in found.values()], kind)
    return Origin(f"{prompts.name}, {counts}, averaged{more}", prompts.note, prompts.tuned)


def check_names(names: Sequence[str], kind: str = "class") -> None:
    """Raise an InputError when class or part names are missing, empty, or the same twice."""
    if not names:
        raise InputError(f"No {kind} names came; give at least one.")
    said = [key_of(name) for name in names]
    if "" in said:
        raise InputError(f"A {kind} name is empty; remove it or write it out.")
    if odd := [name for name in names if not name.isprintable()]:
        raise InputError(f"The {kind} name(s) {_few(odd)} hold characters that cannot be printed; leave those out.")
    twice = sorted(name for name, count in Counter(said).items() if count > 1)
    if twice:
        raise InputError(f"The {kind} name(s) {_few(twice)} came more than once; name each {kind} once.")


def spoken(name: str) -> str:
    """A name as it is said in a sentence: "night_stand" -> "night stand"."""
    return name.replace("_", " ").strip()


def key_of(name: str) -> str:
    """A name regardless of its spelling: "Night_stand" -> "night stand"."""
    return spoken(name).casefold()


def _entry(groups: Sequence[list[str]], name: str, kind: str) -> list[str] | None:
    """The one group of sentences that a name has in a prompt file, however it is spelt there."""
    if len(groups) > 1:
        raise InputError(f"The prompts name {name!r} in more than one spelling; merge the entries.")
    if groups and not isinstance(groups[0], list):
        raise InputError(f"The prompts of {name!r} are those of parts; use a file with sentences per {kind}.")
    return groups[0] if groups else None


def _read_origin(path: Path) -> tuple[str, bool]:
    """The note and the mark in the file beside a prompt file; none where it is not there."""
    if not path.exists():
        return "", False
    values = read_yaml(path, "the origin of the sentences", "write origin and tuned_on_test_labels, or remove it")
    known = {"origin": str, "tuned_on_test_labels": bool}
    if not isinstance(values, dict) or {name: type(value) for name, value in values.items()} != known:
        raise InputError(f"{path} does not hold origin (a text) and tuned_on_test_labels (true or false); write both.")
    return " ".join(values["origin"].split()), values["tuned_on_test_labels"]


def _check_sentences(sentences: object, owner: str, path: Path) -> None:
    if not isinstance(sentences, list) or not sentences or not all(isinstance(s, str) and s.strip() for s in sentences):
        raise InputError(
            f"The prompt file {path} has no list of non-empty sentences for {owner!r}; write at least one."
        )
    twice, count = Counter(sentences).most_common(1)[0]
    if count > 1:
        raise InputError(f"The prompt file {path} has the sentence {twice!r} more than once for {owner!r}; remove one.")


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
