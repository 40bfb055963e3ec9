"""What lies where a data set was looked for, in a layout that is not read, and the step that makes it readable."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

UNPACK = "unpack it there"
ARCHIVES = ("*.zip", "*.tar", "*.tar.gz", "*.tgz", "*.7z", "*.rar")
# Pattern in the root or a folder in it, or "./" and one in the root itself; what such files are; the step needed.
Hint = tuple[str, str, str]


def found_instead(root: str | Path, hints: Iterable[Hint], archives: Sequence[str] = ()) -> str:
    """A clause about the first hint that fits in `root` or a folder in it: "…/a.pkl is there, …: …"; "" if none does.

    Args:
        archives: words in the names of the data set's archives, in lower case.
    """
    root = Path(root)
    for pattern, what, step in hints:
        if (path := _first(root, pattern)) is not None:
            return f"{path} is there, {what}: {step}"
    for pattern in ARCHIVES:
        for path in islice(sorted(root.glob(pattern)), 1000):
            if any(word in path.name.lower() for word in archives):
                return f"{path} is there: {UNPACK}"
    return ""


def _first(root: Path, pattern: str) -> Path | None:
    places = [pattern[2:]] if pattern.startswith("./") else [pattern, f"*/{pattern}"]
    return next((path for place in places for path in sorted(islice(root.glob(place), 1000))), None)


_TABLES = "as Point-BERT, PointNeXt and ULIP keep it"
_READ_H5 = "the .h5 files are needed"

MODELNET40: tuple[Hint, ...] = (
    ("modelnet40_*_fps.dat", _TABLES, "put it and modelnet40_shape_names.txt into modelnet40_normal_resampled/"),
    ("modelnet*_*.pkl", _TABLES, f"{_READ_H5}, or modelnet40_{{train,test}}_8192pts_fps.dat"),
    ("test_pc.npy", "as OpenShape keeps ModelNet40, pickled", f"{_READ_H5}, which hold the same shapes"),
    ("modelnet40_normal_resampled_cache", "a cache of other code", "the .txt files beside it are needed"),
)
SHAPENETPART: tuple[Hint, ...] = (
    ("*_2048_fps.pkl", f"points that were drawn from the text files, {_TABLES}", "the text files are needed"),
    ("PartAnnotation", "the annotation of whole ShapeNet models", "the benchmark's text or .h5 files are needed"),
    ("02691156", "folders of the raw text files without train_test_split/", "copy the lists there, from the archive"),
)
SCANOBJECTNN: tuple[Hint, ...] = (
    ("main_split*/*_fps.pkl", f"points that were drawn from the .h5 files, {_TABLES}", _READ_H5),
    ("*full_objectdataset*.h5", "all objects without a split", "main_split/ of h5_files.zip is needed"),
    ("object_dataset/*/*.bin", "the objects as scanned", "main_split/ of h5_files.zip is needed"),
    ("./*_objectdataset*.h5", "a file of a split outside its folder", "move it into main_split/ or main_split_nobg/"),
    ("*objectdataset*.pkl", _TABLES, _READ_H5),
)
HINTS = {"modelnet40": MODELNET40, "shapenetpart": SHAPENETPART, "scanobjectnn": SCANOBJECTNN}
NAMES_OF_ARCHIVES = {
    "modelnet40": ("modelnet",),
    "shapenetpart": ("shapenet",),
    "scanobjectnn": ("h5_files", "scanobjectnn", "object_dataset"),
}
