"""Pages in a headless Chromium, as a reader sees them."""

import io
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH")
WIDTHS = (400, 900, 1400)
HEIGHT = 900
PATIENCE = 15  # seconds until a picture must have been drawn; much longer than it takes, for loaded machines
EDGE = 6  # pixels left out around a picture, its frame and round corners

# the pictures whose middle can be seen: number, name, and rectangle within the window
IN_SIGHT = f"""() => [...document.querySelectorAll("canvas, img, .cloud")].flatMap((element, number) => {{
  const box = element.getBoundingClientRect(), x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
  if (y < 0 || y >= innerHeight || x < 0 || x >= innerWidth || box.width < 3 * {EDGE}) return [];
  return [[number, element.tagName + "." + element.className, box.left, box.top, box.right, box.bottom]];
}})"""
# what is cut off at the side without a sign
CLIPPED = """() => [...document.querySelectorAll("main *")].filter(element => {
  const overflow = getComputedStyle(element).overflowX;
  return overflow !== "visible" && element.scrollWidth > element.clientWidth + 1 && !element.closest(".scroll, .cloud");
}).map(element => element.tagName + "." + element.className)"""


@contextmanager
def chromium() -> Iterator:
    """A headless Chromium without network, with WebGL in software."""
    playwright = pytest.importorskip("playwright.sync_api")
    words = ["--enable-unsafe-swiftshader", "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-quic"]
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=words, chromium_sandbox=not root)
        yield browser
        browser.close()


@contextmanager
def opened(browser, path: Path) -> Iterator[tuple]:
    """The page at `path`, and a list to which its errors and the requests that leave its folder are added."""
    page, faults = browser.new_page(), []
    own = (path.parent.as_uri() + "/", "data:", "blob:")
    page.on("pageerror", lambda error: faults.append(f"page error: {error}"))
    page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith(own) else faults.append(f"request: {asked.url}"))
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    page.goto(path.as_uri())
    yield page, faults
    page.close()


def read_through(page, width: int, dark: bool = False, patience: float = PATIENCE) -> list[str]:
    """Read a page in a window of a given width, from the top to the end.

    Returns:
        The faults seen: pictures of one colour, and what is too wide for the window.
    """
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme="dark" if dark else "light")
    faults, seen, top = [], set(), 0
    while True:
        page.evaluate("top => scrollTo({top, behavior: 'instant'})", top)
        blank, end = None, time.monotonic() + patience
        while blank is None or (blank and time.monotonic() < end):
            if blank:
                page.wait_for_timeout(100)
            blank = _blank_pictures(page, seen)
        faults += [f"of one colour: {name}" for name in blank]
        if top + HEIGHT >= page.evaluate("document.documentElement.scrollHeight"):
            break
        top += HEIGHT * 3 // 4
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        faults.append(f"the page is {wide} pixels wide")
    return faults + [f"cut off: {name}" for name in page.evaluate(CLIPPED)]


def _blank_pictures(page, seen: set[int]) -> list[str]:
    """The names of pictures in sight that have one colour; the numbers of others are added to `seen`."""
    new = [entry for entry in page.evaluate(IN_SIGHT) if entry[0] not in seen]
    if not new:
        return []
    screen = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    blank = []
    for number, name, left, top, right, bottom in new:
        rows = slice(max(0, round(top) + EDGE), max(0, round(bottom) - EDGE))
        picture = screen[rows, max(0, round(left) + EDGE) : round(right) - EDGE]
        if picture.size and (picture != picture[0, 0]).any():
            seen.add(number)
        else:
            blank.append(name)
    return blank
