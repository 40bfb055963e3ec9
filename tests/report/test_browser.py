"""Every kind of page in a browser: without errors and network, with all pictures drawn, at three widths."""

import numpy as np
import pytest

from tests.report.browser import WIDTHS, chromium, needs_browser, opened, read_through
from tests.report.runs import KINDS_OF_PAGES, Runs
from tests.zeroshot_cls.pages import classification_page, shapes_page
from tests.zeroshot_seg.pages import segmentation_page

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("runs"))


SLOW = ("segmentation of files", "few-shot of files", "few-shot, head scored elsewhere")  # much like others


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOW else []) for kind in KINDS_OF_PAGES]
)
def test_pages_are_sound(browser, runs, kind):
    with opened(browser, runs.page(kind)) as (page, faults):
        for width in WIDTHS:
            faults += read_through(page, width, dark=width == WIDTHS[1])
            assert not faults, f"at {width} pixels"
        links = page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
        assert {"predictions.csv", "metrics.json", "config.yaml"} <= set(links)
        assert [link for link in links if not (runs.page(kind).parent / link).is_file()] == []


@pytest.mark.parametrize(
    "write", [classification_page, shapes_page, pytest.param(segmentation_page, marks=pytest.mark.slow)]
)
def test_names_that_look_like_markup_are_harmless(browser, write, tmp_path):
    write(tmp_path / "report.html")
    with opened(browser, tmp_path / "report.html") as (page, faults):
        assert not faults + read_through(page, WIDTHS[0])


def test_clouds_rotate_together(browser, runs):
    with opened(browser, runs.page("segmentation")) as (page, faults):
        shape = page.locator(".shape").first
        first, second = shape.locator(".cloud").all()
        shape.scroll_into_view_if_needed()
        page.wait_for_function(
            "() => [...document.querySelectorAll('.shape')][0].querySelectorAll('canvas').length > 1"
        )

        def eyes() -> np.ndarray:
            """The positions of both cameras, once they are at rest."""
            page.wait_for_timeout(400)
            read = "pane => Object.values(pane._fullLayout.scene._scene.getCamera().eye)"
            return np.array([first.evaluate(read), second.evaluate(read)])

        start = eyes()
        np.testing.assert_allclose(*start, atol=1e-6)
        shape.locator("[data-move=left]").click()
        pressed = eyes()
        np.testing.assert_allclose(*pressed, atol=1e-6)
        assert abs(pressed - start).max() > 0.5
        first.hover(position={"x": 100, "y": 100})
        page.mouse.down()
        for step in range(1, 7):
            box = first.bounding_box()
            page.mouse.move(box["x"] + 100 + 10 * step, box["y"] + 100)
        page.mouse.up()
        dragged = eyes()
        np.testing.assert_allclose(*dragged, atol=1e-6)
        assert abs(dragged - pressed).max() > 0.1  # how far depends on how many of the moves a busy machine draws
        assert not faults


def test_a_scene_is_drawn_as_its_controls_say(browser, runs):
    with opened(browser, runs.page("detection")) as (page, faults):
        scene = page.locator(".scene").first
        canvas = scene.locator("canvas").first
        canvas.scroll_into_view_if_needed()

        def picture() -> str:
            page.wait_for_timeout(200)
            return canvas.evaluate("canvas => canvas.toDataURL()")

        seen = [picture()]
        score = scene.locator("input[name=score]")
        score.fill("1")  # hides all boxes
        assert scene.locator("tr[data-box].dim").count() == scene.locator("tr[data-box]").count() > 0
        seen.append(picture())
        scene.locator("[data-move=left]").click()
        seen.append(picture())
        canvas.press("ArrowUp")
        seen.append(picture())
        scene.locator("tr[data-box]").first.click()  # shows its box, whatever its score
        seen.append(picture())
        assert len(set(seen)) == len(seen)
        scene.locator("tr[data-box]").first.click()
        scene.locator("[data-move=reset]").click()
        assert picture() == seen[1]
        assert not faults


DRAWN = """<canvas class='drawn'></canvas><script>\
document.querySelector('.drawn').getContext('2d').fillRect(20, 20, 9, 9)</script>"""
FAULTS = {  # what is on a page, and what is said of it
    "<script>throw Error('oops')</script>": "page error: oops",
    "<script>console.error('oops')</script>": "console: oops",
    "<script>fetch('https://example.org/a')</script>": "request: https://example.org/a",
    "<canvas class='2d'></canvas>": "of one colour: CANVAS.2d",
    "<canvas class='3d'></canvas><script>document.querySelector('.\\33 d').getContext('webgl').clear(16384)</script>": (
        "of one colour: CANVAS.3d"
    ),
    "<img class='white' width='90' height='90' "
    "src='data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>'>": "of one colour: IMG.white",
    "<div style='width: 500px'>wide</div>": "the page is 508 pixels wide",
    "<pre class='cut' style='overflow: hidden'>" + "long " * 90 + "</pre>": "cut off: PRE.cut",
}


def test_faults_are_seen(browser, tmp_path):
    (tmp_path / "report.html").write_text(f"<!DOCTYPE html><body><main>{DRAWN}{''.join(FAULTS)}</main>")
    with opened(browser, tmp_path / "report.html") as (page, faults):
        faults += read_through(page, 400, patience=0.2)
        for said in FAULTS.values():
            assert any(said in fault for fault in faults), (said, faults)
        assert not any("drawn" in fault for fault in faults)
