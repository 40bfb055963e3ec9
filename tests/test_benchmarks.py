"""Every benchmark runs at its smallest and prints its table; no time is judged."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import machine

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = '''
"""Stands in for the published module: the same names and habits, no projection."""
import torch
from torch import nn
from torch_scatter import scatter


class Realistic_Projection:
    def __init__(self, gpu="cuda:0"):
        self.turns = torch.eye(3).cuda()
        self.layer = nn.Linear(3, 1).cuda()

    def get_img(self, points):
        grid = torch.zeros(len(points), 4).cuda()
        scatter(points[..., 0], torch.zeros(points.shape[:2], dtype=torch.int64), dim=1, out=grid, reduce="max")
        assert grid[0, 0] == points[0, :, 0].max().clamp(min=0)
        return self.layer(points @ self.turns)
'''


@pytest.fixture
def checkout(tmp_path):
    path = tmp_path / "zeroshot_cls" / "trainers" / "mv_utils_zs.py"
    path.parent.mkdir(parents=True)
    path.write_text(STAND_IN)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        ("end_to_end", "--shapes 2 --template", ["stage", "read", "encode", "pipelined", "of the encoder alone"]),
        ("precision", "--shapes 2 --repeats 1 --precisions fp32 --template", ["precision", "fp32", "'auto' picks"]),
        ("lookup", "--shapes 2 --template", ["lookup", "corrected", "published", "(chance)"]),
    ],
)
def test_prints_its_table(script, arguments, expected, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script, *arguments.split()])
    import_module(f"benchmarks.{script}").main()
    printed = capsys.readouterr().out
    assert printed.startswith(machine.machine())
    assert "\n---" in printed
    assert all(word in printed for word in expected)


def test_runs_as_a_script_from_anywhere(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "reading.py", "--points=8", "--sentences=2", "--repeats=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[3:6]] == ["features", "logits", "literal"]
    assert float(lines[3].split()[-1]) < 1e-4  # they agree


def test_projection_beside_a_published_checkout(checkout, monkeypatch, capsys):
    arguments = "--tasks classification --engines numba --batches 1 --repeats 1 --published"
    monkeypatch.setattr(sys, "argv", ["projection", *arguments.split(), str(checkout)])
    import_module("benchmarks.projection").main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines[3:5]] == ["published", "numba"]


def test_no_checkout_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["projection", "--published", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        import_module("benchmarks.projection").main()
    assert "There is no zeroshot_cls" in capsys.readouterr().err


def _take(megabytes: int):
    return lambda: bytearray(b"x") * (megabytes * 2**20)


def test_peak_memory_is_what_a_call_takes():
    assert 60 < machine.peak_memory(_take, 64) < 96
