"""Models and weights that are named by a place: hf-hub:organisation/repository, or local-dir:folder."""

from pathlib import Path

from pointclip.errors import CannotFetch, InputError, first_line
from pointclip.utils.files import expanded

HUB, FOLDER = "hf-hub:", "local-dir:"
HUGGING_FACE_FILES = ("model.safetensors", "pytorch_model.bin")  # beside open_clip's own names


def is_placed(name: str) -> bool:
    """Whether a name says where a model is, as open_clip takes it."""
    return name.startswith((HUB, FOLDER))


def weights_at(name: str) -> Path:
    """The weights' file or folder at a place, fetched from the hub unless it is in the cache; config.json beside it.

    Raises:
        InputError: when the folder is not there, or the repository cannot be reached or has no weights.
    """
    if name.startswith(FOLDER):
        folder = expanded(name.removeprefix(FOLDER))
        if not folder.is_dir():
            raise InputError(f"{name} names no folder; check the path.")
        return folder
    return _fetched(name.removeprefix(HUB))


def _fetched(repository: str) -> Path:
    from open_clip.pretrained import download_pretrained_from_hf

    failure: Exception | None = None
    for file in (None, *HUGGING_FACE_FILES):  # None: open_clip's own file, .safetensors before .bin
        try:
            path = Path(download_pretrained_from_hf(repository, filename=file))
        except (OSError, RuntimeError, ValueError) as error:
            failure = failure or error
            continue
        if file is not None:
            _fetch_config(repository)
        return path
    raise CannotFetch(
        f"No weights could be fetched from {HUB}{repository} ({first_line(failure)[:200]}); check the name and the "
        "network, or give the path of a file you have as ENCODER.PRETRAINED."
    )


def _fetch_config(repository: str) -> None:
    """Fetch config.json beside Hugging Face's weights, which says whether they need QuickGELU."""
    from open_clip.pretrained import download_pretrained_from_hf

    try:
        download_pretrained_from_hf(repository, filename="config.json")
    except (OSError, RuntimeError, ValueError):
        return
