"""Report pages: complete, escaped, without network; test_browser.py has what needs a browser."""

import re
from itertools import pairwise

import pytest

from pointclip.report.album import short_names
from tests.report.reading import NASTY, Reader
from tests.zeroshot_cls.pages import classification_page, shapes_page
from tests.zeroshot_seg.pages import segmentation_page

PAGES = [classification_page, shapes_page, segmentation_page]


@pytest.fixture(scope="module", params=PAGES, ids=lambda write: write.__name__)
def page(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "report.html"
    request.param(path)
    return path


def test_page_is_complete_and_needs_no_network(page):
    read = Reader(page)
    pictures_linked = [address for address in read.addresses if address not in ("data:,", "report.html")]
    assert pictures_linked
    for address in pictures_linked:
        assert re.fullmatch(r"pictures/[a-z]+(-\d+)?\.png", address)
        assert (page.parent / address).read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in page.parent.iterdir()} >= {"report.html", "pictures"}
    assert not re.search(r"url\(|@import", read.rawdata.partition("</style>")[0])
    assert all(read.alts)


def test_names_are_escaped(page):
    read = Reader(page)
    assert "x" not in read.addresses  # NASTY's picture
    shown = " ".join(read.text)
    assert shown.count(NASTY) >= 5  # title, fact's name and value, case, and more
    assert '"scene"' not in shown  # no cloud has spilled out of its script


def test_headings_are_in_order_and_tables_have_captions(page):
    tags = Reader(page).tags
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert tags.count("caption") == tags.count("table")


def test_same_input_gives_the_same_bytes(page, request, tmp_path):
    request.node.callspec.params["page"](tmp_path / "report.html")
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert path.read_bytes() == (page.parent / path.relative_to(tmp_path)).read_bytes()


def test_a_page_says_what_made_it(tmp_path):
    shapes_page(tmp_path / "report.html")
    read = Reader(tmp_path / "report.html")
    assert "report.html" in read.addresses
    assert read.tags.index("footer") > len(read.tags) - read.tags[::-1].index("article") - 1


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["/a/b/c.ply"], ["c.ply"]),
        (["/a/b/c.ply", "/a/d/c.ply#arm/left"], ["b/c.ply", "d/c.ply#arm/left"]),
        (["/a/b/c.glb#x/y", "/a/b/c.glb#x/z"], ["c.glb#x/y", "c.glb#x/z"]),
        (["scans/c.ply", "chair-3"], ["scans/c.ply", "chair-3"]),
        (["/c.ply"], ["c.ply"]),
        ([], []),
    ],
)
def test_headings_leave_out_the_common_folder(names, short):
    assert short_names(names) == short
