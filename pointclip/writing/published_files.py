"""Reading the files of the published PointCLIP V2 repository as data: JSON, and Python literals that are never run."""

import json
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pointclip.bundled import PROMPTS
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
HELP = "give the file as it was published"


@dataclass
class Material:
    """What was found, in the forms in which it is written."""

    candidates: dict[str, dict] = field(default_factory=dict)  # "modelnet40_1000" -> {class: [sentence, …]}
    sentences: dict[str, dict] = field(default_factory=dict)  # "modelnet40_rn50" -> {class: [its one sentence]}
    weights: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # task -> {name: [V numbers]}
    notes: list[str] = field(default_factory=list)  # what was left out or renamed


def class_names(data: str) -> list[str]:
    """The classes of a classification data set in label order."""
    if data == "scanobjectnn":
        return list(SCANOBJECTNN_CLASSES)
    return list(read_prompts(PROMPTS / "modelnet40.json"))


def read_files(source: Path) -> dict[PurePosixPath | Path, bytes]:
    """The files of use in a folder or .zip archive, by their place; the same file in two places comes once.

    Raises:
        InputError: when the source cannot be read, a file is too large, or two candidate files differ.
    """
    try:
        if source.is_dir():
            found = {path: _read(path) for path in sorted(source.rglob("*")) if _wanted(path) and path.is_file()}
        elif source.is_file():
            found = _unzipped(source)
        else:
            raise InputError(f"There is no {source}; give a checkout or .zip of the published repository.")
    except OSError as error:
        raise InputError(
            f"Cannot read {error.filename or source} ({error.strerror}); check its permissions."
        ) from error
    once: dict[bytes, PurePosixPath | Path] = {}
    for place, content in found.items():
        once.setdefault(content, place)
    by_name: dict[str, PurePosixPath | Path] = {}
    for place in once.values():
        if place.name != PARAMETERS and by_name.setdefault(place.name, place) != place:
            raise InputError(f"{by_name[place.name]} and {place} differ; remove the one that is not as published.")
    return {place: content for content, place in once.items()}


def _wanted(path: PurePosixPath | Path) -> bool:
    return path.name == PARAMETERS or path.name in CANDIDATES


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} has {path.stat().st_size:,} bytes, at most {MAX_BYTES:,} were expected; {HELP}.")
    return path.read_bytes()


def _unzipped(archive: Path) -> dict[PurePosixPath, bytes]:
    """The wanted members, read into memory: nothing of the archive is unpacked to the disk."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = {PurePosixPath(member.filename): member for member in zipped.infolist()}
            members = {place: member for place, member in sorted(members.items()) if _wanted(place)}
            for place, member in members.items():
                if member.file_size > MAX_BYTES or member.flag_bits & 1 or stat.S_ISLNK(member.external_attr >> 16):
                    raise InputError(f"{place} in {archive} is too large, encrypted or a link; take another archive.")
            return {place: zipped.read(member) for place, member in members.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{archive} is not a whole .zip file ({error}); fetch it again.") from error


def read_candidates(content: bytes, place: PurePosixPath | Path, material: Material) -> None:
    """Read a JSON file of candidate sentences; repeated and empty sentences are left out, the order stays.

    A greedy search that takes only what is strictly better never takes a sentence's repetition, so nothing is lost.
    """
    try:
        file = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is not valid JSON ({error}); {HELP}.") from error
    if not isinstance(file, dict) or not file:
        raise InputError(f"{place} holds no {{class: [sentence, …]}}; {HELP}.")
    data, left_out, sentences = place.stem.split("_")[0], 0, {}
    for name, entry in file.items():
        lists = entry if data == "shapenetpart" else {name: entry}
        if not isinstance(lists, dict) or not lists or not all(map(_is_sentences, lists.values())):
            kind = "{part: [sentence, …]}" if data == "shapenetpart" else "list of sentences"
            raise InputError(f"{place} has no {kind} for {name!r}; {HELP}.")
        cleaned = {owner: list(dict.fromkeys(filter(str.strip, own))) for owner, own in lists.items()}
        left_out += sum(map(len, lists.values())) - sum(map(len, cleaned.values()))
        if empty := [owner for owner, own in cleaned.items() if not own]:
            raise InputError(f"{place} has no sentence for {empty[0]!r} of {name!r}; {HELP}.")
        sentences[name] = _our_parts(name, cleaned, place, material) if data == "shapenetpart" else cleaned[name]
    if left_out:
        material.notes.append(f"{place.name}: {left_out} repeated or empty sentences left out")
    expected = list(PART_NAMES) if data == "shapenetpart" else class_names(data)
    known = {key_of(name) for name in sentences}
    if absent := [name for name in expected if key_of(name) not in known]:
        material.notes.append(f"{place.name} has no sentences for {', '.join(absent)}")
    material.candidates[place.stem] = sentences


def _is_sentences(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(sentence, str) for sentence in value)


def _our_parts(category: str, lists: dict, place: PurePosixPath | Path, material: Material) -> dict[str, list[str]]:
    """A category's lists under our names of its parts: the published names differ, the order is that of the labels."""
    ours = PART_NAMES.get(key_of(category))
    if ours is None:
        raise InputError(f"{place} names the category {category!r}, which ShapeNetPart does not have; {HELP}.")
    if len(lists) > len(ours):
        raise InputError(f"{place} has {len(lists)} parts of {category!r}, {len(ours)} were expected; {HELP}.")
    if len(lists) < len(ours):
        material.notes.append(f"{place.name}: {category} has sentences for the first {len(lists)} of {len(ours)} parts")
    renamed = [f"{theirs} -> {name}" for name, theirs in zip(ours, lists, strict=False) if theirs != name]
    if renamed:
        material.notes.append(f"{place.name}: parts of {category} renamed: {', '.join(renamed)}")
    return dict(zip(ours, lists.values(), strict=False))


def read_parameters(content: bytes, place: PurePosixPath | Path, material: Material) -> None:
    """Read a best_param.py file: searched sentences and view weights.

    Raises:
        InputError: naming file and line, when anything but assignments of literals is in it, when a value has another
            form than the published ones, or when another file has set it otherwise.
    """
    for (variable, key), (value, line) in literals(content, place).items():
        where = f"{place}, line {line}"
        if variable == "best_prompt_weight":
            entry = ENTRY.fullmatch(key)
            if entry is None:
                material.notes.append(f"{place.name}: {key} left out, as it is of no known data set and encoder")
            elif entry[3] == "prompts":
                _put(material.sentences, entry[1], _of_classes(value, entry[2], where), where)
            else:
                _put(material.weights.setdefault("classification", {}), entry[1], _weights(value, where), where)
        elif key not in PART_NAMES:
            raise InputError(f"{where}: {key!r} is no category of ShapeNetPart; {HELP}.")
        elif variable == "best_prompt":
            parts = _of_parts(value, key, place, line, material)
            _put(material.sentences.setdefault("shapenetpart_vit_b16", {}), key, parts, where)
        else:
            _put(material.weights.setdefault("segmentation", {}), key, _weights(value, where), where)


def _put(found: dict, key: str, value: object, where: str) -> None:
    if found.setdefault(key, value) != value:
        raise InputError(f"{where}: {key} differs from another file's; remove the file that is not as published.")


def _of_classes(value: object, data: str, where: str) -> dict[str, list[str]]:
    names = class_names(data)
    if not _is_sentences(value) or len(value) != len(names) or not all(map(str.strip, value)):
        raise InputError(f"{where}: {len(names)} sentences were expected, one a class of {data}; {HELP}.")
    return {name: [sentence] for name, sentence in zip(names, value, strict=True)}


def _of_parts(
    value: object, category: str, place: PurePosixPath | Path, line: int, material: Material
) -> dict[str, list[str]]:
    parts = PART_NAMES[category]
    if not _is_sentences(value) or not 0 < len(value) <= len(parts) or not all(map(str.strip, value)):
        raise InputError(f"{place}, line {line}: {len(parts)} sentences were expected for {category}; {HELP}.")
    if len(value) < len(parts):
        material.notes.append(
            f"{place.name}: {category} has sentences for the first {len(value)} of {len(parts)} parts"
        )
    return {part: [sentence] for part, sentence in zip(parts, value, strict=False)}


def _weights(value: object, where: str) -> list[float]:
    if (
        not isinstance(value, list)
        or len(value) != VIEWS
        or not all(type(weight) in (int, float) and abs(weight) < 1e6 for weight in value)
    ):
        raise InputError(f"{where}: {VIEWS} numbers were expected, one a view; {HELP}.")
    return [float(weight) for weight in value]
