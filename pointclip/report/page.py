"""Renders a report: a single HTML file with embedded style and scripts, from templates that escape all names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pointclip.errors import escaped

FOLDER = Path(__file__).parent  # of page.html.j2 and what all pages share


@dataclass(frozen=True)
class Footer:
    """What made a page. It differs from run to run: comparisons of pages leave the element `footer` out."""

    command: str
    date: str
    version: str
    files: tuple[str, ...] = ("predictions.csv", "metrics.json", "config.yaml")  # beside the page; linked


@dataclass(frozen=True)
class Heading:
    """What stands above and below a page's tables and sections."""

    title: str
    facts: Mapping[str, object] = field(default_factory=dict)  # shown in the given order: encoder, data set, accuracy …
    notes: Sequence[str] = ()  # important ones for readers
    footer: Footer | None = None  # what made the page, if that is to be said


def render(template: Path, heading: Heading, **content) -> str:
    """The whole page.

    Args:
        template: a task's own, which extends `page.html.j2`; style sheets and scripts beside it are embedded by their
            name: `{{ embedded("scene.css") }}`.
        content: table and sections, both optional, and what the task's template needs.
    """
    import jinja2  # imported here since it is slow and often not needed
    from markupsafe import Markup

    loader = jinja2.FileSystemLoader([template.parent, FOLDER])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.globals["embedded"] = lambda name: Markup(loader.get_source(environment, name)[0])
    environment.globals["plotly"] = _plotly
    empty: dict[str, object] = {"table": {}, "sections": ()}
    return environment.get_template(template.name).render(**(vars(heading) | empty | content))


def _plotly() -> str:
    """The library's source, 4.8 MB."""
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs  # imported here since it is slow and many pages have no clouds

    return Markup(get_plotlyjs())


def _shown(value: object) -> object:
    """A value as a page shows it: control characters except line ends are escaped; our own markup is kept."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "\n".join(map(escaped, value.split("\n")))
