"""The examples of docs/library.md, with the bundled encoder for ViT-B/16 and the files they name; and the notebook."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pointclip.datasets import open_dataset
from pointclip.report.labelled_files import write_ply
from zeroshot_det.scenes.rooms import SyntheticRooms

PAGE = Path(__file__).resolve().parents[1] / "docs" / "library.md"
NOTEBOOK = PAGE.with_suffix(".ipynb")
EXAMPLES = re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SHAPES = {"chair": 3, "lamp": 2}  # kinds in my_shapes/, and how many of each


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the page names: chair.ply, chair.npy, scans/lamp.ply, room.ply, my_shapes/."""
    monkeypatch.chdir(tmp_path)
    shapes = open_dataset("synthetic", Path(), "test", 1024)
    for kind, count in SHAPES.items():
        clouds = [
            shapes[i].points for i in np.flatnonzero(shapes.labels == shapes.class_names.index(kind))[: count + 1]
        ]
        for number, points in enumerate(clouds[1:]):
            save(tmp_path / "my_shapes" / kind / f"{number}.ply", points)
        save(tmp_path / ("chair.ply" if kind == "chair" else "scans/lamp.ply"), clouds[0])
        np.save(tmp_path / f"{kind}.npy", clouds[0])
    save(tmp_path / "room.ply", SyntheticRooms("test", 1, 1, 0.004)[0].points)
    return tmp_path


def save(path: Path, points: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_ply(path, points, np.zeros(len(points), np.int16), ("all",))


@pytest.mark.slow
@pytest.mark.auto_precision
def test_examples_run(folder):
    code = "\n".join(EXAMPLES)
    assert '"ViT-B-16"' in code
    found: dict = {}
    exec(compile(code.replace('"ViT-B-16"', '"demo"'), "docs/library.md", "exec"), found)
    assert found["labels"].shape == (2, 1024)
    assert found["few"].classes == ("chair", "lamp", "stool")
    assert found["box"].corners.shape == (8, 3)


@pytest.mark.slow
def test_notebook_runs(folder, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    found: dict = {}
    exec(compile(code, "docs/library.ipynb", "exec"), found)
    assert found["few"].classes == ("bottle", "ladder", "sofa", "umbrella")
    assert len(found["answer"].boxes) > 6
