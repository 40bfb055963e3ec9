"""Make the sentence files from the facts: `python prompts/build.py [NAME ...]`.

With `--by-kind FOLDER` it splits them by kind of command instead: FOLDER/NAME_caption.json and so on.

prompts/facts/NAME.json contains, for each class (or part of a category), what a language model wrote about its shape;
prompts/patterns.yaml contains sentence patterns for the paper's four kinds of command. This script combines them into
NAME.json in the folder prompts/ of the task that uses it, in the published format. It is deterministic and needs no
network, but a checkout, since facts and patterns are not installed.

A facts file is {class: entry} or {category: {part: entry}}; an entry is
    {"synonyms": [short singular noun phrases], "facts": [phrases that complete "a depth map of a chair, ..."],
     "name": a noun phrase to use instead of the class name (optional, e.g. "flight of stairs" for stairs)}
"""

import json
import re
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from pointclip.bundled import CHECKOUT, CLASS_PROMPTS, HOUSE, PART_PROMPTS, prompt_files
from pointclip.errors import InputError
from pointclip.prompts import read_prompts
from pointclip.utils.command import ArgumentParser, run_command
from pointclip.utils.files import atomic_path

KINDS = ("caption", "question", "paraphrase", "words")
PER_KIND = 60
MIN_FACTS = 12
MIN_NOUNS = 4
MAX_TOKENS = 77

# A fact with this beginning is a noun phrase and can be the object of a verb; "the same from all sides" is not.
NOUN = re.compile("(a|an|its|one|two|three|four|five|six|seven|eight|several|many|the(?! same (from|left))) ")
# Groups of redundant words; a sentence uses at most one word of each group from the word lists.
ALIKE = [
    re.compile(group, re.IGNORECASE)
    for group in (
        "gr[ae]y|monochrome|colour|black and white",
        "blur|focus|fog|haz|smudge|obscure|indistinct|unclear|vague|murky",
        "dim|dark|shad|murky|faint",
        "tilt|inclin|slant|oblique|lean|angle|rotated|turned",
        "coarse|rough|low-resolution|sparse|few",
        "simple|plain",
    )
]


def by_kind(sentences: list[str]) -> dict[str, list[str]]:
    """Split a class's sentences by command kind: they form four equal blocks, in the order of `KINDS`.

    Raises:
        InputError: if the number of sentences is not a multiple of four.
    """
    size, rest = divmod(len(sentences), len(KINDS))
    if rest:
        raise InputError(
            f"Got {len(sentences)} sentences, expected a multiple of {len(KINDS)} with the kinds in equal blocks; "
            "give the sentences of one class as build.py wrote them."
        )
    return {kind: sentences[i * size : (i + 1) * size] for i, kind in enumerate(KINDS)}


def write_by_kind(path: Path, folder: Path) -> dict[str, Path]:
    """Split a sentence file by command kind into files of the same format: {kind: its file in `folder`}.

    Raises:
        InputError: if the file cannot be read, or its lists do not form four equal blocks.
    """
    prompts, files = read_prompts(path), {}
    for kind in KINDS:
        of_kind = {
            name: {part: by_kind(sentences)[kind] for part, sentences in entry.items()}
            if isinstance(entry, dict)
            else by_kind(entry)[kind]
            for name, entry in prompts.items()
        }
        files[kind] = folder / f"{path.stem}_{kind}.json"
        with atomic_path(files[kind]) as temporary:
            temporary.write_text(to_json(of_kind), encoding="utf-8")
    return files


def article(word: str) -> str:
    """The indefinite article that goes with a word, by its sound: "a chair", "an urn", "a U-shape", "an xbox"."""
    first = word.split("-")[0]
    if len(first) == 1 and first.isalpha():  # a letter read by its name
        return "an" if first.lower() in "aefhilmnorsx" else "a"
    word = word.lower()
    if re.match(r"xbox|hour|honest|heir|8|11|18", word):
        return "an"
    if re.match(r"uni(?!n|m)|us[aeu]|uti|uto|eu|one\b|once", word):
        return "a"
    return "an" if word[0] in "aeiou" else "a"


def fix_articles(sentence: str) -> str:
    """Correct every "a" and "an" of a sentence; a capital letter inside the sentence (an A-frame) is not an article."""

    def right(match: re.Match) -> str:
        put = article(match[2])
        return (put.capitalize() if match[1][0] == "A" else put) + " "

    return re.sub(r"(^An?|\ban?) (?=(\w[\w'-]*))", right, sentence)


class Cycle:
    """Cycle through a list in steps of `step`, increased if necessary so that every item is reached."""

    def __init__(self, items: list[str], step: int = 1):
        while len(items) > 1 and len(items) % step == 0 and step > 1:
            step += 1
        self.items, self.step, self.index = items, step, -step

    def next(self) -> str:
        self.index += self.step
        return self.items[self.index % len(self.items)]


def fresh_word(words: Cycle, pattern: str) -> str:
    """The next word that is not redundant in the pattern: no "grey depth map in gray"."""
    for _ in words.items:
        word = words.next()
        if word not in pattern and not any(group.search(word) and group.search(pattern) for group in ALIKE):
            return word
    raise InputError(f"No word of {words.items} fits {pattern!r} without redundancy; change the pattern.")


class Filler:
    """Fills patterns with one class's (or one part's) name, synonyms, facts and the words for depth maps."""

    def __init__(self, name: str, entry: dict, patterns: dict, category: str | None = None):
        name = entry.get("name", name).replace("_", " ")
        self.category = category.replace("_", " ") if category else None
        names = [name]
        for synonym in entry["synonyms"]:
            names += [synonym, name]  # every second one is the name itself
        self.names = Cycle(names)
        self.facts = Cycle(entry["facts"])
        self.nouns = Cycle([fact for fact in entry["facts"] if NOUN.match(fact)])
        self.maps = Cycle(patterns["map words"], 4)
        self.poor = Cycle(patterns["poor words"], 2)
        self.looks = Cycle(patterns["look words"], 3)

    def fill(self, pattern: str) -> str:
        """One sentence. Facts and words advance with each use, so filling again gives another sentence."""
        name, used = self.names.next(), []

        def other(cycle: Cycle) -> str:
            while (item := cycle.next()) in used:
                pass
            used.append(item)
            return item

        def value(match: re.Match) -> str:
            key, _, adjectives = match[1].partition(" ")
            if key in ("a", "the"):
                return self.object_phrase(key, name, adjectives)
            if key == "thing":
                return "part" if self.category else "object"
            cycles = {"fact": self.facts, "fact2": self.facts, "noun": self.nouns}
            return other(cycles[key])

        for placeholder, words in (("{map}", self.maps), ("{poor}", self.poor), ("{look}", self.looks)):
            if placeholder in pattern:
                pattern = pattern.replace(placeholder, fresh_word(words, pattern))
        sentence = re.sub(r"\{([^{}]+)\}", value, pattern)
        return fix_articles(sentence[0].upper() + sentence[1:])

    def object_phrase(self, key: str, name: str, adjectives: str) -> str:
        """ "a tilted chair", "the chair"; for a part "the tilted back of a chair", "the back of the chair"."""
        phrase = f"{adjectives} {name}".strip()
        return f"the {phrase} of {key} {self.category}" if self.category else f"{key} {phrase}"


def sentences_of(name: str, entry: dict, patterns: dict, category: str | None = None) -> list[str]:
    """All sentences of one class or part: `PER_KIND` distinct ones of each kind, in the order of `KINDS`.

    Raises:
        InputError: if there are too few facts for that many distinct sentences, or a sentence is malformed.
    """
    filler, sentences = Filler(name, entry, patterns, category), []
    for kind in KINDS:
        of_kind = patterns["kinds"][kind]
        for i in range(PER_KIND):
            for attempt in count():
                sentence = filler.fill(of_kind[i % len(of_kind)])
                if sentence not in sentences:
                    break
                if attempt == 100:
                    raise InputError(f"{name}: too few facts for {PER_KIND} distinct {kind} sentences; write more.")
            check_sentence(sentence)
            sentences.append(sentence)
    return sentences


@cache
def _clip_tokenizer():
    from open_clip.tokenizer import SimpleTokenizer  # slow to import, and its vocabulary is bundled

    return SimpleTokenizer()


def token_count(sentence: str) -> int:
    """The number of CLIP tokens of a sentence, including start and end tokens."""
    return len(_clip_tokenizer().encode(sentence)) + 2


def check_sentence(sentence: str) -> None:
    """Raise InputError if a sentence is too long for CLIP, or has a doubled word or an unfilled placeholder."""
    if (tokens := token_count(sentence)) > MAX_TOKENS:
        raise InputError(f"{sentence!r} has {tokens} tokens, CLIP takes {MAX_TOKENS}; shorten its facts.")
    if doubled := re.search(r"\b(\w+) \1\b", sentence, re.IGNORECASE):
        raise InputError(f"{sentence!r} has a doubled word, {doubled[0]!r}; reword the fact or the pattern.")
    if re.search(r"[{}_]|  |\.\.", sentence) or not sentence.endswith("."):
        raise InputError(
            f"{sentence!r} has an unfilled placeholder or stray punctuation; correct the fact or the pattern."
        )


def check_entry(where: str, entry: dict) -> None:
    """Raise InputError if an entry of a facts file does not have the format described at the top of this file."""
    if not isinstance(entry, dict) or not {"synonyms", "facts"} <= set(entry) <= {"synonyms", "facts", "name"}:
        raise InputError(f'{where}: expected {{"synonyms": [...], "facts": [...]}} and optionally "name"; correct it.')
    facts, synonyms = entry["facts"], entry["synonyms"]
    for text in [*facts, *synonyms]:
        if not isinstance(text, str) or not re.fullmatch(r"[a-z0-9].*[^.;:,!?\s]", text) or "_" in text:
            raise InputError(
                f"{where}: {text!r} should begin with a lower-case letter and end without punctuation; rewrite it."
            )
        if fix_articles(text) != text:
            raise InputError(f"{where}: {text!r} has a wrong article; it should read {fix_articles(text)!r}.")
    if len(set(facts)) != len(facts) or len(facts) < MIN_FACTS:
        raise InputError(f"{where}: {len(set(facts))} distinct facts of {len(facts)}, expected {MIN_FACTS} or more.")
    if not 2 <= len(synonyms) <= 4:
        raise InputError(f"{where}: {len(synonyms)} synonyms, expected two to four short noun phrases.")
    nouns = sum(NOUN.match(fact) is not None for fact in facts)
    if nouns < MIN_NOUNS:
        raise InputError(
            f"{where}: {nouns} facts are noun phrases beginning with a, an, two, its ..., expected {MIN_NOUNS} or more."
        )


def entries(facts: dict) -> list[tuple[str | None, str, dict]]:
    """A facts file as (category or None, class or part, entry), in the file's order."""
    rows = []
    for name, value in facts.items() if isinstance(facts, dict) else ():
        if isinstance(value, dict) and "facts" not in value:
            rows += [(name, part, entry) for part, entry in value.items()]
        else:
            rows.append((None, name, value))
    if not rows:
        raise InputError(f"Got {str(facts)[:60]!r}, expected {{class: entry}} or {{category: {{part: entry}}}}.")
    return rows


def load_patterns() -> dict:
    """The sentence patterns by kind, with the words for the depth map and for the object in it."""
    return yaml.safe_load((sources() / "patterns.yaml").read_text(encoding="utf-8"))


def sources() -> Path:
    """The folder of facts and patterns. Raises InputError where the package is installed without them."""
    if CHECKOUT is None:
        raise InputError("Facts and patterns are not installed; run prompts/build.py in a checkout of the repository.")
    return CHECKOUT / "prompts"


def build(facts: dict, patterns: dict | None = None) -> dict:
    """Sentences for a facts file's content: {class: [sentence, ...]} or {category: {part: [sentence, ...]}}.

    Raises:
        InputError: if an entry is malformed, a fact occurs in two entries, or a sentence is too long for CLIP.
    """
    patterns = patterns or load_patterns()
    made: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for category, name, entry in entries(facts):
        where = f"{category}/{name}" if category else name
        check_entry(where, entry)
        for fact in entry["facts"]:
            if owner.setdefault(fact, where) != where:
                raise InputError(
                    f"{fact!r} describes both {owner[fact]} and {where}; write a different fact for one of them."
                )
        target = made.setdefault(category, {}) if category else made
        target[name] = sentences_of(name, entry, patterns, category)
    return made


def to_json(made: dict) -> str:
    """The text of a sentence file, deterministic."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def facts_path(name: str) -> Path:
    """The path of a data set's facts. Raises InputError if there are none of that name."""
    path = sources() / "facts" / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json")))
        raise InputError(f"No facts called {name!r} in prompts/facts; choose from {known}, or write {name}.json there.")
    return path


def sentences_path(name: str) -> Path:
    """The path of a bundled file of sentences. Raises InputError if there is none of that name."""
    if name not in prompt_files():
        raise InputError(f"There are no sentences called {name!r}; choose from {', '.join(prompt_files())}.")
    return prompt_files()[name]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Raises InputError for bad arguments, facts or patterns."""
    parser = ArgumentParser(description="Make NAME.json from prompts/facts/NAME.json.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets; all that have facts if none is given")
    parser.add_argument("--by-kind", type=Path, metavar="FOLDER",
                        help="split NAME.json into FOLDER/NAME_caption.json and so on instead")  # fmt: skip
    args = parser.parse_args(arguments)
    names = args.names or sorted(path.stem for path in (sources() / "facts").glob("*.json"))
    for name in names:
        if args.by_kind:
            print("\n".join(map(str, write_by_kind(sentences_path(name), args.by_kind).values())))
        else:
            make(name)


def make(name: str) -> None:
    """Write NAME.json from its facts and print a summary."""
    try:
        facts = json.loads(facts_path(name).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"prompts/facts/{name}.json is not valid JSON ({error}); correct it.") from error
    made = build(facts)
    of_parts = any(isinstance(value, dict) for value in made.values())
    target = (PART_PROMPTS if of_parts else CLASS_PROMPTS) / f"{name}.json"
    with atomic_path(target) as path:
        path.write_text(to_json(made), encoding="utf-8")
    rows = [s for value in made.values() for s in (value.values() if isinstance(value, dict) else [value])]
    print(f"{target.relative_to(HOUSE)}: {len(rows)} lists, {sum(map(len, rows))} sentences")


if __name__ == "__main__":
    run_command(main)
