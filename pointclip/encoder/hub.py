"""Models and weights given by location: hf-hub:organisation/repository, or local-dir:folder."""

from pathlib import Path

from pointclip.errors import CannotFetch, InputError, first_line
from pointclip.utils.files import expanded

HUB, FOLDER = "hf-hub:", "local-dir:"
HUGGING_FACE_FILES = ("model.safetensors", "pytorch_model.bin")  # in addition to open_clip's file names


def is_location(name: str) -> bool:
    """Whether a name is a location in open_clip's notation."""
    return name.startswith((HUB, FOLDER))


def weights_at(name: str) -> Path:
    """The weights file or folder at a location, downloaded unless cached, with config.json beside it.

    Raises:
        InputError: if the folder does not exist, or the repository cannot be reached or has no weights.
    """
    if name.startswith(FOLDER):
        folder = expanded(name.removeprefix(FOLDER))
        if not folder.is_dir():
            raise InputError(f"{name} is not a folder; check the path.")
        return folder
    return _download(name.removeprefix(HUB))


def _download(repository: str) -> Path:
    from open_clip.pretrained import download_pretrained_from_hf

    failure: Exception | None = None
    for file in (None, *HUGGING_FACE_FILES):  # None: open_clip's file names, .safetensors before .bin
        try:
            path = Path(download_pretrained_from_hf(repository, filename=file))
        except (OSError, RuntimeError, ValueError) as error:
            failure = failure or error
            continue
        if file is not None:
            _fetch_config(repository)
        return path
    assert failure is not None
    raise CannotFetch(
        f"Cannot download weights from {HUB}{repository} ({first_line(failure)[:200]}); check the name and the "
        "network, or set ENCODER.PRETRAINED to a local file."
    )


def _fetch_config(repository: str) -> None:
    """Download the config.json of Hugging Face's weights, which specifies whether they need QuickGELU."""
    from open_clip.pretrained import download_pretrained_from_hf

    try:
        download_pretrained_from_hf(repository, filename="config.json")
    except (OSError, RuntimeError, ValueError):
        return
