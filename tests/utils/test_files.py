"""Text files of settings: what they may unfold to, and what is no file."""

import os

import pytest

from pointclip.errors import InputError
from pointclip.utils import files, limits
from pointclip.utils.files import read_json, read_yaml
from pointclip.utils.limits import VARIABLE, within


def laugh(levels):
    """YAML whose aliases unfold to 10 ** levels values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (laugh(9), "has 1,234,567,"),
        ("a: &a [*a]", "holds itself"),
        ("a: &a {b: [*a]}", "holds itself"),
        ("[" * 5000, "nested more than 100 deep|not valid YAML"),
        ("[" * 200 + "]" * 200, "nested more than 100 deep"),
        ("a: " * 5000, "not valid YAML"),
        ("? [1, 2]\n: 3", "not valid YAML"),
        ("a: 1\na: 2", "'a' comes twice"),
        ("a: " + "9" * 5000, "not valid YAML"),
        ("a: 2020-99-99", "not valid YAML"),
        ("a: \x07", "not valid YAML"),
        (b"a: \xff", "not text in UTF-8"),
    ],
)
def test_yaml_that_cannot_be_is_told(tmp_path, text, told):
    path = tmp_path / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=told) as error:
        read_yaml(path, "the config", "mend it")
    assert str(error.value).isprintable()
    assert len(str(error.value)) <= 500


def test_few_aliases_are_taken(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &x [1, 2]\nb: *x\n")
    assert read_yaml(path, "the config", "") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "", "\x00"])
def test_json_that_cannot_be_is_told(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match="not valid JSON"):
        read_json(path, "the prompt file", "mend it")


@pytest.mark.parametrize("read", [read_yaml, read_json])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "none", "no name"])
def test_only_regular_files_are_read(tmp_path, read, kind):
    path = {"device": "/dev/zero", "none": tmp_path / "x", "no name": "a\0b"}.get(kind, tmp_path / "a")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(InputError, match="Cannot read the config"):
        read(path, "the config", "mend it")


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_a_file_too_large_is_told_and_a_setting_raises_the_limit(tmp_path, read, monkeypatch):
    monkeypatch.setattr(files, "MOST_YAML_BYTES", 4)
    monkeypatch.setattr(files, "MOST_JSON_BYTES", 4)
    path = tmp_path / "a"
    path.write_text("[1, 2, 3]")
    with pytest.raises(InputError, match=r"has 9 bytes, and at most 4 are read.*POINTCLIP_LIMITS=3"):
        read(path, "the config", "")
    monkeypatch.setenv(VARIABLE, "3")
    assert read(path, "the config", "") == [1, 2, 3]


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "nan", "inf"])
def test_the_setting_is_a_number(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(InputError, match="a number above 0"):
        within(1, 2, "A file", "bytes")
    monkeypatch.delenv(VARIABLE)
    assert limits.factor() == 1
