"""Every benchmark runs at its smallest size and prints its table; times are not checked."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from benchmarks import floor, machine, published, search
from pointclip.errors import InputError
from pointclip.projection import Cells
from zeroshot_cls.realistic_projection import SPEC as CLASSIFICATION

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = '''
"""Stands in for the published modules: the same names and habits, no projection."""
import torch
from torch import nn


class Realistic_Projection:
    SIZE = 110

    def __init__(self):
        self.turns = torch.eye(3).cuda()
        self.layer = nn.Linear(3, 1).cuda()

    def get_img(self, points):
        from torch_scatter import scatter
        grid = torch.zeros(len(points), 4).cuda()
        scatter(points[..., 0], torch.zeros(points.shape[:2], dtype=torch.int64), dim=1, out=grid, reduce="max")
        assert grid[0, 0] == points[0, :, 0].max().clamp(min=0)
        self.layer(points @ self.turns)
        return torch.ones(10 * len(points), 3, self.SIZE, self.SIZE)
'''
FILES = {
    "classification": STAND_IN,
    "segmentation": STAND_IN.replace("110", "224")
    .replace("(self):", "(self, gpu='cuda:0'):")
    .replace("torch.eye(3).cuda()", "torch.eye(3, device=torch.device(gpu))")
    .replace("self.SIZE)\n", "self.SIZE), None, None\n"),
}
TASKS = sorted(FILES)


@pytest.fixture
def checkout(tmp_path):
    for task, text in FILES.items():
        path = tmp_path / published.FILES[task]
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        pytest.param(
            "end_to_end",
            "--shapes 2 --template",
            ["stage", "read", "encode", "pipelined", "of the encoder alone"],
            marks=pytest.mark.auto_precision,
        ),
        pytest.param(
            "reading",
            "--files 2 --workers 0 1 --repeats 1",
            ["file", "in the run", "1 processes", ".off", ".h5"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "face",
            "--points 64 --repeats 1",
            ["one cloud", "projection", "Classifier, 40 classes"],
            marks=pytest.mark.auto_precision,
        ),
        pytest.param(
            "precision",
            "--shapes 2 --repeats 1 --precisions fp32 --template",
            ["precision", "fp32", "'auto' selects"],
            marks=pytest.mark.auto_precision,
        ),
        (
            "threads",
            "--task classification --batch 1 --calls 2 --workers 1",
            ["busy cores", "workers (fork)", "at once"],
        ),
        (
            "fewshot",
            "--classes 3 --shots 2 --test 4 --width 8 --views 1 --repeats 1",
            ["method", "kernel_ridge", "adapter", "smoothing: "],
        ),
        (
            "fewshot_gpu",
            "--device cpu --encoder demo --batch 2 --views 1 --chunks 1 --precisions fp32 --repeats 1",
            ["TRAIN.CHUNK", "fp32", "2 shapes of 1 views"],
        ),
        (
            "sentences",
            "--encoder demo --sentences 24 --repeats 1",
            ["full context", "truncated", "cached", "24 sentences"],
        ),
        pytest.param(
            "lookup",
            "--shapes 2 --template",
            ["lookup", "corrected", "published", "(chance)"],
            marks=pytest.mark.auto_precision,
        ),
        (
            "search",
            "--task classification --what weights --shapes 2 2 --candidates 1",
            ["candidates", "16384", "mean of 1"],
        ),
        pytest.param(
            "many_files",
            "--files 3 --points 64 -- PROJECTION.VIEWS 0",
            ["shapes done", "3 files of 64 points", "0 busy processes"],
            marks=pytest.mark.slow,  # starts a process that loads torch
        ),
        pytest.param(
            "proposals",
            "--scenes 1 --points 8000",
            ["scanned rooms, test: 1 scenes", "combined", "clusters", "CPU s"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "detection",
            "--boxes 2 --million 1 --scenes 2 --repeats 1",
            ["clusters", "encode", "million", "evaluation: 2 scenes"],
            marks=[pytest.mark.slow, pytest.mark.auto_precision],
        ),
    ],
)
def test_prints_its_table(script, arguments, expected, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script, *arguments.split()])
    import_module(f"benchmarks.{script}").main()
    printed = capsys.readouterr().out
    assert printed.startswith(machine.machine())
    assert "\n---" in printed
    assert all(word in printed for word in expected)
    assert "nan" not in printed.split()  # what a process that failed gives for its memory


@pytest.mark.slow  # starts processes that load torch
def test_first_answer_is_timed_by_stage(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["first_answer", "--encoder", "--repeats", "1"])
    import_module("benchmarks.first_answer").main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["encoder", "imports", "weights", "sentences", "shape", "rest", "all"]
    *stages, everything = map(float, lines[4].split()[1:])
    assert abs(sum(stages) - everything) < 0.4  # five figures rounded to tenths
    assert lines[5].startswith("demo, sentences cached")
    assert lines[-1].startswith("invalid setting")


def test_every_search_is_measured(monkeypatch, capsys):
    """All four, with few sentences and points; memory is measured above, in a process that takes seconds to start."""

    def without_a_process(prepare, *args):
        prepare(*args)()
        return 0.0

    monkeypatch.setattr(search, "TASKS", {"classification": (3, 4, 1), "segmentation": (3, 4, 64)})
    monkeypatch.setattr(search, "peak_memory", without_a_process)
    monkeypatch.setattr(sys, "argv", ["search", "--shapes", "4", "2", "--candidates", "1"])
    search.main()
    rows = [line.split()[:3] for line in capsys.readouterr().out.splitlines()[3:7]]
    assert rows == [
        ["classification", "sentences", "24"],
        ["classification", "weights", "16384"],
        ["segmentation", "sentences", "24"],
        ["segmentation", "weights", "4096"],
    ]


@pytest.mark.slow
def test_runs_as_a_script_from_anywhere(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "sampling.py", "--points=8", "--sentences=2", "--repeats=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[3:6]] == ["features", "logits", "literal"]
    assert float(lines[3].split()[-1]) < 1e-4  # they agree


@pytest.mark.slow
def test_projection_compared_with_a_published_checkout(checkout, monkeypatch, capsys):
    arguments = "--tasks segmentation --engines numba --batches 1 --repeats 1 --published"
    monkeypatch.setattr(sys, "argv", ["projection", *arguments.split(), str(checkout)])
    import_module("benchmarks.projection").main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split("  ")[-1].strip() == "x published"
    assert [line.split(",")[0] for line in lines[3:5]] == ["published", "numba"]
    assert lines[6].startswith("segmentation: largest difference from the published depth maps")
    assert lines[8].startswith("cpu, copy bandwidth")
    assert lines[11].split()[:3] == ["numba", "segmentation", "1"]


@pytest.mark.parametrize("task", TASKS)
def test_a_published_checkout_gives_depth_maps(task, checkout):
    size = {"classification": 110, "segmentation": 224}[task]
    assert published.projection(checkout, task)(torch.rand(2, 2048, 3)).shape == (2, 10, size, size)
    assert torch.Tensor.cuda.__name__ == "cuda"  # as it was


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("class Realistic_Projection", "class Other", "has no Realistic_Projection"),
        (
            "import torch\n",
            "import torch, no_such_package\n",
            "does not run here .ModuleNotFoundError.*no_such_package",
        ),
        ("def __init__(self", "def __init__(self, other", "does not run here .TypeError.*other"),
        ("def get_img", "def get_image", "does not run here .AttributeError.*get_img"),
        ("torch.ones(10", "torch.ones(9", r"get_img returned \[9, 3, .*10 images"),
        ("return torch.ones(", "return sum(", "does not run here .TypeError"),
        ("class Realistic", "clas Realistic", "does not run here .SyntaxError"),
    ],
)
def test_unexpected_checkout_is_rejected(task, old, new, words, checkout):
    path = checkout / published.FILES[task]
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=words) as caught:
        published.projection(checkout, task)(torch.rand(1, 2048, 3))
    assert path.name in str(caught.value)


def test_published_segmentation_needs_2048_points(checkout):
    with pytest.raises(InputError, match="2048 points, not 1024"):
        published.projection(checkout, "segmentation")(torch.rand(1, 1024, 3))


def test_floor_counts_bytes():
    cells = Cells(*(torch.zeros(2, 10, 1000, dtype=torch.int64) for _ in range(3)), torch.zeros(2, 10, 1000))
    images = 2 * 10 * 110 * 110 * 4
    assert floor.floor_bytes(cells, CLASSIFICATION, None) == 20_000 * 28 + images
    assert floor.floor_bytes(cells, CLASSIFICATION, cells) == 20_000 * 56 + images


def test_missing_checkout_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["projection", "--published", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        import_module("benchmarks.projection").main()
    assert "There is no zeroshot_cls" in capsys.readouterr().err


def _take(megabytes: int):
    return lambda: bytearray(b"x") * (megabytes * 2**20)


def test_peak_memory_of_a_call():
    assert 60 < machine.peak_memory(_take, 64) < 96
