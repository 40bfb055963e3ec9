"""Read the published PointCLIP V2 repository's files as data: JSON, and literals in Python files, not executed."""

import json
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pointclip.bundled import prompt_files
from pointclip.datasets.scanobjectnn import CLASSES as SCANOBJECTNN_CLASSES
from pointclip.datasets.shapenetpart_labels import PART_NAMES
from pointclip.errors import InputError
from pointclip.prompts import key_of, read_prompts
from pointclip.writing.literals import literals

CANDIDATES = ("modelnet40_1000.json", "scanobjectnn_1000.json", "shapenetpart_700.json")
PARAMETERS = "best_param.py"
MAX_BYTES = 64 << 20  # of one file; the largest published one has 5 MB
VIEWS = 10
ENTRY = re.compile(r"((modelnet40|scanobjectnn)_(?:rn50|rn101|vit_b16|vit_b32))_test_(prompts|weights)")
HELP = "give the file as published"


@dataclass
class Material:
    """The imported data, in the formats in which it is written."""

    candidates: dict[str, dict] = field(default_factory=dict)  # "modelnet40_1000" -> {class: [sentence, …]}
    sentences: dict[str, dict] = field(default_factory=dict)  # "modelnet40_rn50" -> {class: [its one sentence]}
    weights: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # task -> {name: [V numbers]}
    notes: list[str] = field(default_factory=list)  # on omissions and renamings


def class_names(data: str) -> list[str]:
    """The classes of a classification data set in label order."""
    if data == "scanobjectnn":
        return list(SCANOBJECTNN_CLASSES)
    return list(read_prompts(prompt_files()["modelnet40"]))


def read_files(source: Path) -> dict[PurePosixPath | Path, bytes]:
    """The relevant files in a folder or .zip archive, by path; identical files are read once.

    Raises:
        InputError: if the source cannot be read, a file is too large, or two candidate files differ.
    """
    try:
        if source.is_dir():
            found = {path: _read(path) for path in sorted(source.rglob("*")) if _is_relevant(path) and path.is_file()}
        elif source.is_file():
            found = _unzipped(source)
        else:
            raise InputError(f"There is no {source}; give a checkout or .zip of the published repository.")
    except OSError as error:
        raise InputError(
            f"Cannot read {error.filename or source} ({error.strerror}); check its permissions."
        ) from error
    once: dict[bytes, PurePosixPath | Path] = {}
    for path, content in found.items():
        once.setdefault(content, path)
    by_name: dict[str, PurePosixPath | Path] = {}
    for path in once.values():
        if path.name != PARAMETERS and by_name.setdefault(path.name, path) != path:
            raise InputError(f"{by_name[path.name]} and {path} differ; remove the one that was not published.")
    return {path: content for content, path in once.items()}


def _is_relevant(path: PurePosixPath | Path) -> bool:
    return path.name == PARAMETERS or path.name in CANDIDATES


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} has {path.stat().st_size:,} bytes; expected at most {MAX_BYTES:,}; {HELP}.")
    return path.read_bytes()


def _unzipped(archive: Path) -> dict[PurePosixPath, bytes]:
    """The relevant members, read into memory without unpacking the archive to disk."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = {PurePosixPath(member.filename): member for member in zipped.infolist()}
            members = {path: member for path, member in sorted(members.items()) if _is_relevant(path)}
            for path, member in members.items():
                if member.file_size > MAX_BYTES or member.flag_bits & 1 or stat.S_ISLNK(member.external_attr >> 16):
                    raise InputError(f"{path} in {archive} is too large, encrypted or a link; use another archive.")
            return {path: zipped.read(member) for path, member in members.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{archive} is not a complete .zip file ({error}); download it again.") from error


def read_candidates(content: bytes, path: PurePosixPath | Path, material: Material) -> None:
    """Read a JSON file of candidate sentences; duplicates and empty sentences are dropped, the order is kept.

    A greedy search accepts only strict improvements, so it never selects a duplicate, and nothing is lost.
    """
    try:
        file = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); {HELP}.") from error
    if not isinstance(file, dict) or not file:
        raise InputError(f"{path} does not contain {{class: [sentence, …]}}; {HELP}.")
    data, left_out, sentences = path.stem.split("_")[0], 0, {}
    for name, entry in file.items():
        lists = entry if data == "shapenetpart" else {name: entry}
        if not isinstance(lists, dict) or not lists or not all(map(_is_sentences, lists.values())):
            kind = "{part: [sentence, …]}" if data == "shapenetpart" else "list of sentences"
            raise InputError(f"{path} has no {kind} for {name!r}; {HELP}.")
        cleaned = {owner: list(dict.fromkeys(filter(str.strip, texts))) for owner, texts in lists.items()}
        left_out += sum(map(len, lists.values())) - sum(map(len, cleaned.values()))
        if empty := [owner for owner, texts in cleaned.items() if not texts]:
            raise InputError(f"{path} has no sentence for {empty[0]!r} of {name!r}; {HELP}.")
        sentences[name] = _our_parts(name, cleaned, path, material) if data == "shapenetpart" else cleaned[name]
    if left_out:
        material.notes.append(f"{path.name}: {left_out} duplicate or empty sentences dropped")
    expected = list(PART_NAMES) if data == "shapenetpart" else class_names(data)
    known = {key_of(name) for name in sentences}
    if absent := [name for name in expected if key_of(name) not in known]:
        material.notes.append(f"{path.name} has no sentences for {', '.join(absent)}")
    material.candidates[path.stem] = sentences


def _is_sentences(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(sentence, str) for sentence in value)


def _our_parts(category: str, lists: dict, path: PurePosixPath | Path, material: Material) -> dict[str, list[str]]:
    """A category's lists under our part names, which differ from the published ones but have the same (label) order."""
    ours = PART_NAMES.get(key_of(category))
    if ours is None:
        raise InputError(f"{path} has a category {category!r}, which is not in ShapeNetPart; {HELP}.")
    if len(lists) > len(ours):
        raise InputError(f"{path} has {len(lists)} parts of {category!r}; expected {len(ours)}; {HELP}.")
    if len(lists) < len(ours):
        material.notes.append(f"{path.name}: {category} has sentences for the first {len(lists)} of {len(ours)} parts")
    renamed = [f"{theirs} -> {name}" for name, theirs in zip(ours, lists, strict=False) if theirs != name]
    if renamed:
        material.notes.append(f"{path.name}: parts of {category} renamed: {', '.join(renamed)}")
    return dict(zip(ours, lists.values(), strict=False))


def read_parameters(content: bytes, path: PurePosixPath | Path, material: Material) -> None:
    """Read a best_param.py file: searched sentences and view weights.

    Raises:
        InputError: naming file and line, if it contains anything but assignments of literals, if a value does not have
            the published format, or if another file sets a different value.
    """
    for (variable, key), (value, line) in literals(content, path).items():
        where = f"{path}, line {line}"
        if variable == "best_prompt_weight":
            entry = ENTRY.fullmatch(key)
            if entry is None:
                material.notes.append(f"{path.name}: {key} left out, since its data set or encoder is unknown")
            elif entry[3] == "prompts":
                _put(material.sentences, entry[1], _of_classes(value, entry[2], where), where)
            else:
                _put(material.weights.setdefault("classification", {}), entry[1], _weights(value, where), where)
        elif key not in PART_NAMES:
            raise InputError(f"{where}: {key!r} is not a category of ShapeNetPart; {HELP}.")
        elif variable == "best_prompt":
            parts = _of_parts(value, key, path, line, material)
            _put(material.sentences.setdefault("shapenetpart_vit_b16", {}), key, parts, where)
        else:
            _put(material.weights.setdefault("segmentation", {}), key, _weights(value, where), where)


def _put(found: dict, key: str, value: Any, where: str) -> None:
    if found.setdefault(key, value) != value:
        raise InputError(f"{where}: {key} differs from another file's; remove the file that was not published.")


def _of_classes(value: Any, data: str, where: str) -> dict[str, list[str]]:
    names = class_names(data)
    if not _is_sentences(value) or len(value) != len(names) or not all(map(str.strip, value)):
        raise InputError(f"{where}: expected {len(names)} sentences, one per class of {data}; {HELP}.")
    return {name: [sentence] for name, sentence in zip(names, value, strict=True)}


def _of_parts(
    value: Any, category: str, path: PurePosixPath | Path, line: int, material: Material
) -> dict[str, list[str]]:
    parts = PART_NAMES[category]
    if not _is_sentences(value) or not 0 < len(value) <= len(parts) or not all(map(str.strip, value)):
        raise InputError(f"{path}, line {line}: expected {len(parts)} sentences for {category}; {HELP}.")
    if len(value) < len(parts):
        material.notes.append(f"{path.name}: {category} has sentences for the first {len(value)} of {len(parts)} parts")
    return {part: [sentence] for part, sentence in zip(parts, value, strict=False)}


def _weights(value: Any, where: str) -> list[float]:
    if (
        not isinstance(value, list)
        or len(value) != VIEWS
        or not all(type(weight) in (int, float) and abs(weight) < 1e6 for weight in value)
    ):
        raise InputError(f"{where}: expected {VIEWS} numbers, one per view; {HELP}.")
    return [float(weight) for weight in value]
