"""Guess the up axis of a shape or a scan from its file format, its frame and its shape, and say how sure that is.

Formats with a convention decide by themselves: glTF is y up, survey formats (LAS, LAZ) are z up. A survey's easting and
northing are too large to be heights. A depth camera's frame has y down, unless it looks down itself. Otherwise y and z
are compared by their base, symmetry and floor (see `up_cues`). Where these are unsure, a model can compare the poses
(see `pointclip.runs.poses`).
"""

from dataclasses import dataclass

import numpy as np

from pointclip.datasets.up_cues import up_scores

CONVENTIONS = {".glb": "y", ".gltf": "y", ".las": "z", ".laz": "z"}
SURE = 2.0  # margin of a sure guess: of the shapes that the cues were fitted on, 3 % are wrong and sure
FAR = 1e5  # the coordinates of a survey; a height is smaller
IMAGE_LEAD = 4.0  # of a level camera over one that looks down, if the points are a camera's pixels

GIVEN, CONVENTION, SURVEY = "--up", "the format's convention", "the size of its coordinates"
CAMERA, CUES, MODEL = "its camera's frame", "its base, symmetry and floor", "the model's surer pose"
UNDECIDED = "undecided"


@dataclass(frozen=True)
class UpGuess:
    """The up axis, the reason for it, and whether it can be relied on."""

    axis: str  # one of `pointclip.datasets.axes.UPS`
    reason: str  # one of the above
    remark: str = ""  # what else a reader has to know, such as poses that disagree
    sure: bool = True
    margin: float | None = None  # of a guess by shape over the next best axis, as the logarithm of odds

    @property
    def words(self) -> str:
        """A note for readers of a result."""
        origin = "the default" if self.reason == UNDECIDED else f"from {self.reason}"
        unsure = "" if self.sure else ", uncertain"
        return f"up axis {self.axis} ({origin}{unsure}){self.remark and f'; {self.remark}'}; set --up if it is wrong."


def guess_up(points: np.ndarray, ending: str = "", organised: bool = False) -> UpGuess:
    """Guess whether y, z or, in a camera's frame, -y points up; x, -x and -z are never guessed.

    Args:
        points: [N, 3], in the file's coordinates.
        ending: the file's extension, lower case with dot.
        organised: whether the points are the pixels of a depth camera.
    """
    if ending in CONVENTIONS:
        return UpGuess(CONVENTIONS[ending], CONVENTION)
    cloud = np.asarray(points, float)
    cloud = cloud[np.isfinite(cloud).all(axis=1)]
    if not len(cloud):
        return UpGuess("y", UNDECIDED, sure=False)
    middle = np.median(cloud, axis=0)
    far = (np.abs(middle) >= FAR) & (np.abs(middle) > np.ptp(np.percentile(cloud, (2, 98), axis=0), axis=0))
    if far[1] != far[2]:
        return UpGuess("z" if far[1] else "y", SURVEY)
    organised = organised and middle[2] > 0 and np.percentile(cloud[:, 2], 0.5) >= 0  # in front; 0 for no measurement
    if organised or is_camera_frame(cloud):
        level, from_above = up_scores(cloud - middle, ("-y", "-z"))
        margin = IMAGE_LEAD + level - from_above if organised else level - from_above
        return UpGuess("-y", CAMERA, sure=margin >= SURE, margin=margin)
    y, z = up_scores(cloud - middle, ("y", "z"))
    if abs(y - z) < 1e-6:
        return UpGuess("y", UNDECIDED, sure=False, margin=0.0)
    return UpGuess("y" if y > z else "z", CUES, sure=abs(y - z) >= SURE, margin=abs(y - z))


def is_camera_frame(cloud: np.ndarray) -> bool:
    """Whether points [N, 3] look like a depth camera's view from the origin along z: a filled rectangle of rays."""
    depth = np.percentile(cloud[:, 2], (0.5, 99.5))
    if not 0.05 < depth[0] / max(depth[1], 1e-300) < 0.8:
        return False
    rays = cloud[cloud[:, 2] >= depth[0], :2] / cloud[cloud[:, 2] >= depth[0], 2:]
    low, high = np.percentile(rays, (1, 99), axis=0)
    span, middle = high - low, (high + low) / 2
    if not ((span > 0.3) & (span < 2.5) & (np.abs(middle) < 0.25 * span)).all():
        return False
    cells = ((rays - low) / span * (12, 9)).astype(int)
    cells = cells[((cells >= 0) & (cells < (12, 9))).all(axis=1)]
    return len(np.unique(cells, axis=0)) >= 0.6 * 12 * 9
