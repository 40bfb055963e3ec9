"""The public interface: the library's names, bundled files, and the environment in metrics.json."""

import importlib
import re
from importlib.metadata import version

import pytest
import torch

from pointclip import bundled
from pointclip.config_files import sentence_file
from pointclip.errors import InputError
from pointclip.prompts import open_prompts
from pointclip.runs.environment import environment
from pointclip.version import __version__
from tests.tasks import ROOT, TASKS

LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
NAMES = re.findall(r"^\| `([\w.]+)` \| (.+?) \|$", LIBRARY, re.MULTILINE)
PAIRS = [(module, name) for module, names in NAMES for name in re.findall(r"`(\w+)`", names)]


@pytest.mark.parametrize(("module", "name"), PAIRS)
def test_public_names_exist_and_are_documented(module, name):
    assert getattr(importlib.import_module(module), name).__doc__


def test_documented_names_match_the_packages():
    listed = {module: {name for other, name in PAIRS if other == module} for module, _ in PAIRS}
    for module in ("pointclip", "pointclip.encoder", "pointclip.features", "pointclip.datasets"):
        assert listed[module] == set(importlib.import_module(module).__all__)


def test_version_is_defined_once():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '\nversion = { attr = "pointclip.version.__version__" }\n' in project
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_parts_of_the_published_code_are_where_the_table_says():
    _, text = (
        (ROOT / "docs" / "published.md").read_text(encoding="utf-8").split("\n## Where the published code's parts")
    )
    here = [row.split("|")[2] for row in text.splitlines() if row.startswith("| ")]
    paths = [path for cell in here for path in re.findall(r"`(?:python )?([\w/]+(?:/|\.py|\.yaml))", cell)]
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_bundled_sentences_are_the_tasks_own():
    folders = {name: path.parents[1].name for name, path in bundled.prompt_files().items()}
    assert folders["modelnet40"] == folders["scannet_detection"] == "zeroshot_cls"
    assert folders["shapenetpart"] == "zeroshot_seg"
    assert ROOT / "data" == bundled.DATA


def test_a_path_to_the_old_place_of_sentences_says_where_they_are():
    with pytest.raises(InputError, match=r"it is .*zeroshot_cls/prompts/modelnet40.json now, or just"):
        open_prompts(ROOT / "prompts" / "modelnet40.json")


@pytest.mark.parametrize("task", TASKS)
def test_configs_refer_to_bundled_sentences_by_name(task):
    """Relative paths out of the task's folder break once it is installed."""
    for path in (ROOT / task).glob("configs/**/*.yaml"):
        assert "../prompts" not in path.read_text(encoding="utf-8"), path


def test_sentence_files_by_name():
    assert sentence_file("modelnet40") == str(ROOT / "zeroshot_cls" / "prompts" / "modelnet40.json")
    assert sentence_file("published") == "published"
    assert sentence_file("") == ""
    assert sentence_file("mine.json") == "mine.json"
    with pytest.raises(InputError, match=r"PROMPTS.FILE is 'modelnet4'; .*modelnet40, .*scanobjectnn, shapenetpart"):
        sentence_file("modelnet4")


def test_run_records_its_environment():
    recorded = environment(torch.device("cpu"), "fp32", 3)
    assert (recorded["format"], recorded["version"], recorded["precision"], recorded["seed"]) == (
        2,
        __version__,
        "fp32",
        3,
    )
    assert recorded["dependencies"]["torch"] == version("torch")
    assert recorded["device"].startswith("cpu (")
    assert recorded["revision"] is None or re.fullmatch("[0-9a-f]{40}(-dirty)?", recorded["revision"])
