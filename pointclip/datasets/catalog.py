"""The public data sets: sources, folders, checksums, and the error for a missing one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pointclip.bundled import CHECKOUT
from pointclip.datasets.found_instead import HINTS, NAMES_OF_ARCHIVES, found_instead
from pointclip.errors import InputError


@dataclass(frozen=True)
class Source:
    """The source and files of a data set."""

    name: str  # name for the downloader
    title: str  # usual name
    url: str  # of the archive, a .zip
    folder: str  # below the root: where `files` go
    files: dict[str, str | None]  # file name, or path below `folder` -> md5 if known
    about: str  # licence and size
    agreement: str = ""  # page of the form that must be signed first, if any
    archive_md5: str = ""
    archive_bytes: int = 0
    also_in: tuple[str, ...] = field(default=())  # other usual folders below the root

    def how_to_get(self, root: str | Path) -> str:
        """Instructions for getting the data set below `root`."""
        place = Path(root) / self.folder
        if self.agreement:
            return f"Agree to the terms at {self.agreement}, download {self.url} and unpack it so that {place} exists."
        here = "In the repository run `python -m pointclip.datasets.download"  # whether it is installed or not
        command = here if CHECKOUT else "Run `pointclip download"
        return f"{command} {self.name} --root {root}`, or unpack {self.url} so that {place} contains its .h5 files."


MODELNET40 = Source(
    name="modelnet40",
    title="ModelNet40",
    url="https://shapenet.cs.stanford.edu/media/modelnet40_ply_hdf5_2048.zip",
    folder="modelnet40_ply_hdf5_2048",
    files={
        "ply_data_train0.h5": "3176385ffc31a7b6b5af22191fd920d1",
        "ply_data_train1.h5": "e3f613fb500559403b34925112754dc4",
        "ply_data_train2.h5": "0c56e233a090ff87c3049d4ce08e7d8b",
        "ply_data_train3.h5": "9d2af465adfa33a3285c369f3ca66c45",
        "ply_data_train4.h5": "dff38de489b2c41bfaeded86c2208984",
        "ply_data_test0.h5": "e9732e6d83b09e79e9a7617df058adee",
        "ply_data_test1.h5": "aba4b12a67c34391cc3c015a6f08ed4b",
        "shape_names.txt": None,
    },
    about="about 435 MB; for research, see modelnet.cs.princeton.edu",
    also_in=(".", "ModelNet40/modelnet40_ply_hdf5_2048"),
)

SHAPENETPART = Source(
    name="shapenetpart",
    title="ShapeNetPart",
    url="https://shapenet.cs.stanford.edu/media/shapenet_part_seg_hdf5_data.zip",
    folder="shapenet_part_seg_hdf5_data/hdf5_data",
    files={
        "ply_data_train0.h5": "e7152ff588ae6c87eb1156823df05855",
        "ply_data_train1.h5": "b4894a082211418b61b5a707fedb4f56",
        "ply_data_train2.h5": "508eeeee96053b90388520c37df3a8b8",
        "ply_data_train3.h5": "88574c3d5c61d0f3156b9e02cd6cda03",
        "ply_data_train4.h5": "418cb01104740bf1353b792331cb5878",
        "ply_data_train5.h5": "26e65c8827b08f7c340cd03f902e27e8",
        "ply_data_val0.h5": "628b4b3cbc17765de2114d104e51b9c9",
        "ply_data_test0.h5": "fa3fb32b179128ede32c2c948ed83efc",
        "ply_data_test1.h5": "5eb63ae378831c665282c8f22b6c1249",
    },
    about="346 MB; ShapeNet's terms apply (non-commercial research), see shapenet.org/terms",
    also_in=("hdf5_data", "shapenet_part_seg_hdf5_data", "."),
)

SCANOBJECTNN = Source(
    name="scanobjectnn",
    title="ScanObjectNN",
    url="https://hkust-vgd.ust.hk/scanobjectnn/h5_files.zip",
    folder="scanobjectnn/h5_files",
    files={
        f"{folder}/{split}_objectdataset{variant}.h5": None
        for folder, variant in (
            ("main_split_nobg", ""),
            ("main_split", ""),
            ("main_split", "_augmentedrot_scale75"),
        )
        for split in ("training", "test")
    },
    about="13.1 GB; after a signed agreement",
    agreement="https://hkust-vgd.github.io/scanobjectnn/",
    archive_md5="36876af479f9ad39abad5ebcd89038dd",
    archive_bytes=13099259542,
    also_in=("h5_files", "ScanObjectNN/h5_files", "scanobjectnn", "ScanObjectNN", "."),
)

SOURCES = {source.name: source for source in (MODELNET40, SHAPENETPART, SCANOBJECTNN)}


def places(source: Source, root: str | Path) -> list[Path]:
    """The possible folders of the data set below `root`, the usual one first."""
    return [Path(root) / folder for folder in (source.folder, *source.also_in)]


def missing_data(source: Source, root: str | Path, looked: Iterable[Path]) -> InputError:
    """The error for a missing data set: what was found instead, or where it was looked for, and how to get it."""
    if instead := found_instead(root, HINTS[source.name], NAMES_OF_ARCHIVES[source.name]):
        return InputError(f"{source.title} cannot be read from {root}: {instead}.")
    looked_for = ", ".join(str(path) for path in looked)
    return InputError(f"{source.title} is missing: looked for {looked_for}. {source.how_to_get(root)}")


def partial_note(missing: Sequence[str], listed: int, what: str) -> tuple[str, ...]:
    """A note on a copy of which a part is missing; () if nothing is.

    Args:
        missing: names of what is listed but not there.
        listed: how many are listed.
        what: they are, in the plural: "files listed".
    """
    if not missing:
        return ()
    return (f"{len(missing)} of {listed} {what} are not there, such as {missing[0]}; the others were read.",)


def check_split(split: str, splits: Iterable[str], title: str) -> None:
    """Raise InputError, listing the splits, if the data set has no such split."""
    if split not in splits:
        raise InputError(f"{title} has no split {split!r}; set DATASET.SPLIT to one of {', '.join(splits)}.")
