"""A quick check that the hub can be reached, since its client retries for most of a minute."""

from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from pointclip.utils.network import unreachable

SECONDS = 4.0


def check_reachable(entry: dict) -> None:
    """Check that a tag's weights are cached or can be downloaded.

    Args:
        entry: open_clip's config of the tag.

    Raises:
        ConnectionError: if the weights have to be downloaded from the hub and it does not respond within `SECONDS`.
    """
    place = entry.get("hf_hub", "")
    if not place or constants.HF_HUB_OFFLINE or _is_cached(place.rpartition("/")[0]):
        return
    if reason := unreachable(constants.ENDPOINT, SECONDS):
        raise ConnectionError(f"{constants.ENDPOINT} cannot be reached: {reason}")


def _is_cached(repository: str) -> bool:
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model")
    return any(path.suffix in (".safetensors", ".bin", ".pt") for path in folder.glob("snapshots/*/*"))
