"""`pointclip configs` and `pointclip encoders`: what --config and --encoder can be, with a line on each."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from pointclip.presets import preset_files
from pointclip.utils.command import ArgumentParser
from pointclip_cli.tasks import folder_of, installed_tasks, package_of

MAX_WIDTH = 120


def list_configs(words: Sequence[str]) -> None:
    """Print the configs and variants of all tasks, or of those named."""
    parser = ArgumentParser(prog="pointclip configs", description="List the choices of --config.")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(installed_tasks())} (default: all)")
    for command in parser.parse_args(words).tasks or installed_tasks():
        folder = folder_of(package_of(command)) / "configs"
        print(f"{command}:")
        _print_choices(folder.glob("*.yaml"))
        variants = list(folder.glob("variants/*.yaml"))
        if variants:
            print("  and variants of them, after their names:")
            _print_choices(variants, prefix="…_")
        print()
    print(
        "--config NAME, NAME_ENCODER or NAME_ENCODER_VARIANT, such as modelnet40_rn50_published; or a file of your own."
    )


def list_encoders(words: Sequence[str]) -> None:
    """Print the encoder presets."""
    parser = ArgumentParser(prog="pointclip encoders", description="List the choices of --encoder.")
    parser.parse_args(words)
    _print_choices(preset_files().values())
    print(
        "\nAny other model of open_clip: ENCODER.NAME ViT-B-16 ENCODER.PRETRAINED laion2b_s34b_b88k, or a file's path."
    )


def about(path: Path) -> str:
    """The first sentence of the comment at the top of a YAML file."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines).partition(". ")[0].rstrip(".")


def choices_table(rows: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, wrapped to the terminal."""
    rows = list(rows)
    indent = 4 + max((len(name) for name, _ in rows), default=0)
    width = min(MAX_WIDTH, shutil.get_terminal_size().columns)
    return "\n".join(
        textwrap.fill(
            f"  {name:<{indent - 2}}{text}",
            max(width, indent + 30),
            subsequent_indent=" " * indent,
            break_long_words=False,
        )
        for name, text in rows
    )


def _print_choices(paths: Iterable[Path], prefix: str = "") -> None:
    print(choices_table((f"{prefix}{path.stem}", about(path)) for path in sorted(paths)))
