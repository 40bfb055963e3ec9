"""The hub that weights come from: asked once whether it is there, as its client tries for most of a minute."""

from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from pointclip.utils.reach import unreachable

SECONDS = 4.0


def check_reachable(entry: dict) -> None:
    """Return at once where a tag's weights are in the cache, or the hub answers.

    Args:
        entry: open_clip's of the tag.

    Raises:
        ConnectionError: where the weights must be fetched from the hub and it does not answer within `SECONDS`.
    """
    place = entry.get("hf_hub", "")
    if not place or constants.HF_HUB_OFFLINE or _is_cached(place.rpartition("/")[0]):
        return
    if reason := unreachable(constants.ENDPOINT, SECONDS):
        raise ConnectionError(f"{constants.ENDPOINT} cannot be reached: {reason}")


def _is_cached(repository: str) -> bool:
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model")
    return any(path.suffix in (".safetensors", ".bin", ".pt") for path in folder.glob("snapshots/*/*"))
