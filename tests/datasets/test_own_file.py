"""User-defined data sets in one file, as in docs/datasets.md: they run in both tasks, and errors are reported."""

import re
import sys
from pathlib import Path

import pytest
import torch

import zeroshot_cls.main
import zeroshot_seg.main
from pointclip.datasets import open_dataset
from pointclip.datasets.batches import BatchReader
from pointclip.encoder import load_encoder
from pointclip.errors import InputError

ROOT = Path(__file__).parents[2]
TOY = ROOT / "docs" / "toy_dataset.py"
TASKS = {"zeroshot_cls": zeroshot_cls.main.main, "zeroshot_seg": zeroshot_seg.main.main}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    torch.manual_seed(1)
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)


@pytest.mark.parametrize("task", TASKS)
def test_runs(task, tmp_path):
    words = ["--quiet", "--config", ROOT / task / "configs" / "demo.yaml", "DATASET.NAME", TOY, "OUTPUT", tmp_path]
    metrics = TASKS[task](list(map(str, [*words, "PROMPTS.FILE", "", "DATASET.NUM_POINTS", 200])))
    assert metrics["dataset"] == "toy_dataset (test)"
    assert metrics["shapes"] == 8
    assert set(metrics["class_accuracy" if task == "zeroshot_cls" else "category_miou"]) == {"pin", "plate"}


@pytest.mark.parametrize("task", TASKS)
def test_search_runs(task, tmp_path):
    words = ["--quiet", "--config", ROOT / task / "configs" / "demo.yaml", "DATASET.NAME", TOY, "OUTPUT", tmp_path]
    search = ["--search", "weights", "PROMPTS.FILE", "", "DATASET.NUM_POINTS", 200, "SEARCH.FIXED_VIEWS", 8]
    metrics = TASKS[task](list(map(str, [*words, *search])))
    assert (metrics["searched"]["dataset"], metrics["searched"]["split"]) == ("toy_dataset", "train")
    assert not metrics["tuned_on_test_labels"]


def test_example_is_short():
    assert len(TOY.read_text().splitlines()) <= 40


HEAD = "from pointclip.datasets.base import Shape, register\nimport numpy as np\n"
SOUND = f"""from __future__ import annotations
from dataclasses import dataclass
{HEAD}
@dataclass
class Kind:
    name: str

@register("own")
class Own:
    class_names, part_names, labels = ("a", "b"), {{}}, np.array([0, 1, -1])
    def __init__(self, root, split, num_points): pass
    def __len__(self): return 3
    def __getitem__(self, index): return [][index]
"""


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.mark.parametrize("name", ["own.py", "OWN.PY", "with space and.dots.py"])
def test_valid_file_can_be_opened_repeatedly(tmp_path, name):
    path = write(tmp_path / name, SOUND)
    assert [len(open_dataset(path, tmp_path)) for _ in range(2)] == [3, 3]


def test_files_of_the_same_name_are_separate(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "own.py", SOUND.replace('"b")', f'"{folder * 2}")'))
    first, second = (open_dataset(str(tmp_path / folder / "own.py"), tmp_path) for folder in "ab")
    assert (first.class_names, second.class_names) == (("a", "aa"), ("a", "bb"))
    assert sys.modules[type(first).__module__].Own is type(first)
    assert sys.modules[type(second).__module__].Own is type(second)


FAILING = {
    "arithmetic": ("x = 1\n1 / 0", "own.py, line 2: ZeroDivisionError: division by zero; fix the file."),
    "syntax": ("x = (\n", "own.py, line 1: SyntaxError: '(' was never closed; fix the file."),
    "NUL": (b"x\0", "own.py: "),
    "binary": (b"\x80\xff\xfe", "own.py"),
    "import": ("import no_such_module_x", "own.py, line 1: ModuleNotFoundError: No module named 'no_such_module_x'"),
    "exit": ("raise SystemExit(3)", "own.py, line 1: SystemExit: 3; fix"),
    "silent": ("assert False", "own.py, line 1: AssertionError; fix"),
    "constructor": (SOUND.replace("pass", "self.x"), "line 13: AttributeError: 'Own' object has no attribute 'x'"),
    "arguments": (SOUND.replace(", num_points", ""), "own.py: TypeError: Own.__init__() got an unexpected keyword"),
    "its own sentence": ("from pointclip.errors import InputError\nraise InputError('No data.')", "No data."),
    "none": ("x = 1", "registers 0 data sets"),
    "two": (SOUND.replace('@register("own")', '@register("own")\n@register("own2")'), "registers 2 data sets"),
    "missing": (None, "which does not exist"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_errors_in_files_are_reported(tmp_path, kind):
    text, message = FAILING[kind]
    path = str(tmp_path / "own.py") if text is None else write(tmp_path / "own.py", text)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        open_dataset(path, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["~no_such_user_x/own.py", "x" * 300 + ".py", "a\0.py", ".py"])
def test_invalid_paths_are_reported(tmp_path, name):
    with pytest.raises(InputError, match="which does not exist"):
        open_dataset(name, tmp_path)


def test_interrupt_is_not_caught(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        open_dataset(write(tmp_path / "own.py", "raise KeyboardInterrupt"), tmp_path)


def test_error_in_a_shape_names_the_line(tmp_path):
    shapes = open_dataset(write(tmp_path / "own.py", SOUND), tmp_path)
    with pytest.raises(
        InputError, match=r"Shape 0 of the data set Own: .*own\.py, line 15: IndexError: list index out"
    ):
        list(BatchReader(shapes, 1, on_bad="skip"))


SETS = {
    "no len": ("def __len__", "def size", "len() of the data set fails"),
    "negative len": ("return 3", "return -3", "len() of the data set fails"),
    "float len": ("return 3", "return 3.0", "len() of the data set fails"),
    "no classes": ('("a", "b")', "()", "class_names is (); expected a tuple of unique names"),
    "one text": ('("a", "b")', '"ab"', "class_names is 'ab'"),
    "twice": ('("a", "b")', '("a", "a")', "class_names is ('a', 'a')"),
    "empty": ('("a", "b")', '("a", "")', "class_names is ('a', '')"),
    "numbers": ('("a", "b")', "(0, 1)", "class_names is (0, 1)"),
    "listed labels": (
        "np.array([0, 1, -1])",
        "[0, 1, -1]",
        "labels is [0, 1, -1]; expected a numpy array of 3 integers",
    ),
    "float labels": ("-1])", "-1.0])", "labels is a numpy array of float64 in shape [3]"),
    "few labels": (
        "[0, 1, -1]",
        "[0, 1]",
        "labels is a numpy array of int64 in shape [2]; expected a numpy array of 3",
    ),
    "deep labels": ("[0, 1, -1]", "[[0, 1, -1]]", "in shape [1, 3]"),
    "high labels": ("[0, 1, -1]", "[0, 1, 2]", "labels has 2; expected 0 to 1"),
    "low labels": ("[0, 1, -1]", "[0, 1, -2]", "labels has -2; expected 0 to 1"),
    "no parts": ("{}", "None", "part_names is None; expected a dict"),
    "text parts": ("{}", '{"a": "rim"}', "part_names['a'] is 'rim'; expected a tuple of unique names"),
    "number parts": ("{}", '{"a": (1, 2)}', "part_names['a'] is (1, 2)"),
}


@pytest.mark.parametrize("kind", SETS)
def test_invalid_data_sets_are_rejected(tmp_path, kind):
    old, new, message = SETS[kind]
    path = write(tmp_path / "own.py", SOUND.replace(old, new))
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        open_dataset(path, tmp_path)
    assert str(caught.value).startswith(f"{path}: ")


def test_names_can_be_lists(tmp_path):
    text = SOUND.replace('("a", "b")', '["a", "b"]').replace("{}", '{"a": ["rim"]}')
    assert open_dataset(write(tmp_path / "own.py", text), tmp_path).part_names == {"a": ["rim"]}
