"""docs/settings.md lists every setting with its default."""

import re

import pytest

import fewshot_cls.settings
import zeroshot_det.settings
from fewshot_cls.settings import fewshot_defaults
from pointclip.bundled import DATA
from pointclip.config import is_setting
from tests.tasks import ROOT
from zeroshot_cls.settings import classification_defaults
from zeroshot_det.settings import detection_defaults
from zeroshot_seg.settings import segmentation_defaults

SECTIONS = {
    "Classification": classification_defaults(),
    "Segmentation": segmentation_defaults(),
    "Few-shot classification": fewshot_defaults(),
    "Detection": detection_defaults(),
}
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def listed(section: str) -> dict[str, str]:
    """The settings of a section of the page, with their defaults as written."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return {name: "" if value == "—" else value.strip("`")
            for name, value in re.findall(r"^\| `([A-Z_.]+)` \| ([^|]*) \|", text, re.M)}  # fmt: skip


@pytest.mark.parametrize("choices", [fewshot_cls.settings.CHOICES, zeroshot_det.settings.CHOICES])
def test_page_lists_every_choice(choices):
    for name, known in choices.items():
        values = " ".join(re.findall(rf"^\| `{re.escape(name)}` \|[^|]*\|([^|]*)\|", PAGE, re.M))
        assert [value for value in known if f"`{value}`" not in values] == [], name


def leaves(group, prefix: str = "") -> dict[str, str]:
    found = {}
    for key, value in group.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": str(value)}
    return found


@pytest.mark.parametrize("section", SECTIONS)
def test_page_lists_every_setting(section):
    shared, own, base = listed("All tasks"), listed(section), SECTIONS[section]
    assert shared
    assert own
    known = leaves(base) | {"DATASET.ROOT": f"{DATA.name}/"}
    of_all = {name for name in shared if all(is_setting(other, name) for other in SECTIONS.values())}
    assert known.keys() <= shared.keys() | own.keys()
    assert own.keys() <= known.keys()
    assert own == {name: known[name] for name in own}
    differing = {name for name in of_all if shared[name] != known[name]}
    assert differing <= {
        "CACHE",
        "ON_BAD_SHAPE",
        "DATASET.NAME",
        "DATASET.NUM_POINTS",
        "PROMPTS.TEMPLATE",
        "SEARCH.FIXED_VIEWS",
    }
