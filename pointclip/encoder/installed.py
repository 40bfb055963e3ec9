"""Whether what CLIP needs is installed so that it works."""

from importlib.metadata import PackageNotFoundError, version

from pointclip.errors import InputError, first_line


def check_torchvision() -> None:
    """Raise an InputError that names both where torch and torchvision do not fit each other; open_clip needs both."""
    try:
        import torchvision  # noqa: F401 - whether this works is the question
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise InputError(
            f"torch {_version('torch')} and torchvision {_version('torchvision')} do not fit each other "
            f"({first_line(error)[:160]}); install both in one go: pip install --upgrade torch torchvision."
        ) from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
