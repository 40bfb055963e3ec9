"""Weights that have to be downloaded while the hub cannot be reached: reported before the slow imports."""

from pathlib import Path

from yacs.config import CfgNode

from pointclip.errors import CannotFetch
from pointclip.utils.files import expanded
from pointclip.utils.network import unreachable

FROM_HUB = ("auto", "openai")  # ENCODER.PRETRAINED that open_clip fetches from the hub for all models
SECONDS = 3.0


def check_weights(encoder: CfgNode) -> None:
    """Return unless weights have to be fetched from the hub, which does not answer.

    Without open_clip it is not known which repository has them, so this only applies if the hub's cache has no weights
    at all; `pointclip.encoder.reachable` asks later for a particular one.

    Args:
        encoder: the settings ENCODER.

    Raises:
        CannotFetch: if the cache is empty and the hub cannot be reached within `SECONDS`.
    """
    name, pretrained = encoder.NAME, encoder.PRETRAINED
    if name == "demo" or ":" in name or pretrained not in FROM_HUB or expanded(pretrained).exists():
        return
    from huggingface_hub import constants  # imported here since it is slow and often not needed

    if constants.HF_HUB_OFFLINE or any(Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*/*")):
        return
    if reason := unreachable(constants.ENDPOINT, SECONDS):
        raise CannotFetch(
            f"The weights of {name} are not on this machine, and {constants.ENDPOINT} cannot be reached ({reason}); "
            "try again, give the path of a file you have as ENCODER.PRETRAINED, or use ENCODER.NAME demo, which is "
            "bundled."
        )
