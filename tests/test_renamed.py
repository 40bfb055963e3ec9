"""Old names of settings still work, and are said to be old."""

import pytest
import yaml

from fewshot_cls.settings import fewshot_defaults
from pointclip.config import is_setting, load_config
from pointclip.errors import InputError
from pointclip.renamed import RENAMED, RENAMED_VALUES, _print_once
from tests.test_config import write
from zeroshot_det.settings import detection_defaults

FEWSHOT, DETECTION = fewshot_defaults(), detection_defaults()


@pytest.mark.parametrize("old", RENAMED)
def test_old_name_sets_the_new_one(old, tmp_path, capsys):
    new = RENAMED[old]
    base = next(base for base in (FEWSHOT, DETECTION) if is_setting(base, new))
    old_value, new_value = another_value(base, new)
    _print_once.cache_clear()
    by_words = load_config(base, None, [old, str(old_value)])
    by_file = load_config(base, write(tmp_path, "run.yaml", nested(old, old_value)))
    assert by_words == by_file == load_config(base, None, [new, str(new_value)]) != base
    assert f"{old} is now {new}" in capsys.readouterr().err.splitlines()[0]
    assert yaml.safe_load(by_words.dump()) == yaml.safe_load(load_config(base, None, [new, str(new_value)]).dump())


def test_one_note_for_all_old_names(capsys):
    _print_once.cache_clear()
    words = ["DATASET.TURN", "free", "TRAIN.SPREAD", "0.1", "SEED", "3"]
    for _ in range(2):
        load_config(FEWSHOT, None, words)
    assert capsys.readouterr().err == (
        "note: Old names of settings still work, but have new ones: DATASET.TURN is now DATASET.ROTATION, free is now "
        "so3, TRAIN.SPREAD is now TRAIN.LABEL_SMOOTHING.\n"
    )
    load_config(FEWSHOT, None, ["DATASET.ROTATION", "so3"])
    assert not capsys.readouterr().err


def test_old_and_new_name_together(tmp_path):
    with pytest.raises(InputError, match=r"command line sets TRAIN.LR, and TRAIN.RATE, its old name; leave one"):
        load_config(FEWSHOT, None, ["TRAIN.RATE", "0.1", "TRAIN.LR", "0.1"])
    path = write(tmp_path, "run.yaml", {"TRAIN": {"RATE": 0.1, "LR": 0.1}})
    with pytest.raises(InputError, match=r"run.yaml sets TRAIN.LR, and TRAIN.RATE, its old name"):
        load_config(FEWSHOT, path)
    path = write(tmp_path, "base.yaml", {"TRAIN": {"RATE": 0.5}})  # a later layer overrides it by either name
    assert load_config(FEWSHOT, path, ["TRAIN.LR", "0.1"]).TRAIN.LR == 0.1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"TRAIN": {"RATE": 0.1}}, "no setting TRAIN"),  # detection has none
        ({"PROPOSALS": {"MOSTT": 3}}, "nearest known one is PROPOSALS.MAX_BOXES"),
        ({"READING": {"LEAST": 3, "FOO": 3}}, "no setting READING"),
        ({"READING": {"LEAST": 3}, "CROPS": 5}, "CROPS .* is a group"),
        ({"SUPPRESSION": {"OVERLAP": "much"}}, "NMS.IOU_THRESHOLD .* 'much'; expected a number"),
    ],
)
def test_errors_name_the_new_ones(values, words, tmp_path):
    with pytest.raises(InputError, match=words):
        load_config(DETECTION, write(tmp_path, "run.yaml", values))


def another_value(base, name):
    """A value that is not the default: as written with the old name, and with the new one."""
    node = base
    for part in name.split("."):
        node = node[part]
    if values := RENAMED_VALUES.get(name):
        return list(values.items())[-1]
    value = {"frozen": "batch", "mean": "published"}.get(node, "a.yaml") if isinstance(node, str) else None
    value = (not node if isinstance(node, bool) else node / 2 or 1.0) if value is None else value
    value = int(value) if type(node) is int else value
    return value, value


def nested(name, value):
    for part in reversed(name.split(".")):
        value = {part: value}
    return value
