"""Proposals from files: one .npz per scene, and converters from VoteNet's and 3DETR's output.

An .npz holds centre [n, 3], size [n, 3] (full), heading [n] (radians, counter-clockwise from above; optional) and
objectness [n], in the scene's frame with z up. The converters write such files:

    python -m zeroshot_det.proposals.files votenet DUMP_FOLDER --scenes val.txt --out proposals/
    python -m zeroshot_det.proposals.files 3detr OUTPUTS_FOLDER --out proposals/
"""

from pathlib import Path

import numpy as np

from pointclip.errors import InputError, first_line
from pointclip.utils.command import ArgumentParser, run_command
from pointclip.utils.files import atomic_path
from zeroshot_det.boxes import from_camera_corners
from zeroshot_det.proposals.base import Proposals, checked_proposals

KEYS = ("centre", "size", "objectness")
VOTENET_ENDING = "_pred_map_cls.txt"


def read_proposals(path: str | Path) -> Proposals:
    """Read one scene's proposals.

    Raises:
        InputError: for a missing or damaged file, missing arrays, and invalid boxes (see `checked_proposals`).
    """
    arrays = _read_npz(Path(path))
    if missing := [key for key in KEYS if key not in arrays]:
        raise InputError(_missing_arrays(path, arrays, missing))
    centre, size = arrays["centre"], arrays["size"]
    heading = arrays.get("heading", np.zeros(centre.shape[:1]))
    shapes, count = [centre.shape, size.shape, heading.shape], len(np.atleast_1d(centre))
    if shapes[:2] != [(count, 3)] * 2 or shapes[2] not in ((count,), (count, 1)):
        given = ", ".join(str(list(shape)) for shape in shapes)
        raise InputError(
            f"{path}: centre, size and heading have the shapes {given}; expected [n, 3], [n, 3] and [n], and the "
            "same n in all."
        )
    boxes = np.concatenate([centre, size, heading.reshape(-1, 1)], axis=1)
    return checked_proposals(boxes, arrays["objectness"], str(path))


def write_proposals(path: str | Path, proposals: Proposals) -> None:
    """Write one scene's proposals in the format of `read_proposals`."""
    boxes = proposals.boxes
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file, centre=boxes[:, :3], size=boxes[:, 3:6], heading=boxes[:, 6], objectness=proposals.objectness
        )


def from_votenet(path: str | Path) -> Proposals:
    """Proposals from a `…_pred_map_cls.txt` that VoteNet's evaluation writes for a scene.

    A line has a class number, the 24 coordinates of the corners in camera axes, and a score. A box appears once per
    class, or just once; either way its scores p_k · objectness sum to its objectness.

    Raises:
        InputError: for a line in another format, scores outside [0, 1], and invalid boxes.
    """
    corners, scores = [], []
    for number, line in enumerate(_lines(Path(path)), 1):
        try:
            _, coordinates, score = line.split()
            corners.append(np.array(coordinates.split(","), np.float64).reshape(8, 3))
            scores.append(float(score))
        except ValueError as error:
            raise InputError(
                f"{path}, line {number}: expected a class, 24 coordinates joined by commas and a score."
            ) from error
        if not 0 <= scores[-1] <= 1:
            raise InputError(f"{path}, line {number}: the score is {score}; expected 0 to 1.")
    rows, owner = np.unique(np.array(corners).reshape(-1, 24), axis=0, return_inverse=True)
    objectness = np.bincount(owner.ravel(), scores, minlength=len(rows))
    return checked_proposals(_boxes_of(rows, path), np.clip(objectness, 0, 1), str(path))


def from_3detr(path: str | Path) -> Proposals:
    """Proposals from an .npz of one scene's 3DETR outputs: `box_corners` [n, 8, 3] and `objectness_prob` [n].

    3DETR's corners are in camera axes. Save them with
    `np.savez(scene, **{key: outputs["outputs"][key][i].cpu().numpy() for key in ("box_corners", "objectness_prob")})`.

    Raises:
        InputError: for missing arrays and invalid boxes.
    """
    arrays = _read_npz(Path(path))
    if missing := [key for key in ("box_corners", "objectness_prob") if key not in arrays]:
        raise InputError(_missing_arrays(path, arrays, missing))
    corners = arrays["box_corners"]
    if corners.ndim != 3 or corners.shape[1:] != (8, 3) or corners.dtype.kind not in "fiu":
        given = f"{corners.dtype} of shape {list(corners.shape)}"
        raise InputError(f"{path}: box_corners is {given}; expected numbers [n, 8, 3].")
    return checked_proposals(_boxes_of(corners, path), arrays["objectness_prob"], str(path))


def _boxes_of(corners: np.ndarray, path: str | Path) -> np.ndarray:
    """Boxes [n, 7] of the corners in a file."""
    try:
        return from_camera_corners(corners)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _missing_arrays(path: str | Path, arrays: dict[str, np.ndarray], missing: list[str]) -> str:
    names = ", ".join(arrays) or "no arrays"
    return f"{path} holds {names}, but not {', '.join(missing)}; write all of them with numpy.savez."


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; every scene needs a proposal file named after it.") from error
    except Exception as error:  # numpy raises many kinds of errors for damaged archives
        raise InputError(f"{path} cannot be read as .npz ({first_line(error)}); write it with numpy.savez.") from error


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({first_line(error)}); expected a text file.") from error


def main(words: list[str] | None = None) -> None:
    """The converters' command line."""
    parser = ArgumentParser(description="Convert VoteNet's or 3DETR's output to proposal files.")
    parser.add_argument("kind", choices=("votenet", "3detr"))
    parser.add_argument("folder", type=Path, help="VoteNet's …_pred_map_cls.txt, or one .npz per scene from 3DETR")
    parser.add_argument(
        "--scenes", type=Path, help="scene names in VoteNet's order, one per line (default: names of the files)"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    args = parser.parse_args(words)
    ending, convert = (VOTENET_ENDING, from_votenet) if args.kind == "votenet" else (".npz", from_3detr)
    files = sorted(args.folder.glob(f"*{ending}"))
    if not files:
        raise InputError(f"{args.folder} holds no *{ending}; give the folder that the detector wrote to.")
    names = _lines(args.scenes) if args.scenes else [file.name.removesuffix(ending) for file in files]
    if len(names) != len(files):
        raise InputError(f"{args.scenes} lists {len(names)} scenes for {len(files)} files; expected one per file.")
    for name, file in zip(names, files, strict=True):
        write_proposals(args.out / f"{name.strip()}.npz", convert(file))
    print(f"{len(files)} scenes in {args.out}")


if __name__ == "__main__":
    run_command(main)
