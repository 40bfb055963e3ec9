"""The command line, where its values look like flags."""

import pytest

from fewshot_cls import settings as fewshot_cls
from pointclip.errors import InputError
from pointclip.runs.arguments import with_values
from zeroshot_cls import settings as zeroshot_cls
from zeroshot_det import settings as zeroshot_det
from zeroshot_det.settings import parse
from zeroshot_seg import settings as zeroshot_seg


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--up -y --input a", "--up=-y --input a"),
        ("--up y --json", "--up y --json"),
        ("SCENE.UP -z OUTPUT -x", "--up=-z OUTPUT -x"),
        ("--split --up -x", "--split=auto --up=-x"),
        ("--split nodes", "--split nodes"),
        ("--split", "--split=auto"),
        ("", ""),
    ],
)
def test_values_that_look_like_flags(words, expected):
    assert with_values(words.split()) == expected.split()


@pytest.mark.parametrize("task", [zeroshot_cls, zeroshot_seg, zeroshot_det, fewshot_cls])
@pytest.mark.parametrize("words", [[], ["--quiet"]])
def test_without_files_and_config_a_task_says_what_it_needs(task, words):
    with pytest.raises(InputError, match=r"^Nothing to .* was given") as caught:
        task.parse(words)
    assert any("--config demo " in line for line in caught.value.below)
    assert len(caught.value.below) == len(task.EXAMPLES) + 1


@pytest.mark.parametrize("words", ["--up -y", "SCENE.UP -y", "--up=-y"])
def test_an_axis_that_points_down_is_a_setting_of_a_scan(words, tmp_path):
    given = [__file__, "--classes", "a, b", *words.split(), "OUTPUT", str(tmp_path)]
    assert parse(given)[1].SCENE.UP == "-y"
    with pytest.raises(InputError, match="a data set's up axis is known"):
        parse(["--config", "demo", *words.split(), "OUTPUT", str(tmp_path)])
