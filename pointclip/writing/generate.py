"""Have a language model write a sentence file: `python prompts/generate.py --classes A,B --model NAME --out FILE`.

The model is given the paper's four kinds of command for every class (or part of a category), several times each. Its
answers are saved to FILE.partial as they arrive, so that an interrupted run can be continued by starting it again.
"""

import argparse
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tqdm import tqdm

from pointclip.errors import InputError
from pointclip.prompts import check_names, spoken
from pointclip.runs.inputs import names_argument
from pointclip.utils.command import ArgumentParser, run_command
from pointclip.utils.files import atomic_path
from pointclip.writing.build import KINDS, MAX_TOKENS, fix_articles, to_json, token_count
from pointclip.writing.models import Endpoint, LocalModel, Model, Task, answers

MAX_REQUESTS = 3  # times the requested number of samples, to make up for duplicate and unusable answers
MIN_WORDS = 3
NUMBERING = re.compile(r"^\s*(?:(?:[-*•–]|#+|\(?\d{1,3}[.):])\s+)+")
LABEL = re.compile(r"^(?:caption|answer|sentence|synonym|question|description|a|q):\s+", re.IGNORECASE)
QUOTES = str.maketrans("_’‘", " ''", '"“”„«»`*')
NO_SENTENCE = re.compile(
    r"\bas an ai\b|\bi(?:'m| am) (?:sorry|unable)|\bi (?:cannot|can't)\b|<[a-z!/]|[{}\\|\ufffd]|:$", re.IGNORECASE
)  # refusals, markup, and introductions to a sentence

Answers = dict[tuple[str, str, int], str]  # (class or part, kind, number of the sample) -> the raw answer


def commands(name: str, category: str | None = None) -> dict[str, str]:
    """The four commands for a class, or for a part of a category, by kind (PointCLIP V2, section on prompting)."""
    name = spoken(name)
    thing = f"the {name} of a {spoken(category)}" if category else f"a {name}"
    askew = f"the inclined, obscure {name} of a {spoken(category)}" if category else f"an inclined, obscure {name}"
    texts = {
        "caption": f"Describe a depth map of {thing}.",
        "question": f"How does a depth map of {thing} look?",
        "paraphrase": f"Generate a synonym of: a grayscale depth map of {askew}.",
        "words": f"Make a sentence from: {thing}, depth map, obscure.",
    }
    return {kind: fix_articles(texts[kind]) for kind in KINDS}


@cache
def usable(answer: str) -> str | None:
    """The sentences in an answer that fit into CLIP's tokens, without numbering, label and quotes; None for none."""
    answer = re.sub(r"<think>.*?</think>", "", answer, flags=re.DOTALL)  # a reasoning model's thoughts
    return next(filter(None, map(_sentence, answer.splitlines())), None)


def _sentence(line: str) -> str | None:
    text = " ".join(NUMBERING.sub("", line).translate(QUOTES).split())
    text = LABEL.sub("", text)
    if text[:1] == text[-1:] == "'":
        text = text[1:-1]
    if NO_SENTENCE.search(text) or not text.isprintable():
        return None
    fitting = ""
    for sentence in re.split(r"(?<=[.!?])\s+", text):  # as many complete sentences as fit
        longer = f"{fitting} {sentence}".strip()
        longer += "" if longer.endswith((".", "!", "?")) else "."
        if token_count(longer) > MAX_TOKENS:
            break
        fitting = longer
    return fitting if len(re.findall(r"[^\W\d_]+", fitting)) >= MIN_WORDS else None


def select_sentences(found: Answers, names: Sequence[str], samples: int) -> dict[tuple[str, str], list[str]]:
    """The first `samples` usable sentences per name and kind, without duplicates within a name."""
    picked: dict[tuple[str, str], list[str]] = {(name, kind): [] for name in names for kind in KINDS}
    seen = set()
    for name, kind, sample in sorted(found, key=lambda key: (KINDS.index(key[1]), key[2])):
        if (name, kind) not in picked or len(picked[name, kind]) == samples:
            continue
        sentence = usable(found[name, kind, sample])
        same = (name, re.sub(r"\W+", " ", (sentence or "").casefold()).strip())
        if sentence is not None and same not in seen:
            seen.add(same)
            picked[name, kind].append(sentence)
    return picked


def missing(found: Answers, picked: dict, texts: dict, samples: int) -> list[Task]:
    """The requests still to make: one for each missing sentence, up to the maximum number of requests."""
    tasks = []
    for (name, kind), sentences in picked.items():
        free = [i for i in range(MAX_REQUESTS * samples) if (name, kind, i) not in found]
        tasks += [Task((name, kind, i), texts[name][kind]) for i in free[: samples - len(sentences)]]
    return tasks


class Partial:
    """The answers so far, in a file beside the output: a line of settings, then one line per answer."""

    def __init__(self, out: Path, settings: dict):
        self.path = out.with_name(out.name + ".partial")
        self.found: Answers = {}
        if self.path.is_file():
            self._read(settings)
        rows = [settings, *([*key, answer] for key, answer in self.found.items())]
        with atomic_path(self.path) as path:  # this also drops a truncated line
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def _read(self, settings: dict) -> None:
        head, *lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        if _json(head) != settings:
            raise InputError(
                f"{self.path} was started with another model or seed; use the same to continue, or remove the file."
            )
        for row in map(_json, lines):
            if isinstance(row, list) and list(map(type, row)) == [str, str, int, str] and row[1] in KINDS:
                self.found[tuple(row[:3])] = row[3]

    def add(self, task: Task, answer: str) -> None:
        self.found[task.key] = answer
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps([*task.key, answer]) + "\n")
        except OSError as error:
            raise InputError(f"Cannot write {self.path} ({error.strerror}); free some space and run again.") from error


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def ask_all(model: Model, partial: Partial, texts: dict, args: argparse.Namespace) -> dict:
    """Ask until every name has its sentences of every kind, or the maximum number of requests is reached."""
    names, samples = list(texts), args.samples
    total = len(names) * len(KINDS) * samples
    with tqdm(total=total, unit="sentence", disable=args.quiet) as bar:
        while True:
            picked = select_sentences(partial.found, names, samples)
            bar.n = sum(map(len, picked.values()))  # duplicates were counted as they arrived
            bar.refresh()
            tasks = missing(partial.found, picked, texts, samples)
            if not tasks:
                return picked
            for answer in answers(model, tasks, args.jobs, args.retries, args.seed, partial.add):
                bar.update(usable(answer) is not None)


def equal_blocks(picked: dict, names: Sequence[str], samples: int) -> tuple[dict[str, list[str]], list[str]]:
    """Each name's sentences, the kinds in equal blocks in the order of KINDS, and notes on names with fewer.

    Raises:
        InputError: if a name has no sentence of some kind.
    """
    sentences, notes = {}, []
    for name in names:
        counts = {kind: len(picked[name, kind]) for kind in KINDS}
        rarest = min(counts, key=lambda name: counts[name])
        if counts[rarest] == 0:
            raise InputError(
                f"None of {MAX_REQUESTS * samples} answers to the {rarest} command for {name!r} is usable; use another "
                "model, or increase --samples."
            )
        if counts[rarest] < samples:
            notes.append(
                f"{name}: {counts[rarest]} of {samples} sentences per kind, because few {rarest} answers were usable"
            )
        sentences[name] = [s for kind in KINDS for s in picked[name, kind][: counts[rarest]]]
    return sentences, notes


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser(description="Have a language model write a sentence file.")
    parser.epilog = "example: %(prog)s --classes 'chair, sofa' --model NAME --base-url URL --out own.json"
    parser.add_argument("--classes", type=names_argument, default=(), metavar="A,B", help="class names")
    parser.add_argument("--category", default="", metavar="NAME", help="with --parts: the category that they belong to")
    parser.add_argument(
        "--parts", type=names_argument, default=(), metavar="A,B", help="part names, instead of classes"
    )
    parser.add_argument("--model", default="", metavar="NAME", help="name of the model on the server")
    parser.add_argument(
        "--base-url", metavar="URL", help="URL of an OpenAI-compatible server; the key is in OPENAI_API_KEY"
    )
    parser.add_argument("--local", default="", metavar="MODEL", help="a local transformers model instead of a server")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the sentence file to write")
    parser.add_argument("--samples", type=int, default=60, help="sentences per kind of command (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=8, help="concurrent requests (default: %(default)s)")
    parser.add_argument("--retries", type=int, default=6, help="retries per request (default: %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=60, help="seconds without data before a retry (default: %(default)s)"
    )
    parser.add_argument("--temperature", type=float, help="default: the model's")
    parser.add_argument("--seed", type=int, default=0, help="for pauses and local models (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    args = parser.parse_args(arguments)
    _check(args)
    return args


def _check(args: argparse.Namespace) -> None:
    if bool(args.classes) == bool(args.parts) or bool(args.parts) != bool(args.category):
        raise InputError(
            "The names are missing or ambiguous; give either --classes A,B or --category NAME with --parts A,B."
        )
    if bool(args.model) == bool(args.local) or (args.local and args.base_url):
        raise InputError(
            "The model is missing or ambiguous; give either --model NAME, with --base-url URL, or --local MODEL."
        )
    check_names(args.classes or args.parts, "class" if args.classes else "part")
    if args.category:
        check_names([args.category], "category")
    for name, least in (("samples", 1), ("jobs", 1), ("retries", 0), ("seed", 0)):
        if getattr(args, name) < least:
            raise InputError(f"--{name} is {getattr(args, name)}; expected at least {least}.")
    if not 0 < args.timeout < 1e6:
        raise InputError(f"--timeout is {args.timeout}; expected more than 0 seconds.")
    if args.temperature is not None and not 0 <= args.temperature <= 10:
        raise InputError(f"--temperature is {args.temperature}; expected 0 to 10.")
    if args.out.is_dir() or args.out.exists():
        raise InputError(f"{args.out} already exists; give another --out, or remove it.")
    args.jobs = 1 if args.local else args.jobs  # a local model answers one request at a time


def run(args: argparse.Namespace) -> None:
    """Ask, write the file, and print a summary."""
    texts = {name: commands(name, args.category or None) for name in args.classes or args.parts}
    if args.local:
        model = LocalModel(args.local, args.temperature)
    else:
        model = Endpoint(args.model, args.base_url, args.timeout, args.temperature)
    settings = {"model": args.local or args.model, "base url": args.base_url, "category": args.category}
    partial = Partial(args.out, settings | {"temperature": args.temperature, "seed": args.seed})
    picked = ask_all(model, partial, texts, args)
    sentences, notes = equal_blocks(picked, list(texts), args.samples)
    with atomic_path(args.out) as path:
        path.write_text(to_json({args.category: sentences} if args.category else sentences), encoding="utf-8")
    partial.path.unlink(missing_ok=True)
    for note in notes:
        print(f"note: {note}")
    print(f"{args.out}: {len(sentences)} lists, {sum(map(len, sentences.values()))} sentences")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Raises InputError for bad input, or if the server keeps failing."""
    run(parse(arguments))


if __name__ == "__main__":
    run_command(main, after_stop="the answers so far are saved; run the same command again to continue")
