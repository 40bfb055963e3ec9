"""Tests for fewshot_cls.equal_files."""

from fewshot_cls.equal_files import equal_files_notes


def test_equal_files_are_told(tmp_path):
    a, b, again, other = paths = [tmp_path / name for name in ("a", "b", "again", "other")]
    for path, text in zip(paths, ("one", "two", "one", "three"), strict=True):
        path.write_text(text)
    assert equal_files_notes([a, b], ["chair", "sofa"], [other]) == []
    assert equal_files_notes([a, again], ["chair", "chair"]) == []
    notes = equal_files_notes([a, b, again], ["chair", "sofa", "sofa"], [a, other])
    assert notes == [
        f"{again} is the same file as one of 'chair': a shape of two classes misleads the head.",
        "1 of 2 test files are training files too: the accuracy is too high.",
    ]
