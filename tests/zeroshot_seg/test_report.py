"""The page of a segmentation run; tests/report has the tests common to all pages."""

import re

import pytest

from pointclip.errors import InputError
from pointclip.report.page import Heading
from tests.report.reading import Reader, text_of
from tests.zeroshot_seg.pages import segmentation_case, segmentation_page
from zeroshot_seg.report import write_segmentation_report


def test_category_table_shows_any_columns(tmp_path):
    segmentation_page(tmp_path / "report.html")
    text = text_of(tmp_path / "report.html")
    assert re.search(r"category\s+shapes\s+mIoU\s+chance", text)
    assert re.search(r"1,234\s+51\.3\s+–\s+–", text)
    assert "IoU 81.2" in text


def test_unscored_shapes_are_not_ranked(tmp_path):
    write_segmentation_report(tmp_path / "report.html", Heading("own"), [], [segmentation_case(truth=False)], [])
    text = text_of(tmp_path / "report.html")
    assert "Best" not in text
    assert "Truth" not in text


def test_unknown_parts_are_in_the_legend(tmp_path):
    case = segmentation_case()
    case.truth[0] = -1
    write_segmentation_report(tmp_path / "report.html", Heading("t"), [], [case], [])
    assert "not known" in text_of(tmp_path / "report.html")


def test_no_cases(tmp_path):
    segmentation_page(tmp_path / "report.html", cases=())
    assert "article" not in Reader(tmp_path / "report.html").tags
    assert (tmp_path / "report.html").stat().st_size < 100_000  # no clouds, no plotly


def test_labels_that_do_not_match_the_points_are_rejected(tmp_path):
    case = segmentation_case()
    case.prediction = case.prediction[1:]
    with pytest.raises(InputError, match="labels for 60 points"):
        write_segmentation_report(tmp_path / "report.html", Heading("t"), [], [case], [])
    assert not (tmp_path / "report.html").exists()
