"""The command line, where its values look like flags."""

import pytest

from pointclip.errors import InputError
from pointclip.runs.arguments import with_values
from zeroshot_det.settings import parse


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--up -y --input a", "--up=-y --input a"),
        ("--up y --json", "--up y --json"),
        ("SCENE.UP -z OUTPUT -x", "--up=-z OUTPUT -x"),
        ("--split --up -x", "--split=auto --up=-x"),
        ("--split nodes", "--split nodes"),
    ],
)
def test_values_that_look_like_flags(words, expected):
    assert with_values(words.split()) == expected.split()


@pytest.mark.parametrize("words", ["--up -y", "SCENE.UP -y", "--up=-y"])
def test_an_axis_that_points_down_is_a_setting_of_a_scan(words, tmp_path):
    given = [__file__, "--classes", "a, b", *words.split(), "OUTPUT", str(tmp_path)]
    assert parse(given)[1].SCENE.UP == "-y"
    with pytest.raises(InputError, match="a data set's up axis is known"):
        parse(["--config", "demo", *words.split(), "OUTPUT", str(tmp_path)])
