"""The pages that people read: complete, escaped, without network, and alive in a browser."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from pointclip.errors import InputError
from pointclip.report import pictures
from pointclip.report.album import (
    ClassificationCase,
    SegmentationCase,
    write_classification_report,
    write_segmentation_report,
    write_shapes_report,
)

NASTY = """<img src=x onerror=alert(1)> "it's" & $x_1$ </script> 椅子 %{x}"""
FACTS = {"encoder": "ViT-B-16", NASTY: NASTY}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH")


def classification_case(name="chair_1", truth="chair", views=10):
    maps = np.random.default_rng(0).random((views, 12, 12))
    return ClassificationCase(name, truth, "chair", 0.9, maps, [("chair", 0.9), (NASTY, 0.1)])


def segmentation_case(name="chair_1", truth=True, points=60, names=("seat", NASTY), category="chair"):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(names), points)
    known = labels.copy() if truth else None
    pixel, visible = rng.integers(-5, 230, (10, points, 2)), rng.random((10, points)) < 0.5
    maps = rng.random((10, 224, 224))
    cloud = rng.random((points, 3))
    iou = 81.25 if truth else None
    return SegmentationCase(name, category, cloud, labels, known, names, iou, maps, pixel, visible)


def classification_page(path, classes=3, cases=None):
    cases = [classification_case(NASTY)] if cases is None else cases
    names = [NASTY, *(f"class {number}" for number in range(1, classes))]
    confusion = np.arange(classes**2).reshape(classes, classes)
    accuracy = {name: (int(row[i]), int(row.sum())) for i, (name, row) in enumerate(zip(names, confusion, strict=True))}
    write_classification_report(path, NASTY, FACTS, accuracy, confusion, names, cases, cases, notes=[NASTY])


def shapes_page(path):
    write_shapes_report(
        path, NASTY, FACTS, [classification_case(NASTY, None), classification_case(views=3, truth=None)]
    )


def segmentation_page(path, cases=None):
    cases = [segmentation_case(NASTY), segmentation_case(truth=False)] if cases is None else cases
    rows = [
        {"category": NASTY, "shapes": 1234, "mIoU": 51.26},
        {"category": "bag", "chance": float("nan"), NASTY: None},
    ]
    write_segmentation_report(path, NASTY, FACTS, rows, cases, cases[:1], notes=[NASTY])


PAGES = [classification_page, shapes_page, segmentation_page]


@pytest.fixture(scope="module", params=PAGES, ids=lambda write: write.__name__)
def page(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "report.html"
    request.param(path)
    return path


class Reader(HTMLParser):
    """Collects tags, addresses and visible text; what is inside of scripts and styles is kept apart."""

    def __init__(self, page: Path):
        super().__init__()
        self.tags, self.addresses, self.text, self.alts, self._inside = [], [], [], [], None
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self._inside = tag
        self.tags.append(tag)
        self.addresses += [attributes[key] for key in ("src", "href", "action", "data", "srcset") if key in attributes]
        if tag == "img":
            self.alts.append(attributes.get("alt"))
        assert not [key for key in attributes if key.startswith("on")], "a name has become an event handler"

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self.text.append(data)


def test_page_is_whole_and_needs_no_network(page):
    read = Reader(page)
    pictures_linked = [address for address in read.addresses if not address.startswith("data:,")]
    assert pictures_linked
    for address in pictures_linked:
        assert re.fullmatch(r"pictures/[a-z]+(-\d+)?\.png", address)
        assert (page.parent / address).read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in page.parent.iterdir()} >= {"report.html", "pictures"}
    assert not re.search(r"url\(|@import", read.rawdata.partition("</style>")[0])
    assert all(read.alts)


def test_names_are_text_never_markup(page):
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


@pytest.mark.parametrize("classes", [1, 20, 55])
def test_any_number_of_classes(classes, tmp_path):
    classification_page(tmp_path / "report.html", classes)
    text = " ".join(Reader(tmp_path / "report.html").text)
    assert f"class {classes - 1}" in text or classes == 1


def test_class_without_shapes_has_no_accuracy_and_stands_last(tmp_path):
    confusion, names = np.array([[0, 0], [3, 1]]), ["none", "some"]
    accuracy = {"none": (0, 0), "some": (1, 4)}
    write_classification_report(tmp_path / "report.html", "t", {}, accuracy, confusion, names, [], [])
    text = " ".join(Reader(tmp_path / "report.html").text)
    assert re.search(r"some\s+25\.0\s+1\s+4\s+none\s+–\s+0\s+0", text)
    assert re.search(r"some\s+none\s+3\s+75\.0", text)  # the only confusion


def test_no_cases(tmp_path):
    classification_page(tmp_path / "cls.html", cases=[])
    segmentation_page(tmp_path / "seg.html", cases=())
    write_shapes_report(tmp_path / "own.html", "own", {}, [])
    for page in ("cls", "seg", "own"):
        assert "article" not in Reader(tmp_path / f"{page}.html").tags
    assert (tmp_path / "seg.html").stat().st_size < 100_000  # no clouds, no plotly


def test_right_and_wrong_are_told_in_words(tmp_path):
    cases = [classification_case(truth="chair")], [classification_case(truth="table")]
    write_classification_report(tmp_path / "report.html", "t", {}, {}, np.eye(1, dtype=int), ["chair"], *cases)
    text = " ".join(Reader(tmp_path / "report.html").text)
    assert text.index("✓ right") < text.index("✗ wrong")
    assert "90.0 %" in text


def test_category_table_shows_whatever_columns_come(tmp_path):
    segmentation_page(tmp_path / "report.html")
    text = " ".join(Reader(tmp_path / "report.html").text)
    assert re.search(r"category\s+shapes\s+mIoU\s+chance", text)
    assert re.search(r"1,234\s+51\.3\s+–\s+–", text)
    assert "IoU 81.2" in text


def test_own_shapes_are_not_called_best_or_worst(tmp_path):
    write_segmentation_report(tmp_path / "report.html", "own", {}, [], [segmentation_case(truth=False)], [])
    text = " ".join(Reader(tmp_path / "report.html").text)
    assert "Best" not in text
    assert "Truth" not in text


def test_unknown_parts_are_in_the_legend(tmp_path):
    case = segmentation_case()
    case.truth[0] = -1
    write_segmentation_report(tmp_path / "report.html", "t", {}, [], [case], [])
    assert "not known" in " ".join(Reader(tmp_path / "report.html").text)


def test_bad_cases_are_refused(tmp_path):
    case = segmentation_case()
    case.prediction = case.prediction[1:]
    with pytest.raises(InputError, match="labels for 60 points"):
        write_segmentation_report(tmp_path / "report.html", "t", {}, [], [case], [])
    with pytest.raises(InputError, match="confusion matrix"):
        write_classification_report(tmp_path / "report.html", "t", {}, {}, np.eye(2), ["one"], [], [])
    with pytest.raises(InputError, match="Depth maps of shape"):
        pictures.depth_map_strip(np.zeros((3, 4)))
    with pytest.raises(InputError, match="titles"):
        pictures.depth_map_strip(np.zeros((3, 4, 4)), ["one"])
    with pytest.raises(InputError, match="visibility"):
        pictures.labelled_depth_maps(np.zeros((1, 4, 4)), np.zeros((1, 5, 2)), np.zeros((1, 4)), np.zeros(5, int))
    assert not (tmp_path / "report.html").exists()


def test_part_colours_come_round_and_unknown_is_gray():
    count = len(pictures.PART_COLOURS)
    assert count >= 6
    assert len(set(pictures.PART_COLOURS)) == count
    colours = pictures.part_colours(np.array([0, count, -1]))
    assert colours.dtype == np.uint8
    assert colours.tolist() == [list(pictures.PART_COLOURS[0])] * 2 + [list(pictures.UNKNOWN_COLOUR)]


def test_points_are_drawn_at_their_pixels_in_their_colours(tmp_path):
    pixel = np.array([[[50, 150], [150, 50], [100, 100]]])  # (row, column)
    figure = pictures.labelled_depth_maps(
        np.ones((1, 224, 224)), pixel, np.array([[True, True, False]]), np.array([0, 1, 2])
    )
    pictures.save_picture(tmp_path / "dots.png", figure)
    image = (imread(tmp_path / "dots.png")[..., :3] * 255).round()
    top, left = pictures.GAP + pictures.TITLE, pictures.GAP
    assert np.abs(image[top + 50, left + 150] - pictures.PART_COLOURS[0]).max() < 30
    assert np.abs(image[top + 150, left + 50] - pictures.PART_COLOURS[1]).max() < 30
    assert (image[top + 100, left + 100] == 255).all()  # not visible, not drawn


def test_clouds_are_upright_and_not_mirrored():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], dtype=float)
    figure = pictures.point_cloud(points, np.zeros(4, int), ["all"])
    drawn = np.stack([figure.data[0].x, figure.data[0].y, figure.data[0].z], axis=1)
    axes = drawn[1:] - drawn[0]
    assert axes[1, 2] > 0  # y has become plotly's upright axis
    assert np.abs(axes[1, :2]).max() < 1e-3
    assert np.linalg.det(axes) > 0  # a turn, not a mirror


@pytest.mark.parametrize(("count", "drawn"), [(1, 1), (100, 100), (8192, 8192), (100_000, 8192)])
def test_large_clouds_are_thinned(count, drawn):
    chosen = pictures.drawn_points(count)
    assert len(chosen) == drawn
    assert chosen[0] == 0
    assert chosen[-1] == count - 1


# Stands in for a person: presses a button, then drags the first cloud. What became of the cameras is left in the page.
PERSON = """<script>
const settled = () => new Promise(done => setTimeout(done, 300));
(async () => {
  const panes = [...document.querySelector(".shape").querySelectorAll(".cloud")];
  while (!panes.every(pane => pane.drawn)) await settled();
  const eyes = () => panes.map(pane => ({...pane._fullLayout.scene._scene.getCamera().eye}));
  const seen = [eyes()];
  document.querySelector("[data-move=left]").click();
  await settled(); seen.push(eyes());
  const canvas = panes[0].querySelector("canvas"), box = canvas.getBoundingClientRect();
  const mouse = (name, buttons, right) => canvas.dispatchEvent(new (name[0] === "p" ? PointerEvent : MouseEvent)(name,
    {bubbles: true, buttons, clientX: box.left + 100 + right, clientY: box.top + 100}));
  mouse("pointerdown", 1, 0); mouse("mousedown", 1, 0);
  for (let right = 10; right <= 60; right += 10) { mouse("mousemove", 1, right); await settled(); }
  seen.push(eyes());
  mouse("mouseup", 0, 60);
  await settled(); await settled(); seen.push(eyes());
  const apart = seen.map(([a, b]) => Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z));
  document.body.dataset.together = apart[0] < 1e-6 && apart[1] < 1e-6 && apart[3] < 1e-6;
  document.body.dataset.dragged = apart[2] < 0.5 && Math.abs(seen[3][1].y - seen[1][1].y) > 1;
  document.body.dataset.pressed = Math.abs(seen[1][1].y - seen[0][1].y) > 1;
})();
</script>"""

# Leaves the addresses that the page asked the network for in the page.
WITNESS = """<script>addEventListener("load", () => {
  const asked = performance.getEntriesByType("resource").map(entry => entry.name);
  document.body.dataset.asked = asked.filter(name => !/^(file|data|blob):/.test(name)).length;
});</script>"""


def load(report: Path, extra: str = WITNESS) -> tuple[str, list[str]]:
    """The page, with `extra` at its end, as Chromium made it, and what its console complains about."""
    copy, profile = report.with_name("copy.html"), report.with_name("profile")
    copy.write_text(report.read_text("utf-8").replace("</body>", f"{extra}</body>"), "utf-8")
    quiet = ["gpu", "quic", "background-networking", "component-update", "sync", "extensions", "default-apps"]
    command = [CHROMIUM, "--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in quiet)]
    command += [f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0", "--enable-unsafe-swiftshader"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000", "--window-size=900,1400"]
    done = subprocess.run([*command, "--dump-dom", copy.as_uri()], capture_output=True, timeout=90, check=True)
    console = [line for line in done.stderr.decode(errors="replace").splitlines() if ":CONSOLE:" in line]
    # hints about the speed of canvases come with any page that reads one back
    return done.stdout.decode(), [
        line for line in console if not re.search("willReadFrequently|GL Driver Message", line)
    ]


@needs_browser
def test_browser_loads_the_page_without_complaint_or_network(page):
    dom, complaints = load(page)
    assert not complaints
    assert 'data-asked="0"' in dom


@needs_browser
def test_browser_turns_both_clouds_together(tmp_path):
    segmentation_page(tmp_path / "report.html")
    dom, complaints = load(tmp_path / "report.html", PERSON)
    assert not complaints
    assert 'data-pressed="true"' in dom
    assert 'data-dragged="true"' in dom
    assert 'data-together="true"' in dom


@needs_browser
def test_browser_check_notices_faults(tmp_path):
    fault = "<script>throw new Error('oops')</script><img src='https://example.org/a.png'>"
    (tmp_path / "report.html").write_text(f"<!DOCTYPE html><body>{fault}</body>")
    dom, complaints = load(tmp_path / "report.html")
    assert len(complaints) == 1
    assert 'data-asked="1"' in dom
