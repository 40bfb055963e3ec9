"""Parsing of report pages."""

from html.parser import HTMLParser
from pathlib import Path

NASTY = """<img src=x onerror=alert(1)> "it's" & $x_1$ </script> 椅子 %{x}"""
FACTS = {"encoder": "ViT-B-16", NASTY: NASTY}


class Reader(HTMLParser):
    """Collects tags, URLs and visible text; the content of scripts and styles is collected separately."""

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


def text_of(page: Path) -> str:
    """The visible text of a page."""
    return " ".join(Reader(page).text)
