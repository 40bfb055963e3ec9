"""Boxes for every scene, by the method that the settings name."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm
from yacs.config import CfgNode

from pointclip.errors import InputError
from pointclip.utils.files import expanded
from zeroshot_det.boxes import inside
from zeroshot_det.proposals import clusters, sliding
from zeroshot_det.proposals.base import Proposals
from zeroshot_det.proposals.files import read_proposals
from zeroshot_det.proposals.structure import room_of
from zeroshot_det.scenes.base import Scene
from zeroshot_det.scenes.opening import PreparedScenes


@dataclass(frozen=True)
class Proposed:
    """A scene's boxes that can be read, and its truth."""

    place: int  # of the scene in its set
    proposals: Proposals
    truth: np.ndarray  # [m, 7]
    labels: np.ndarray  # [m]


def propose(scenes: PreparedScenes, settings: CfgNode, progress: bool = True) -> list[Proposed]:
    """The boxes of each scene, those with few points dropped; a bad scene is told in `scenes.bad`.

    Raises:
        InputError: when no scene has a box, or a scene is bad and bad ones end the run.
    """
    result = []
    for place in tqdm(range(len(scenes)), desc="propose boxes", unit="scene", disable=not progress):
        try:
            scene = scenes[place]
            proposals, note = propose_for(scene, settings)
            proposals = enough_points(scene, proposals, settings.READING.LEAST)
        except InputError as error:
            scenes.tell_bad(place, error)
            continue
        scenes.notes += [*scene.notes, *([f"{scene.name}: {note}"] if note else [])]
        if not len(proposals):
            scenes.notes.append(f"{scene.name}: no box was proposed, so nothing is found there.")
        result.append(Proposed(place, proposals, scene.boxes, scene.labels))
    if not any(len(proposed.proposals) for proposed in result):
        reason = next(iter(scenes.bad.values()), "no box was proposed in any scene")
        raise InputError(f"There is nothing to read ({reason.rstrip('.')}); check the scans, or try PROPOSALS.METHOD.")
    return result


def propose_for(scene: Scene, settings: CfgNode) -> tuple[Proposals, str]:
    """The boxes of one scene, the best by objectness, and what a reader must know of them."""
    c = settings.PROPOSALS
    if c.METHOD == "files":
        proposals = read_proposals(expanded(c.FOLDER) / f"{Path(scene.name).stem}.npz").best(c.MOST)
        low, high = scene.points.min(0), scene.points.max(0)
        far = ((proposals.boxes[:, :3] < low - 1) | (proposals.boxes[:, :3] > high + 1)).any(1)
        note = f"{far.sum()} proposed box(es) lie outside of the scan and were dropped." if far.any() else ""
        return Proposals(proposals.boxes[~far], proposals.objectness[~far]), note
    room = room_of(scene.points)
    note = "" if room.floor_found else "no floor was found; what is below 99 % of the points is taken for its height."
    if c.METHOD == "sliding":
        return sliding.propose(room, c.MOST), note
    return clusters.propose(room, c.ORIENTATION, c.MOST), note


def enough_points(scene: Scene, proposals: Proposals, least: int) -> Proposals:
    """Boxes that hold at least `least` points; if all hold fewer, the best, as long as two points are in it."""
    counts = np.array([inside(scene.points, box).sum() for box in proposals.boxes], np.int64)
    keep = counts >= least
    if not keep.any() and (counts >= 2).any():
        keep[np.argmax(np.where(counts >= 2, proposals.objectness, -1))] = True
    return Proposals(proposals.boxes[keep], proposals.objectness[keep])
