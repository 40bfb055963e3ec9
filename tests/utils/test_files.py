"""YAML and JSON files: limits, and errors."""

import os

import pytest

from pointclip.errors import InputError
from pointclip.utils import files, limits
from pointclip.utils.files import read_json, read_yaml
from pointclip.utils.limits import VARIABLE, within


def nested_aliases(levels):
    """YAML whose aliases expand to 10 ** levels values ("billion laughs")."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (nested_aliases(9), "has 1,234,567,"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {b: [*a]}", "contains itself"),
        ("[" * 5000, "nested more than 100 levels deep|not valid YAML"),
        ("[" * 200 + "]" * 200, "nested more than 100 levels deep"),
        ("a: " * 5000, "not valid YAML"),
        ("? [1, 2]\n: 3", "not valid YAML"),
        ("a: 1\na: 2", "'a' is duplicated"),
        ("a: " + "9" * 5000, "not valid YAML"),
        ("a: 2020-99-99", "not valid YAML"),
        ("a: \x07", "not valid YAML"),
        (b"a: \xff", "not text in UTF-8"),
    ],
)
def test_invalid_yaml_is_rejected(tmp_path, text, message):
    path = tmp_path / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as error:
        read_yaml(path, "the config", "fix it")
    assert str(error.value).isprintable()
    assert len(str(error.value)) <= 500


def test_yaml_aliases_are_supported(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &x [1, 2]\nb: *x\n")
    assert read_yaml(path, "the config", "") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "", "\x00"])
def test_invalid_json_is_rejected(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match="not valid JSON"):
        read_json(path, "the prompt file", "fix it")


@pytest.mark.parametrize("read", [read_yaml, read_json])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "none", "no name"])
def test_only_regular_files_are_read(tmp_path, read, kind):
    path = {"device": "/dev/zero", "none": tmp_path / "x", "no name": "a\0b"}.get(kind, tmp_path / "a")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(InputError, match="Cannot read the config"):
        read(path, "the config", "fix it")


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_size_limit_and_the_variable_that_raises_it(tmp_path, read, monkeypatch):
    monkeypatch.setattr(files, "MAX_YAML_BYTES", 4)
    monkeypatch.setattr(files, "MAX_JSON_BYTES", 4)
    path = tmp_path / "a"
    path.write_text("[1, 2, 3]")
    with pytest.raises(InputError, match=r"has 9 bytes, more than the limit of 4.*POINTCLIP_LIMITS=3"):
        read(path, "the config", "")
    monkeypatch.setenv(VARIABLE, "3")
    assert read(path, "the config", "") == [1, 2, 3]


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "nan", "inf"])
def test_limit_factor_must_be_a_positive_number(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(InputError, match="a positive number"):
        within(1, 2, "A file", "bytes")
    monkeypatch.delenv(VARIABLE)
    assert limits.factor() == 1
