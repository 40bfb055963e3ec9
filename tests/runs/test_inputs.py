"""Arguments of --input and --classes: files, folders, patterns and lists."""

import pytest

from pointclip.errors import InputError
from pointclip.runs.inputs import expand_inputs, names_or_list

ENDINGS = (".ply", ".obj")


@pytest.fixture
def folder(tmp_path):
    for name in ("b.ply", "a.ply", "deep/c.obj", "deep/._d.obj", ".hidden/e.ply", "notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def names(folder, *words):
    return [str(path.relative_to(folder)) for path in expand_inputs([str(word) for word in words], ENDINGS)]


def test_folders_patterns_and_files_without_duplicates(folder):
    assert names(folder, folder) == ["a.ply", "b.ply", "deep/c.obj"]
    assert names(folder, folder / "*.ply", folder / "b.ply") == ["a.ply", "b.ply"]
    assert names(folder, folder / "**/*.obj") == ["deep/c.obj"]
    assert names(folder, folder / "none.ply") == ["none.ply"]  # reported when it is read


def test_list_is_relative_to_its_folder(folder):
    (folder / "list.txt").write_text("\ufeff# chosen\nb.ply\n\ndeep\n", encoding="utf-8")
    assert names(folder, f"@{folder / 'list.txt'}") == ["b.ply", "deep/c.obj"]
    assert names_or_list(f"@{folder / 'list.txt'}") == ("b.ply", "deep")
    assert names_or_list("night stand, sofa") == ("night stand", "sofa")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("empty", "contains no shape"),
        ("*.stl", "No file fits"),
        ("@none.txt", "Cannot read the list"),
        ("@blank", "is empty"),
    ],
)
def test_arguments_without_shapes_are_rejected(folder, word, message, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    (folder / "blank").write_text("# nothing\n")
    with pytest.raises(InputError, match=message):
        expand_inputs([word], ENDINGS)
