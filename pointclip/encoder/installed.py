"""Check that the packages needed by CLIP work."""

from importlib.metadata import PackageNotFoundError, version

from pointclip.errors import InputError, first_line


def check_torchvision() -> None:
    """Raise an InputError if torch and torchvision are incompatible; open_clip needs both."""
    try:
        import torchvision  # noqa: F401 - only to check that it works
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise InputError(
            f"torch {_version('torch')} and torchvision {_version('torchvision')} are incompatible "
            f"({first_line(error)[:160]}); install both together: pip install --upgrade torch torchvision."
        ) from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
