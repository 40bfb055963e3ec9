"""The page of a classification run; tests/report has the tests common to all pages."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import coo_array

from pointclip.errors import InputError
from pointclip.report.page import Heading
from tests.report.reading import Reader, text_of
from tests.zeroshot_cls.pages import classification_case, classification_page
from zeroshot_cls.report import write_classification_report, write_shapes_report


@pytest.mark.parametrize("classes", [1, 20, 55])
def test_any_number_of_classes(classes, tmp_path):
    classification_page(tmp_path / "report.html", classes)
    text = text_of(tmp_path / "report.html")
    assert f"class {classes - 1}" in text or classes == 1


def test_only_the_most_common_confusions_are_shown(tmp_path):
    size = 10_000
    confusion = coo_array(([9, 5, 7, 1], ([0, 1, 2, 9999], [0, 2, 9999, 3])), shape=(size, size))
    names = [f"class {k}" for k in range(size)]
    write_classification_report(tmp_path / "report.html", Heading("t"), {}, confusion, names, [], [])
    text = text_of(tmp_path / "report.html")
    assert "With 10000 classes it is too large to draw" in text
    rows = re.findall(r"class (\d+)\s+class (\d+)\s+(\d+)\s+100\.0", text)
    assert rows == [("2", "9999", "7"), ("1", "2", "5"), ("9999", "3", "1")]
    assert not (tmp_path / "pictures").exists()


def test_control_characters_in_names_are_escaped(tmp_path):
    case = replace(classification_case(truth="chair"), name="\x1b[31ma\u202eb.ply")
    write_shapes_report(tmp_path / "own.html", Heading("own"), iter([case]))
    page = (tmp_path / "own.html").read_text()
    assert "\\x1b[31ma\\u202eb.ply" in page
    assert "\x1b" not in page


def test_class_without_shapes_has_no_accuracy_and_is_last(tmp_path):
    confusion, names = np.array([[0, 0], [3, 1]]), ["none", "some"]
    accuracy = {"none": (0, 0), "some": (1, 4)}
    write_classification_report(tmp_path / "report.html", Heading("t"), accuracy, confusion, names, [], [])
    text = text_of(tmp_path / "report.html")
    assert re.search(r"some\s+25\.0\s+1\s+4\s+none\s+–\s+0\s+0", text)
    assert re.search(r"some\s+none\s+3\s+75\.0", text)  # the only confusion


def test_right_and_wrong_are_written_as_text(tmp_path):
    cases = [classification_case(truth="chair")], [classification_case(truth="table")]
    write_classification_report(tmp_path / "report.html", Heading("t"), {}, np.eye(1, dtype=int), ["chair"], *cases)
    text = text_of(tmp_path / "report.html")
    assert text.index("✓ correct") < text.index("✗ wrong")
    assert "90.0 %" in text


def test_the_matrix_is_a_table_with_counts_and_shares(tmp_path):
    confusion, names = np.array([[3, 1], [0, 2]]), ["chair", "table"]
    write_classification_report(tmp_path / "report.html", Heading("t"), {}, confusion, names, [], [])
    page = (tmp_path / "report.html").read_text()
    assert re.findall(r'--share: ([\d.]+)" title="(.*?)"', page, re.DOTALL) == [
        ("0.750", "chair read as chair: 3 (75.0 %)"),
        ("0.250", "chair read as table: 1 (25.0 %)"),
        ("1.000", "table read as table: 2 (100.0 %)"),
    ]
    assert "pictures/confusion.png" in page


def test_no_cases(tmp_path):
    classification_page(tmp_path / "test.html", cases=[])
    write_shapes_report(tmp_path / "own.html", Heading("own"), [])
    for page in ("test", "own"):
        assert "article" not in Reader(tmp_path / f"{page}.html").tags


def test_names_that_do_not_match_the_matrix_are_rejected(tmp_path):
    with pytest.raises(InputError, match="confusion matrix"):
        write_classification_report(tmp_path / "report.html", Heading("t"), {}, np.eye(2), ["one"], [], [])
    assert not (tmp_path / "report.html").exists()
