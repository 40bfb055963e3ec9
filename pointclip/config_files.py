"""Config files: which files a config's name stands for, and the settings in them, layer by layer.

A name is composed: `modelnet40_vit_b16_published` is the config `modelnet40`, the encoder preset `vit_b16` and the
variant `published`, a file in the folder `variants/` beside the configs. The last two may be left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from pointclip.errors import InputError
from pointclip.utils.files import expanded, read_yaml
from pointclip.utils.limits import within

PRESETS = Path(__file__).with_name("encoder") / "presets"
PUBLISHED = "published"  # as PROMPTS.FILE or VIEW_WEIGHTS: look the paper's up by data set and encoder
MOST_FILES = 100  # that one config may build on


@dataclass(frozen=True)
class Config:
    """A config as named on the command line.

    Attributes:
        file: holds the settings, usually of a data set.
        encoder: the encoder preset, "" for whatever the file says.
        variant: a file in `variants/` beside `file`, whose settings win over the others; "" for none.
    """

    file: Path
    encoder: str = ""
    variant: str = ""

    @property
    def name(self) -> str:
        """What a run of it is called: "modelnet40_vit_b16_published"."""
        return "_".join(part for part in (self.file.stem, self.encoder, self.variant) if part)

    def layers(self) -> list[tuple[str, dict]]:
        """The settings of every file involved, with the file's name; later ones win.

        Raises:
            InputError: for files that cannot be read or build on each other in a circle.
        """
        layers, encoder = _read(self.file)
        if self.encoder not in ("", encoder):
            layers = _read(self.file, without_preset=True)[0] + _read(_preset(self.encoder))[0]
        if self.variant:
            layers += _read(self.file.parent / "variants" / f"{self.variant}.yaml")[0]
        return layers


def find_config(path: str | Path, encoder: str = "", folder: Path | None = None) -> Config:
    """The config that a path or a name stands for.

    Args:
        path: a file, or a composed name with or without folder and ending, such as configs/modelnet40_vit_b16.yaml.
        encoder: an encoder preset instead of the one that the config names.
        folder: where names without a folder are looked up.

    Raises:
        InputError: for a name that cannot be resolved, an unknown preset, and two presets at once.
    """
    path = expanded(path)
    if path.suffix not in (".yaml", ".yml"):
        path = path.with_name(f"{path.name}.yaml")
    if folder and path.parent == Path() and not path.is_file():
        path = folder / path.name
    config = Config(path.resolve()) if path.is_file() else _composed(path)
    if encoder:
        _preset(encoder)
        if config.encoder and config.encoder != encoder:
            raise InputError(
                f"The config {path.stem} names the encoder {config.encoder}, but --encoder {encoder} came."
            )
        return replace(config, encoder=encoder)
    return config if config.encoder else replace(config, encoder=_read(config.file)[1])


def _composed(path: Path) -> Config:
    """The parts of a name that is no file of its own; the longest config's name that fits comes first."""
    names = sorted((file.stem for file in path.parent.glob("*.yaml")), key=len, reverse=True)
    variants = sorted(file.stem for file in path.parent.glob("variants/*.yaml"))
    presets = sorted(file.stem for file in PRESETS.glob("*.yaml"))
    for name in names:
        for variant in ("", *variants):
            for encoder in ("", *presets):
                config = Config(path.parent.resolve() / f"{name}.yaml", encoder, variant)
                if config.name == path.stem:
                    return config
    if not names:
        raise InputError(f"There is no config {path}, and no other in {path.parent}; see the configs/ folder.")
    near = get_close_matches(path.stem, names, n=1)
    guess = f"did you mean {near[0]!r}? There are" if near else "there are"
    more = f" and a variant ({', '.join(variants)})" if variants else ""
    raise InputError(
        f"There is no config {path.stem!r} in {path.parent}; {guess} {', '.join(sorted(names))}, and after each of "
        f"them may stand an encoder, such as vit_b16{more}."
    )


def _preset(name: str) -> Path:
    """The file of an encoder preset."""
    files = {path.stem: path for path in PRESETS.glob("*.yaml")}
    if name not in files:
        known = ", ".join(sorted(files))
        raise InputError(f"There is no encoder preset {name!r}; choose from {known}, or set ENCODER.NAME.")
    return files[name]


def _read(path: Path, without_preset: bool = False) -> tuple[list[tuple[str, dict]], str]:
    """The layers of a file and of what it builds on, and the encoder preset that it names last."""
    layers, preset = [], ""
    for file, values in _files(path.resolve(), (), {}):
        if isinstance(encoder := values.get("ENCODER"), str):
            del values["ENCODER"]
            preset = encoder
            if not without_preset:
                layers += [(own.name, content) for own, content in _files(_preset(encoder), (), {})]
        layers.append((file.name, values))
    return layers, preset


def _files(path: Path, seen: tuple[Path, ...], known: dict[Path, dict]) -> Iterator[tuple[Path, dict]]:
    """A file's settings after those of the files under BASE, one by one; each file is read and given once.

    Where several name the same base, its first place counts: what comes after it wins.
    """
    if path in seen:
        raise InputError(f"The config {path.name} builds on itself; remove the circle from BASE.")
    if path in known:
        return
    within(len(known) + 1, MOST_FILES, f"The config {(*seen, path)[0]}", "files under BASE")
    values = known[path] = read_yaml(path, "the config", "see the configs/ folder") or {}
    if not isinstance(values, dict):
        raise InputError(f"The config {path} holds a {type(values).__name__}; KEY: value lines were expected.")
    bases = values.pop("BASE", [])
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(name, str) for name in bases):
        raise InputError(f"BASE in the config {path} is {bases!r}; a config's name or a list of names was expected.")
    if odd := [name for name in (*bases, _prompt_file(values)) if "\0" in name]:
        raise InputError(f"The config {path} names the file {odd[0]!r}, but no file's name holds that character.")
    for name in bases:
        yield from _files((path.parent / name).resolve(), (*seen, path), known)
    if _prompt_file(values) not in ("", PUBLISHED):
        values["PROMPTS"]["FILE"] = str((path.parent / expanded(_prompt_file(values))).resolve())
    yield path, values


def _prompt_file(values: dict) -> str:
    prompts = values.get("PROMPTS")
    file = prompts.get("FILE") if isinstance(prompts, dict) else ""
    return file if isinstance(file, str) else ""
