"""Proposals for every scene, by the method that the settings select."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm
from yacs.config import CfgNode

from pointclip.errors import InputError, NothingReadError
from pointclip.utils.files import expanded
from zeroshot_det.boxes import inside
from zeroshot_det.proposals import clusters, combined, sliding
from zeroshot_det.proposals.base import Proposals
from zeroshot_det.proposals.files import read_proposals
from zeroshot_det.proposals.structure import room_of
from zeroshot_det.scenes.base import Scene
from zeroshot_det.scenes.opening import PreparedScenes

SMALL_SCAN, SMALL_ROOM = 2.0, 4.0  # metres across: a scan smaller than the first is enlarged to the second


@dataclass(frozen=True)
class SceneProposals:
    """A scene's proposals and its ground truth."""

    scene_index: int  # in its data set
    proposals: Proposals
    true_boxes: np.ndarray  # [m, 7]
    true_labels: np.ndarray  # [m]
    enlargement: float = 1.0  # see `enlargement`; crops of a small scan have a smaller margin


def propose(scenes: PreparedScenes, settings: CfgNode, progress: bool = True) -> list[SceneProposals]:
    """The boxes of each scene, without those that hold few points; bad scenes are recorded in `scenes.bad`.

    Raises:
        InputError: when no scene of a data set has a box, none of a user's scans can be read, and for a bad scene where
            bad scenes stop the run.
    """
    result = []
    for index in tqdm(range(len(scenes)), desc="propose boxes", unit="scene", disable=not progress):
        try:
            scene = scenes[index]
            proposals, note = propose_for(scene, settings)
            proposals = enough_points(scene, proposals, settings.CROPS.MIN_POINTS)
        except InputError as error:
            scenes.record_bad(index, error)
            continue
        scenes.notes += [*scene.notes, *([f"{scene.name}: {note}"] if note else [])]
        if not len(proposals):
            scenes.notes.append(f"{scene.name}: no box was proposed, so nothing is detected there.")
        result.append(SceneProposals(index, proposals, scene.boxes, scene.labels, enlargement(scene.points)))
    if not result and not scenes.has_truth:
        more = f"None of {len(scenes)} scans can be used; the first: " if len(scenes) > 1 else ""
        raise NothingReadError(more + next(iter(scenes.bad.values())), dict(scenes.bad))
    if scenes.has_truth and not any(len(entry.proposals) for entry in result):
        reason = next(iter(scenes.bad.values()), "no box was proposed in any scene")
        raise InputError(
            f"There are no boxes to classify ({reason.rstrip('.')}); check the scans, or try another PROPOSALS.METHOD."
        )
    return result


def propose_for(scene: Scene, settings: CfgNode) -> tuple[Proposals, str]:
    """The boxes of one scene of highest objectness, and a note for the report ("" for none)."""
    c = settings.PROPOSALS
    if c.METHOD == "files":
        proposals = read_proposals(expanded(c.FOLDER) / f"{Path(scene.name).stem}.npz").best(c.MAX_BOXES)
        low, high = scene.points.min(0), scene.points.max(0)
        far = ((proposals.boxes[:, :3] < low - 1) | (proposals.boxes[:, :3] > high + 1)).any(1)
        note = f"{far.sum()} proposed box(es) lie outside the scan and were dropped." if far.any() else ""
        return Proposals(proposals.boxes[~far], proposals.objectness[~far]), note
    scale = enlargement(scene.points)
    colours = scene.colours if c.COLOURS else None
    room = room_of(scale * scene.points if scale > 1 else scene.points, colours)
    note = "" if room.floor_found else "no floor was found; the 1st percentile of the heights is used instead."
    if c.METHOD == "sliding":
        proposals = sliding.propose(room, c.MAX_BOXES)
    else:
        method = clusters if c.METHOD == "clusters" else combined
        proposals = method.propose(room, c.ORIENTATION, c.MAX_BOXES)
    return Proposals(proposals.boxes / [*6 * [scale], 1], proposals.objectness), note


def enlargement(points: np.ndarray) -> float:
    """The factor by which a scan [N, 3] of less than a room, such as a table top, is enlarged: 1 for a room.

    All methods propose boxes by sizes in metres that suit furniture; the objects on a table are smaller with it.
    """
    extent = float(np.ptp(np.percentile(points, (1, 99), axis=0), axis=0).max())
    return SMALL_ROOM / extent if extent < SMALL_SCAN else 1.0


def enough_points(scene: Scene, proposals: Proposals, min_points: int) -> Proposals:
    """The boxes that hold at least `min_points` points; if none does, the best of those that hold two or more."""
    counts = np.array([inside(scene.points, box).sum() for box in proposals.boxes], np.int64)
    keep = counts >= min_points
    if not keep.any() and (counts >= 2).any():
        keep[np.argmax(np.where(counts >= 2, proposals.objectness, -1))] = True
    return Proposals(proposals.boxes[keep], proposals.objectness[keep])
