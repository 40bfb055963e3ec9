"""Report pages: complete, escaped, without network, and interactive in a browser."""

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests.report.reading import NASTY, Reader
from tests.zeroshot_cls.pages import classification_page, shapes_page
from tests.zeroshot_seg.pages import segmentation_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH")
PAGES = [classification_page, shapes_page, segmentation_page]


@pytest.fixture(scope="module", params=PAGES, ids=lambda write: write.__name__)
def page(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "report.html"
    request.param(path)
    return path


def test_page_is_complete_and_needs_no_network(page):
    read = Reader(page)
    pictures_linked = [address for address in read.addresses if not address.startswith("data:,")]
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


# Acts as a user: presses a button, then drags the first cloud. Records in the page how the cameras moved.
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

# Records in the page how many addresses it requested from the network.
WITNESS = """<script>addEventListener("load", () => {
  const asked = performance.getEntriesByType("resource").map(entry => entry.name);
  document.body.dataset.asked = asked.filter(name => !/^(file|data|blob):/.test(name)).length;
});</script>"""


def load(report: Path, extra: str = WITNESS) -> tuple[str, list[str]]:
    """Load the page, with `extra` appended, in Chromium: the resulting page, and the console's errors."""
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
def test_browser_loads_the_page_without_errors_or_network(page):
    dom, complaints = load(page)
    assert not complaints
    assert 'data-asked="0"' in dom


@needs_browser
def test_browser_rotates_both_clouds_together(tmp_path):
    segmentation_page(tmp_path / "report.html")
    dom, complaints = load(tmp_path / "report.html", PERSON)
    assert not complaints
    assert 'data-pressed="true"' in dom
    assert 'data-dragged="true"' in dom
    assert 'data-together="true"' in dom


@needs_browser
def test_browser_check_detects_errors(tmp_path):
    fault = "<script>throw new Error('oops')</script><img src='https://example.org/a.png'>"
    (tmp_path / "report.html").write_text(f"<!DOCTYPE html><body>{fault}</body>")
    dom, complaints = load(tmp_path / "report.html")
    assert len(complaints) == 1
    assert 'data-asked="1"' in dom
