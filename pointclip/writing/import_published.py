"""Import the published sentences and view weights: `python prompts/import_published.py PATH_OR_URL`.

PATH_OR_URL is a checkout of the published PointCLIP V2 repository, a .zip archive of it, or the archive's URL. Its
Python files are parsed for literals and never executed. The results are written to prompts/published/.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from pointclip.bundled import PACKAGE, PUBLISHED_PROMPTS
from pointclip.errors import InputError
from pointclip.utils.command import ArgumentParser, run_command
from pointclip.utils.fetch import fetch
from pointclip.utils.files import atomic_path, expanded
from pointclip.writing.build import to_json
from pointclip.writing.published_files import (
    CANDIDATES,
    PARAMETERS,
    Material,
    read_candidates,
    read_files,
    read_parameters,
)

ORIGIN = "The view weights were chosen on the labels of the test split by the paper's authors; not strictly zero-shot."
CHOSEN = "The sentences were chosen on the labels of the test split by the paper's authors; not strictly zero-shot."
TASKS = {"classification": "zeroshot_cls", "segmentation": "zeroshot_seg"}
SEARCHED = [f"{data}_{encoder}" for data in ("modelnet40", "scanobjectnn") for encoder in ("rn50", "rn101")]
SEARCHED += [f"{data}_{encoder}" for data in ("modelnet40", "scanobjectnn") for encoder in ("vit_b32", "vit_b16")]
SEARCHED += ["shapenetpart_vit_b16"]


def collect(source: str) -> Material:
    """Collect the sentences and weights in a folder, a .zip file or the file at a URL.

    Raises:
        InputError: if there are none, or a file does not have the format of the published ones.
    """
    if source.startswith(("http://", "https://")):
        with tempfile.TemporaryDirectory() as folder:
            return collect(str(fetch(source, Path(folder) / "published.zip")))
    material = Material()
    for path, content in read_files(expanded(source)).items():
        if path.name == PARAMETERS:
            read_parameters(content, path, material)
        else:
            read_candidates(content, path, material)
    if not (material.candidates or material.sentences or material.weights):
        raise InputError(
            f"{source} contains none of {', '.join(CANDIDATES)} and {PARAMETERS}; give a checkout or .zip of the "
            "published repository."
        )
    return material


def write(material: Material, folder: Path) -> list[str]:
    """Write the files; returns a summary line for each."""
    lines = []
    for name, sentences in [*material.candidates.items(), *material.sentences.items()]:
        rows = [row for entry in sentences.values() for row in (entry.values() if isinstance(entry, dict) else [entry])]
        with atomic_path(folder / f"{name}.json") as path:
            path.write_text(to_json(sentences), encoding="utf-8")
        if name in material.sentences:  # searched ones; runs that use them say so
            with atomic_path(folder / f"{name}.origin.yaml") as path:
                path.write_text(yaml.safe_dump({"origin": CHOSEN, "tuned_on_test_labels": True}), encoding="utf-8")
        lines.append(f"{folder / name}.json: {len(rows)} lists, {sum(map(len, rows))} sentences")
    for task, weights in material.weights.items():
        content = {"origin": ORIGIN, "weights": weights}
        with atomic_path(folder / f"{task}_view_weights.yaml") as path:
            path.write_text(yaml.safe_dump(content, default_flow_style=None, width=200), encoding="utf-8")
        lines.append(f"{folder / task}_view_weights.yaml: {len(weights)} sets of weights; {_compared(task, weights)}")
    return lines


def lacking(material: Material) -> list[str]:
    """The published files and entries that were not found."""
    known = set().union(*material.weights.values())
    # segmentation's weights are by category, already checked when read
    weights = [name for name in SEARCHED if not name.startswith("shapenetpart") and name not in known]
    weights += [] if "segmentation" in material.weights else ["shapenetpart_vit_b16"]
    return [
        *(name for name in CANDIDATES if Path(name).stem not in material.candidates),
        *(f"the searched sentences of {name}" for name in SEARCHED if name not in material.sentences),
        *(f"the view weights of {name}" for name in weights),
    ]


def _compared(task: str, weights: dict[str, list[float]]) -> str:
    """Whether the weights are the same as those in this repository."""
    path = PACKAGE.parent / TASKS[task] / "view_weights.yaml"
    ours = yaml.safe_load(path.read_text(encoding="utf-8"))["weights"]
    different = [name for name, values in weights.items() if ours.get(name) != values]
    where = f"{TASKS[task]}/{path.name}"
    return f"{', '.join(different)} differ from {where}" if different else f"the same as in {where}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Raises InputError for bad arguments, and as `collect` does."""
    parser = ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.epilog = "example: %(prog)s path/to/PointCLIP_V2"
    parser.add_argument("source", metavar="PATH_OR_URL", help="a folder, a .zip file, or the URL of one")
    parser.add_argument("--out", type=Path, default=PUBLISHED_PROMPTS, help=f"default: {PUBLISHED_PROMPTS}")
    args = parser.parse_args(arguments)
    material = collect(args.source)
    for line in write(material, args.out):
        print(line)
    for note in material.notes:
        print(f"note: {note}")
    for name in lacking(material):
        print(f"missing: {name}")


if __name__ == "__main__":
    run_command(main)
