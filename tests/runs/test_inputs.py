"""Arguments of --input and --classes: files, folders, patterns and lists."""

import pytest

from pointclip.errors import InputError
from pointclip.runs.inputs import expand_inputs, names_argument, names_or_list
from pointclip.utils.command import ArgumentParser

ENDINGS = (".ply", ".obj")


@pytest.fixture
def folder(tmp_path):
    for name in ("b.ply", "a.ply", "deep/c.obj", "deep/._d.obj", ".hidden/e.ply", "notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def names(folder, *words):
    return [str(path.relative_to(folder)) for path in expand_inputs([str(word) for word in words], ENDINGS)[0]]


def test_folders_patterns_and_files_without_duplicates(folder):
    assert names(folder, folder) == ["a.ply", "b.ply", "deep/c.obj"]
    assert names(folder, folder / "*.ply", folder / "b.ply") == ["a.ply", "b.ply"]
    assert names(folder, folder / "**/*.obj") == ["deep/c.obj"]
    assert names(folder, folder / "none.ply") == ["none.ply"]  # reported when it is read
    assert names(folder, folder / "*") == ["a.ply", "b.ply", "deep/c.obj"]


def test_other_formats_are_counted_and_texts_materials_and_pictures_passed_over(folder):
    for name in ("a.fbx", "b.STEP", "deep/c.fbx", "a.mtl", "a.png", "__MACOSX/a.ply", "README.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    for word in (folder, folder / "*"):
        files, (note,) = expand_inputs([str(word)], (*ENDINGS, ".txt"))
        assert [path.name for path in files] == ["a.ply", "b.ply", "c.obj"]
        assert note.startswith("2 .fbx and 1 .step among the --input files were passed over: such files cannot be read")
    (folder / "cad").mkdir()
    (folder / "cad/a.ipt.step").write_text("")
    with pytest.raises(InputError, match=r"contains no shapes \(.*\) but 1 \.step: such files cannot be read"):
        expand_inputs([str(folder / "cad")], ENDINGS)


def test_an_existing_folder_is_meant_literally_in_a_pattern(tmp_path):
    for name in ("scans[2]/a.ply", "scans2/b.ply"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
    assert names(tmp_path, tmp_path / "scans[2]/*.ply") == names(tmp_path, tmp_path / "scans[2]") == ["scans[2]/a.ply"]
    assert names(tmp_path, tmp_path / "scans[12]/*.ply") == ["scans2/b.ply"]


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


def test_a_list_of_names_that_cannot_be_read_is_told_as_an_argument(tmp_path):
    parser = ArgumentParser()
    parser.add_argument("--classes", type=names_argument)
    assert parser.parse_args(["--classes", "a, b"]).classes == ("a", "b")
    with pytest.raises(InputError, match=r"Argument --classes: Cannot read the list .*none\.txt .*per line; see"):
        parser.parse_args(["--classes", f"@{tmp_path / 'none.txt'}"])
