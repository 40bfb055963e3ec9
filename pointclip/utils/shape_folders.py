"""Walking folders of shapes, the same for --input and --train."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

# Formats of shapes and scans that are not read, to say so rather than to pass over them in silence.
UNREAD = frozenset(
    (
        ".3dm", ".3ds", ".3mf", ".abc", ".amf", ".blend", ".bvh", ".c4d", ".ctm", ".dae", ".drc", ".dwg",
        ".dxf", ".e57", ".fbx", ".fls", ".ifc", ".iges", ".igs", ".lxo", ".ma", ".max", ".mb", ".pcap",
        ".ptx", ".rcp", ".rcs", ".rvt", ".sat", ".skp", ".sldprt", ".splat", ".spz", ".step", ".stp", ".usd",
        ".usda", ".usdc", ".usdz", ".vrml", ".vtk", ".vtp", ".vtu", ".wrl", ".x3d", ".x_t",
    )
)  # fmt: skip
TEXTS = ("readme", "license", "licence", "copying", "notice", "changelog", "authors", "citation", "credits")


@dataclass
class Found:
    """Files that are read, in order, and how many others hold shapes, by their ending."""

    files: list[Path] = field(default_factory=list)
    unread: Counter = field(default_factory=Counter)

    @property
    def words(self) -> str:
        """The others: "2 .fbx and 1 .step"; "" if there are none."""
        parts = [f"{count} {ending}" for ending, count in sorted(self.unread.items())]
        return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))

    def add(self, paths: Iterable[Path], endings: Collection[str]) -> "Found":
        """Sort some paths: a shape is read, other formats are counted, texts, materials and pictures passed over."""
        for path in paths:
            ending = path.suffix.lower()
            if ending in endings and not _is_text(path):
                self.files.append(path)
            elif ending in UNREAD:
                self.unread[ending] += 1
        return self


def shapes_in(folder: Path, endings: Collection[str]) -> Found:
    """The shapes in a folder and all its subfolders, sorted by path; hidden files and folders are passed over.

    Args:
        endings: of the formats that are read, in lower case with dot.
    """
    paths = (path for path in sorted(folder.rglob("*")) if not is_hidden(path.relative_to(folder)))
    return Found().add((path for path in paths if path.is_file()), endings)


def class_folders(root: Path) -> list[Path]:
    """The folders of the classes in `root`, by name; hidden ones are passed over."""
    return sorted(path for path in root.iterdir() if path.is_dir() and not is_hidden(Path(path.name)))


def shapes_of_class(folder: Path, endings: Collection[str], split: str = "train") -> Found:
    """The shapes of a class: those in its subfolder `split` if it has one, as ModelNet has, or all in it.

    ShapeNet's CLASS/ID/models/model_normalized.obj is found as well.
    """
    return shapes_in(folder / split if (folder / split).is_dir() else folder, endings)


def is_hidden(path: Path) -> bool:
    """Whether a path, relative to where the search began, is hidden or of macOS's archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _is_text(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and path.stem.lower().startswith(TEXTS)
