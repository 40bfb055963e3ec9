"""Config files: from a config's name to its files and their settings, layer by layer.

Names are composed: `modelnet40_vit_b16_published` is the config `modelnet40` with the encoder preset `vit_b16` and the
variant `published`, a file in the folder `variants/` beside the configs. The last two are optional.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import product
from pathlib import Path

from pointclip.bundled import prompt_files
from pointclip.errors import InputError
from pointclip.presets import preset_files
from pointclip.utils.files import expanded, read_yaml
from pointclip.utils.limits import within

PUBLISHED = "published"  # for PROMPTS.FILE or VIEW_WEIGHTS: use the paper's for the data set and encoder
MAX_FILES = 100  # on which one config may be based


@dataclass(frozen=True)
class Config:
    """A config as named on the command line.

    Attributes:
        file: contains the settings, usually for a data set.
        encoder: the encoder preset, "" for that of the file.
        variant: a file in `variants/` beside `file`, whose settings override the others; "" for none.
        used: the encoder as named in the runs' path; None for the preset. See `pointclip.config.load_run`.
    """

    file: Path
    encoder: str = ""
    variant: str = ""
    used: str | None = None

    @property
    def name(self) -> str:
        """The name of its runs: "modelnet40_vit_b16_published"."""
        encoder = self.encoder if self.used is None else self.used
        return "_".join(part for part in (self.file.stem, encoder, self.variant) if part)

    @property
    def without_preset(self) -> bool:
        """Whether the file itself sets the encoder, if any, rather than naming a preset."""
        return not _read(self.file)[1]

    def layers(self) -> list[tuple[str, dict]]:
        """The settings of every file involved, with the file's name; later ones override earlier ones.

        Raises:
            InputError: for files that cannot be read, or circular references.
        """
        layers, encoder = _read(self.file)
        if self.encoder not in ("", encoder):
            layers = _read(self.file, without_preset=True)[0] + _read(_preset(self.encoder))[0]
        if self.variant:
            layers += _read(self.file.parent / "variants" / f"{self.variant}.yaml")[0]
        return layers


def find_config(path: str | Path, encoder: str = "", folder: Path | None = None) -> Config:
    """Find the config with a given path or name.

    Args:
        path: a file, or a composed name with or without folder and extension, such as configs/modelnet40_vit_b16.yaml.
        encoder: an encoder preset instead of the config's.
        folder: where to look up names without a folder; relative paths are also looked up from the folder above it.

    Raises:
        InputError: for a name that cannot be resolved, an unknown preset, or conflicting presets.
    """
    path = expanded(path)
    if path.suffix not in (".yaml", ".yml"):
        path = path.with_name(f"{path.name}.yaml")
    places = [path]
    if folder and not path.is_absolute():  # a bare name, or such as configs/demo.yaml where the task's folder is meant
        is_bare = path.parent == Path()
        places = [folder / path.name] if is_bare and not path.is_file() else [path, folder.parent / path]
    file = next((place for place in places if place.is_file()), None)
    config = Config(file.resolve()) if file else _composed(places)
    if encoder:
        _preset(encoder)
        if config.encoder and config.encoder != encoder:
            raise InputError(
                f"The config {path.stem} includes the encoder {config.encoder}, but --encoder is {encoder}; give one."
            )
        return replace(config, encoder=encoder)
    return config if config.encoder else replace(config, encoder=_read(config.file)[1])


def _composed(places: Sequence[Path]) -> Config:
    """Split a composed name into its parts, at the first place with configs; the longest config name is preferred."""
    for path in places:
        names = sorted((file.stem for file in path.parent.glob("*.yaml")), key=len, reverse=True)
        variants = sorted(file.stem for file in path.parent.glob("variants/*.yaml"))
        for name, variant, encoder in product(names, ("", *variants), ("", *preset_files())):
            config = Config(path.parent.resolve() / f"{name}.yaml", encoder, variant)
            if config.name == path.stem:
                return config
        if names:
            break
    if not names:
        folders = " or ".join(str(place.parent) for place in places)
        raise InputError(f"There is no config {places[0]}, and none at all in {folders}; see the configs/ folder.")
    near = get_close_matches(path.stem, names, n=1)
    guess = f"did you mean {near[0]!r}? There are" if near else "there are"
    more = f" and a variant ({', '.join(variants)})" if variants else ""
    raise InputError(
        f"There is no config {path.stem!r} in {path.parent}; {guess} {', '.join(sorted(names))}, each optionally "
        f"followed by an encoder, such as vit_b16{more}."
    )


def _preset(name: str) -> Path:
    """The file of an encoder preset."""
    files = preset_files()
    if name not in files:
        known = ", ".join(sorted(files))
        raise InputError(f"There is no encoder preset {name!r}; choose from {known}, or set ENCODER.NAME.")
    return files[name]


def _read(path: Path, without_preset: bool = False) -> tuple[list[tuple[str, dict]], str]:
    """The layers of a file and its bases, and the last encoder preset that they name."""
    layers, preset = [], ""
    for file, values in _files(path.resolve(), (), {}):
        if isinstance(encoder := values.get("ENCODER"), str):
            del values["ENCODER"]
            preset = encoder
            if not without_preset:
                layers += [(preset_file.name, content) for preset_file, content in _files(_preset(encoder), (), {})]
        layers.append((file.name, values))
    return layers, preset


def _files(path: Path, seen: tuple[Path, ...], known: dict[Path, dict]) -> Iterator[tuple[Path, dict]]:
    """A file's settings, preceded by those of the files under BASE; each file is read and yielded once.

    If several files have the same base, it is yielded at its first occurrence, so that later files override it.
    """
    if path in seen:
        raise InputError(f"The config {path.name} is based on itself; remove the circular reference from BASE.")
    if path in known:
        return
    within(len(known) + 1, MAX_FILES, f"The config {(*seen, path)[0]}", "files under BASE")
    values = known[path] = read_yaml(path, "the config", "see the configs/ folder") or {}
    if not isinstance(values, dict):
        raise InputError(f"The config {path} contains a {type(values).__name__}; expected KEY: value lines.")
    bases = values.pop("BASE", [])
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(name, str) for name in bases):
        raise InputError(f"BASE in the config {path} is {bases!r}; expected a config name or a list of names.")
    if invalid := [name for name in (*bases, _prompt_file(values)) if "\0" in name]:
        raise InputError(
            f"The config {path} refers to the file {invalid[0]!r}, which has an invalid character; fix it."
        )
    for name in bases:
        yield from _files((path.parent / name).resolve(), (*seen, path), known)
    if not is_name(_prompt_file(values)):
        values["PROMPTS"]["FILE"] = str((path.parent / expanded(_prompt_file(values))).resolve())
    yield path, values


def _prompt_file(values: dict) -> str:
    prompts = values.get("PROMPTS")
    file = prompts.get("FILE") if isinstance(prompts, dict) else ""
    return file if isinstance(file, str) else ""


def sentence_file(setting: str) -> str:
    """Resolve PROMPTS.FILE to a path; "" and "published" are returned unchanged.

    Raises:
        InputError: for a bare name that is not a bundled file's.
    """
    if setting in ("", PUBLISHED) or not is_name(setting) or Path(setting).is_file():
        return setting
    files = prompt_files()
    if setting not in files:
        raise InputError(
            f"PROMPTS.FILE is {setting!r}; expected a .json file, {PUBLISHED!r}, or a bundled file's name: "
            f"{', '.join(sorted(files))}."
        )
    return str(files[setting])


def is_name(setting: str) -> bool:
    """Whether it is a bare name, without folder or extension."""
    return not setting or (Path(setting).name == setting and not Path(setting).suffix and not setting.startswith("~"))
